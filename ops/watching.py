"""What arrives of one machine while somebody looks: its readings in the lake, and what was refused of it, with why."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.stores import DataLake, Quarantine, Refused
from mlops_core.errors import QuarantineReason
from mlops_core.lake import QUARANTINE_PREFIX, RAW_PREFIX, QuarantineRecord, decode_readings, hour_path
from mlops_core.telemetry import FAILURE_KIND, READINGS_LEVEL, Channel
from mlops_core.time import utc_text
from ops.connect_examples import sample_values

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Arrival:
    """A reading of the machine; None for a value whose quality is BAD."""

    channel: str
    event_timestamp: datetime
    value: float | None


class Watch:
    """Polls, and returns what is new each time."""

    def __init__(self, lake: DataLake, machine_id: str, *, hours: int) -> None:
        self._lake = lake
        self._machine_id = machine_id
        self._hours = hours
        self._seen: set[str] = set()

    def look(self, now: datetime) -> tuple[list[Arrival], list[Refused]]:
        """Return readings of the last hours (of event time), and what was refused today, that no look has shown yet."""
        hours = [now - back * HOUR for back in range(-1, self._hours)]
        raw = self._new(f"{RAW_PREFIX}{hour_path(hour)}/" for hour in hours)
        refused = self._new(f"{QUARANTINE_PREFIX}date={day:%Y-%m-%d}/" for day in {now.date(), (now - HOUR).date()})
        readings = decode_readings(self._lake.read_all(raw), on_malformed=lambda _: None).unique()
        own = readings.filter(readings["machine_id"] == self._machine_id).sort("event_timestamp", "channel")
        arrivals = [Arrival(channel, at, value) for _, channel, at, value in own.iter_rows()]
        records = (one for one in Quarantine(self._lake).records(refused) if isinstance(one, Refused))
        of_machine = [one for one in records if f"/{self._machine_id}/" in one.record.topic]
        return arrivals, sorted(of_machine, key=lambda one: one.record.received_at)

    def _new(self, prefixes: Iterable[str]) -> list[str]:
        keys = [key for key in self._lake.versions_under(prefixes) if key not in self._seen]
        self._seen.update(keys)
        return keys


_ADVICE = {
    QuarantineReason.BAD_MACHINE_ID: "Leave machine_id out of the message: the topic says whose it is.",
    QuarantineReason.ID_MISMATCH: "Leave machine_id out of the message: the topic says whose it is.",
    QuarantineReason.NAIVE_TIMESTAMP: "End timestamp_utc with Z, or with the offset of its zone, +02:00 say.",
    QuarantineReason.TOO_LATE: (
        'Check the machine\'s clock and the unit of the time; mark what is history with "historical": true.'
    ),
    QuarantineReason.FUTURE: "Set the machine's clock (NTP), and check the zone of its times.",
    QuarantineReason.NOT_FINITE: 'Leave out what was not measured, or say "quality": "BAD".',
    QuarantineReason.OVERSIZE: "Send fewer readings a message: 128 KiB are the most.",
}


def advice(record: QuarantineRecord, channels: Mapping[str, Channel]) -> str:
    """What to change so that the next such message is accepted."""
    channel = channels.get(record.topic.rsplit("/", 1)[-1])
    if record.reason in {QuarantineReason.BAD_TOPIC, QuarantineReason.UNKNOWN_SENSOR}:
        names = ", ".join(list(channels)[:20])
        return f"Publish to .../readings or to the topic of a channel of this stack: {names}."
    if record.reason is QuarantineReason.OUT_OF_RANGE:
        meant = channel or next((each for name, each in channels.items() if name in record.detail), None)
        bounds = "" if meant is None else f" ({meant.minimum:g} to {meant.maximum:g} {meant.unit})"
        return f'Check sensor and unit{bounds}; say "quality": "BAD" where nothing was measured.'
    return _ADVICE.get(record.reason) or f"Send, for example: {_sample(record, channel, channels)}"


def _sample(record: QuarantineRecord, channel: Channel | None, channels: Mapping[str, Channel]) -> str:
    """A message that its topic accepts."""
    if channel is not None:
        fields: dict[str, object] = {channel.payload_field: sample_values({channel.name: channel})[channel.name]}
    elif record.topic.endswith(f"/{READINGS_LEVEL}"):
        fields = {"values": dict(list(sample_values(channels).items())[:3])}
    else:
        fields = {"event_code": "E-17"}
        if record.topic.endswith(f"/{FAILURE_KIND}"):
            fields |= {"measured_value": 11.6, "threshold": 11.2}
    return json.dumps({"timestamp_utc": f"{utc_text(record.received_at)[:19]}Z"} | fields)
