"""Readings and failure events as objects of the lake: their bytes, written and read.

Objects are gzip-compressed JSON lines. The lake is at-least-once: the same reading may stand in several objects, and
every reader removes duplicates by the identity (machine_id, channel, event_timestamp).

A line: `machine_id, channel, event_timestamp, value, received_at`, and where they apply `replayed` (true) and `extras`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, FiniteFloat, ValidationError

from mlops_core.errors import MalformedObjectError
from mlops_core.lake.keys import (
    Partition,
    RawObject,
    events_key,
    raw_key,
    shard_of,
)
from mlops_core.telemetry import FailureEvent, Reading
from mlops_core.time import utc_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MalformedLine", "decode_failures", "decode_readings", "encode_failures", "encode_readings"]

# The fastest level that still folds the repeated names of JSON lines: about a tenth of the time of level 9, at most a
# quarter more bytes.
COMPRESSION_LEVEL: Final = 1

# The first bytes of every gzip stream (RFC 1952, 2.3.1).
_GZIP: Final = b"\x1f\x8b"


class MalformedLine(NamedTuple):
    """A line that is not what this library writes: in which of the objects, where (from 1), its bytes and the fault."""

    object_index: int
    line_number: int
    text: bytes
    problem: str


OnMalformed = Callable[[MalformedLine], None]


def encode_readings(readings: Iterable[Reading], *, shards: int = 1) -> list[RawObject]:
    """Return the objects that hold the readings: one per event hour and shard, in the order of their keys.

    Bytes and keys depend on the set of readings alone, not on their order or on repetitions.
    """
    lines: defaultdict[Partition, set[str]] = defaultdict(set)
    for reading in readings:
        fields: dict[str, object] = {
            "machine_id": reading.machine_id,
            "channel": reading.channel,
            "event_timestamp": utc_text(reading.event_timestamp),
            "value": reading.value,
        }
        partition = Partition(_hour_of(reading.event_timestamp), shard_of(reading.machine_id, shards))
        lines[partition].add(_line(fields, reading))
    objects: list[RawObject] = []
    for partition, held in lines.items():
        digest, body = _content_addressed(held)
        objects.append(RawObject(raw_key(partition.hour, partition.shard, digest), body))
    return sorted(objects)


def encode_failures(failures: Iterable[FailureEvent]) -> list[RawObject]:
    """Return the objects that hold the failure events: one per event hour; otherwise as `encode_readings`."""
    lines: defaultdict[datetime, set[str]] = defaultdict(set)
    for failure in failures:
        fields: dict[str, object] = {
            "machine_id": failure.machine_id,
            "event_timestamp": utc_text(failure.event_timestamp),
            "event_code": failure.event_code,
            "measured_value": failure.measured_value,
            "threshold": failure.threshold,
        }
        lines[_hour_of(failure.event_timestamp)].add(_line(fields, failure))
    objects: list[RawObject] = []
    for hour, held in lines.items():
        digest, body = _content_addressed(held)
        objects.append(RawObject(events_key(hour, digest), body))
    return sorted(objects)


def decode_readings(bodies: Sequence[bytes], *, on_malformed: OnMalformed | None = None) -> pl.DataFrame:
    """Return every reading of the raw objects as a frame of `READINGS`; what was stored twice is there twice.

    A line that is not a reading is handed to `on_malformed` and affects no other; without that argument it is an
    error, so that nothing is ever left out unnoticed. The order of the rows is not part of the contract.

    Raises:
        MalformedObjectError: an object that is not gzip or is cut off (that may be a failed read, so it never counts as
            empty), or a malformed line where `on_malformed` is not given.

    """
    import polars as pl  # here and not above: what only writes to the lake starts without it

    from mlops_core.telemetry import READINGS

    readings = _columnar(bodies)
    if readings is not None:
        return readings
    # Somewhere a line is malformed, which fails the whole scan: find the object, and read only that one line by line.
    frames: list[pl.DataFrame] = []
    for index, body in enumerate(bodies):
        frame = _columnar([body])
        if frame is None:
            lines = _valid_lines(index, body, _ReadingLine, on_malformed)
            frame = pl.DataFrame([line.model_dump() for line in lines], schema=READINGS)
        frames.append(frame)
    return pl.concat(frames)


def decode_failures(bodies: Sequence[bytes], *, on_malformed: OnMalformed | None = None) -> pl.DataFrame:
    """Return every failure event of the objects as a frame of `FAILURES`, `returned_to_service_at` null.

    What was stored twice is there twice. `on_malformed` and errors are those of `decode_readings`.
    """
    import polars as pl

    from mlops_core.telemetry import FAILURES

    lines = [
        line.model_dump()
        for index, body in enumerate(bodies)
        for line in _valid_lines(index, body, _FailureLine, on_malformed)
    ]
    return pl.DataFrame(lines, schema=FAILURES)


class _ReadingLine(BaseModel):
    machine_id: str
    channel: str
    event_timestamp: AwareDatetime
    value: FiniteFloat


class _FailureLine(BaseModel):
    machine_id: str
    event_timestamp: AwareDatetime
    event_code: str
    measured_value: FiniteFloat
    threshold: FiniteFloat
    returned_to_service_at: AwareDatetime | None = None


_Line = TypeVar("_Line", _ReadingLine, _FailureLine)


def _columnar(bodies: Sequence[bytes]) -> pl.DataFrame | None:
    """Return the readings of the objects in one vectorised pass, or None where any line is not a reading.

    Reading text and then parsing timestamps by their format is several times faster than a timestamp in the schema.
    """
    import polars as pl

    if any(not body.startswith(_GZIP) for body in bodies):
        return None
    schema = {"machine_id": pl.String, "channel": pl.String, "event_timestamp": pl.String, "value": pl.Float64}
    timestamps = pl.col("event_timestamp").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", time_zone="UTC", strict=False
    )
    try:
        readings = pl.scan_ndjson([BytesIO(body) for body in bodies], schema=schema).with_columns(timestamps).collect()
    except (OSError, pl.exceptions.PolarsError):
        return None
    whole = readings.select(pl.all().is_not_null().all(), finite=pl.col("value").is_finite().all())
    return readings if all(whole.row(0)) else None


def _valid_lines(index: int, body: bytes, line_type: type[_Line], on_malformed: OnMalformed | None) -> Iterator[_Line]:
    if not body:  # which gzip takes for an empty file
        raise MalformedObjectError(f"object {index}", "no bytes")
    try:
        lines = gzip.decompress(body).splitlines()
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedObjectError(f"object {index}", f"not a whole gzip stream: {error}") from error
    for number, text in enumerate(lines, start=1):
        try:
            yield line_type.model_validate_json(text, strict=True)
        except ValidationError as error:
            malformed = MalformedLine(index, number, text, str(error.errors()[0]["msg"]))
            if on_malformed is None:
                raise MalformedObjectError(f"object {index}, line {number}", malformed.problem) from error
            on_malformed(malformed)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _line(fields: dict[str, object], accepted: Reading | FailureEvent) -> str:
    fields["received_at"] = utc_text(accepted.received_at)
    if accepted.replayed:
        fields["replayed"] = True
    if accepted.extras:
        # As text: no depth and no number that a sender chose can then make the line unreadable to a columnar reader.
        fields["extras"] = _json(accepted.extras)
    return f"{_json(fields)}\n"


# Made once: json.dumps with options makes an encoder per call, which is half of its time for a line.
_json: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _content_addressed(lines: set[str]) -> tuple[str, bytes]:
    content = "".join(sorted(lines)).encode()
    return sha256(content).hexdigest(), gzip.compress(content, COMPRESSION_LEVEL, mtime=0)
