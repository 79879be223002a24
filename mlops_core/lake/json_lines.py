"""Readings and events as objects of the lake: their bytes, as they are written; `decoding` reads them.

Objects are gzip-compressed JSON lines. The lake is at-least-once: several objects may hold the same reading, and
every reader removes duplicates by the identity (machine_id, channel, event_timestamp).

A line of readings: `machine_id, channel, event_timestamp, value, received_at`, and where they apply `quality`
(UNCERTAIN, or BAD with a null value), `replayed` (true: sent as history), `corrected_at` (it replaces other values of
its identity) and `extras`. A line of events has a `kind` unless it is a failure.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from typing import Final

from mlops_core.errors import InvalidArgumentError
from mlops_core.lake.keys import RawObject, events_key, raw_key
from mlops_core.telemetry import Event, Extras, FailureEvent, Quality, Reading
from mlops_core.time import utc_text

# The fastest level that still folds the repeated names of JSON lines: about a tenth of the time of level 9, at most a
# quarter more bytes.
COMPRESSION_LEVEL: Final = 1


def encode_readings(readings: Iterable[Reading]) -> list[RawObject]:
    """Return the objects that hold the readings: one per event hour, in the order of their keys.

    Bytes and keys depend on the set of readings alone, not on their order or on repetitions.
    """
    lines: defaultdict[datetime, set[str]] = defaultdict(set)
    moments: dict[datetime, tuple[str, datetime]] = {}  # readings of one batch share theirs
    last_at = last_received_at = None
    at_text = received_text = ""
    held: set[str] = set()
    for reading in readings:
        machine_id, channel, at, value, received_at, replayed, quality, extras = reading
        if at is not last_at:
            at_text, hour = moments.get(at) or moments.setdefault(at, (utc_text(at), _hour_of(at)))
            last_at, held = at, lines[hour]
        if received_at is not last_received_at:
            received_text, last_received_at = utc_text(received_at), received_at
        rest = _rest(reading) if replayed or extras or quality is not Quality.GOOD else ""
        held.add(
            f'{_series(machine_id, channel)},"event_timestamp":"{at_text}","value":{_value(value)}'
            f',"received_at":"{received_text}"{rest}}}\n'
        )
    return _objects(raw_key, lines)


def encode_events(events: Iterable[FailureEvent | Event]) -> list[RawObject]:
    """Return the objects that hold the events: one per event hour; otherwise as `encode_readings`."""
    lines: defaultdict[datetime, set[str]] = defaultdict(set)
    for event in events:
        fields: dict[str, object] = {
            "machine_id": event.machine_id,
            "event_timestamp": utc_text(event.event_timestamp),
            "event_code": event.event_code,
        }
        if isinstance(event, Event):
            fields["kind"] = event.kind
        numbers = {"measured_value": event.measured_value, "threshold": event.threshold}
        fields |= {name: value for name, value in numbers.items() if value is not None}
        lines[_hour_of(event.event_timestamp)].add(
            f'{_json(fields)[:-1]},"received_at":"{utc_text(event.received_at)}"{_rest(event)}}}\n'
        )
    return _objects(events_key, lines)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@lru_cache(maxsize=65_536)
def _series(machine_id: str, channel: str) -> str:
    """What every line of one machine's channel begins with."""
    return _json({"machine_id": machine_id, "channel": channel})[:-1]


def _value(value: float | None) -> str:
    if value is None:
        return "null"
    if not isfinite(value):
        raise InvalidArgumentError("value", value, "is not finite")
    return float.__repr__(float(value))


def _rest(kept: Reading | FailureEvent | Event) -> str:
    # Extras as text: no depth and no number that a sender chose can then make a line unreadable to a columnar reader.
    rest = ""
    if isinstance(kept, Reading) and kept.quality is not Quality.GOOD:
        rest = f',"quality":"{kept.quality}"'
    if kept.replayed:
        rest += ',"replayed":true'
    if kept.extras:
        text = kept.extras.text if isinstance(kept.extras, Extras) else _json(dict(kept.extras))
        rest += f',"extras":{_json(text)}'
    return rest


# Made once: json.dumps with options makes an encoder per call, which is half of its time for a line.
_json: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def compressed_object(key: Callable[[datetime, str], str], hour: datetime, content: bytes) -> RawObject:
    """Return the object that holds the lines of an hour, named by their hash: `key` makes its name of both."""
    return RawObject(key(hour, sha256(content).hexdigest()), gzip.compress(content, COMPRESSION_LEVEL, mtime=0))


def _objects(key: Callable[[datetime, str], str], lines: Mapping[datetime, set[str]]) -> list[RawObject]:
    return sorted(compressed_object(key, hour, "".join(sorted(held)).encode()) for hour, held in lines.items())
