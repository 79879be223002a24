"""What machines say in a history, and where each message has to end, by the specification and not by the code."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple, TypeAlias

PREFIX = "industrial/machine"
FIELDS = {"temperature": "temperature_celsius", "vibration": "vibration_rms"}
ALLOWED_LATENESS = timedelta(hours=3)
FUTURE_TOLERANCE = timedelta(minutes=5)
ELSEWHERE = timezone(timedelta(hours=-3))


class ReadingFact(NamedTuple):
    """A reading that the lake has to hold."""

    machine_id: str
    channel: str
    event_timestamp: str
    value: float


class FailureFact(NamedTuple):
    """A failure event that the lake has to hold."""

    machine_id: str
    event_timestamp: str
    event_code: str
    measured_value: float


class Refusal(NamedTuple):
    """The reason for which a message has to be in quarantine."""

    reason: str


Fate: TypeAlias = ReadingFact | FailureFact | Refusal


@dataclass
class Publication:
    """One accepted publish: what was sent, when the broker got it, and where it has to end."""

    topic: str
    payload: bytes
    received_ms: int
    fate: Fate
    message_ids: set[str] = field(default_factory=set[str])
    replayed: bool = False
    extras: str | None = None
    fact: "ReadingFact | FailureFact | None" = None  # what it says, wherever it has to end

    @property
    def identity(self) -> tuple[str, bytes, int]:
        """What tells it from other publications; equal ones are counted."""
        return self.topic, self.payload, self.received_ms


def text_of(moment: datetime) -> str:
    """A moment as the lake writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time_refusal(event_timestamp: datetime, now: datetime, *, replayed: bool) -> Refusal | None:
    if event_timestamp - now > FUTURE_TOLERANCE:
        return Refusal("FUTURE")
    if now - event_timestamp > ALLOWED_LATENESS and not replayed:
        return Refusal("TOO_LATE")
    return None


def reading(
    machine_id: str, channel: str, event_timestamp: datetime, value: float, now: datetime, *, replayed: bool = False
) -> Publication:
    """A well-formed reading, which its time alone may condemn."""
    stated = event_timestamp.astimezone(ELSEWHERE).isoformat() if value % 2 else text_of(event_timestamp)
    body = {"machine_id": machine_id, "timestamp_utc": stated, FIELDS[channel]: value}
    if replayed:
        body["replayed"] = True
    extras = {"batch": 7} if channel == "vibration" else {}
    fact = ReadingFact(machine_id, channel, text_of(event_timestamp), value)
    publication = _publication(
        f"{PREFIX}/{machine_id}/{channel}",
        json.dumps(body | extras).encode(),
        now,
        _time_refusal(event_timestamp, now, replayed=replayed) or fact,
    )
    publication.fact, publication.replayed = fact, replayed
    publication.extras = json.dumps(extras, separators=(",", ":")) if extras else None
    return publication


def failure(machine_id: str, event_timestamp: datetime, value: float, now: datetime) -> Publication:
    """A well-formed failure event."""
    body = {
        "machine_id": machine_id,
        "timestamp_utc": text_of(event_timestamp),
        "event_code": "BEARING_WEAR",
        "measured_value": value,
        "threshold": 11.2,
    }
    fact = FailureFact(machine_id, text_of(event_timestamp), "BEARING_WEAR", value)
    publication = _publication(
        f"{PREFIX}/{machine_id}/event/failure",
        json.dumps(body).encode(),
        now,
        _time_refusal(event_timestamp, now, replayed=False) or fact,
    )
    publication.fact = fact
    return publication


BAD = {
    "EMPTY": ("temperature", b""),
    "BAD_ENCODING": ("temperature", b"\xff\xfe\x00"),
    "BAD_JSON": ("vibration", b'{"machine_id": '),
    "BAD_TYPE": ("temperature", b'{"machine_id":"A","timestamp_utc":"%s","temperature_celsius":"20"}'),
    "NOT_FINITE": ("temperature", b'{"machine_id":"A","timestamp_utc":"%s","temperature_celsius":NaN}'),
    "OUT_OF_RANGE": ("temperature", b'{"machine_id":"A","timestamp_utc":"%s","temperature_celsius":1e308}'),
    "ID_MISMATCH": ("temperature", b'{"machine_id":"B","timestamp_utc":"%s","temperature_celsius":20}'),
    "MISSING_FIELD": ("temperature", b'{"machine_id":"A","timestamp_utc":"%s"}'),
    "UNKNOWN_SENSOR": ("pressure", b'{"machine_id":"A","timestamp_utc":"%s","pressure":3}'),
    "BAD_TOPIC": ("event/failure/again", b"{}"),
    "BAD_TIMESTAMP": ("temperature", b'{"machine_id":"A","timestamp_utc":"noon","temperature_celsius":20}'),
    "NAIVE_TIMESTAMP": (
        "temperature",
        b'{"machine_id":"A","timestamp_utc":"2026-11-21T22:00:00","temperature_celsius":20}',
    ),
}
"""Bad messages of machine A by the reason for which they are refused: the end of the topic, and the payload."""

BAD_FAILURES = {
    "BAD_ENCODING": b"\xfe",
    "MISSING_FIELD": b'{"machine_id":"A","timestamp_utc":"%s","event_code":"X","threshold":1}',
}


def bad(reason: str, now: datetime, *, as_failure: bool = False) -> Publication:
    """A message that is refused whatever the time."""
    suffix, payload = ("event/failure", BAD_FAILURES[reason]) if as_failure else BAD[reason]
    payload = payload.replace(b"%s", text_of(now).encode())
    return _publication(f"{PREFIX}/A/{suffix}", payload, now, Refusal(reason))


def _publication(topic: str, payload: bytes, now: datetime, fate: Fate) -> Publication:
    return Publication(topic, payload, round(now.timestamp() * 1000), fate)
