"""Readings and events out of the objects of the lake that `json_lines` writes, and what is malformed in them."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any, Final, NamedTuple, Self, TypeVar

import polars as pl
from pydantic import AwareDatetime, BaseModel, Field, FiniteFloat, ValidationError, model_validator

from mlops_core.errors import MalformedObjectError
from mlops_core.telemetry import FAILURE_KIND, FAILURES, READINGS, TIMESTAMP, Quality, union_readings

# The first bytes of every gzip stream (RFC 1952, 2.3.1).
_GZIP: Final = b"\x1f\x8b"


class MalformedLine(NamedTuple):
    """A line that is not what this library writes: in which of the objects, where (from 1), its bytes and the fault."""

    object_index: int
    line_number: int
    text: bytes
    problem: str


OnMalformed = Callable[[MalformedLine], None]


def decode_readings(bodies: Sequence[bytes], *, on_malformed: OnMalformed | None = None) -> pl.DataFrame:
    """Return every reading of the raw objects as a frame of `READINGS`; what was stored twice is there twice.

    Where one of them is a correction, the frame has the column `corrected_at` too.

    A line that is not a reading is handed to `on_malformed` and affects no other; without that argument it is an
    error, so that nothing is ever left out unnoticed. The order of the rows is not part of the contract.

    Raises:
        MalformedObjectError: an object that is not gzip or is cut off (that may be a failed read, so it never counts as
            empty), or a malformed line where `on_malformed` is not given.

    """
    readings = _columnar(bodies)
    if readings is not None:
        return readings
    # Somewhere a line is malformed, which fails the whole scan: find the object, and read only that one line by line.
    frames: list[pl.DataFrame] = []
    for index, body in enumerate(bodies):
        frame = _columnar([body])
        if frame is None:
            lines = _valid_lines(index, body, _ReadingLine, on_malformed)
            frame = _corrections(
                pl.DataFrame([line.model_dump() for line in lines], schema={**READINGS, "corrected_at": TIMESTAMP})
            )
        frames.append(frame)
    return union_readings(frames)


def _corrections(readings: pl.DataFrame) -> pl.DataFrame:
    """Leave out the column of corrections where there is none."""
    marks = readings["corrected_at"]
    return readings.drop("corrected_at") if marks.null_count() == readings.height else readings


def decode_failures(bodies: Sequence[bytes], *, on_malformed: OnMalformed | None = None) -> pl.DataFrame:
    """Return every failure among the events of the objects as a frame of `FAILURES`, `returned_to_service_at` null.

    What was stored twice is there twice. `on_malformed` and errors are those of `decode_readings`.
    """
    lines = [line for line in _event_lines(bodies, on_malformed) if line["kind"] == FAILURE_KIND]
    return pl.DataFrame(lines, schema=FAILURES)


def decode_events(bodies: Sequence[bytes], *, on_malformed: OnMalformed | None = None) -> pl.DataFrame:
    """Return every event of the objects, failures among them; otherwise as `decode_failures`.

    Returns:
        `machine_id, event_timestamp, kind, event_code, measured_value, threshold`; numbers null where not given.

    """
    schema = {name: FAILURES.get(name, pl.String()) for name in ("machine_id", "event_timestamp", "kind", "event_code")}
    numbers = {"measured_value": pl.Float64(), "threshold": pl.Float64()}
    return pl.DataFrame(_event_lines(bodies, on_malformed), schema=schema | numbers)


def _event_lines(bodies: Sequence[bytes], on_malformed: OnMalformed | None) -> list[dict[str, Any]]:
    return [
        line.model_dump()
        for index, body in enumerate(bodies)
        for line in _valid_lines(index, body, _EventLine, on_malformed)
    ]


class _ReadingLine(BaseModel):
    machine_id: str
    channel: str
    event_timestamp: AwareDatetime
    value: FiniteFloat | None
    quality: Quality = Field(default=Quality.GOOD, strict=False, exclude=True)
    corrected_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_measured_or_bad(self) -> Self:
        if self.value is None and self.quality is not Quality.BAD:
            raise ValueError("value is null and quality is not BAD")
        return self


class _EventLine(BaseModel):
    machine_id: str
    event_timestamp: AwareDatetime
    kind: str = FAILURE_KIND
    event_code: str
    measured_value: FiniteFloat | None = None
    threshold: FiniteFloat | None = None
    returned_to_service_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _a_failure_has_its_numbers(self) -> Self:
        if self.kind == FAILURE_KIND and (self.measured_value is None or self.threshold is None):
            raise ValueError("a failure without measured_value or threshold")
        return self


_Line = TypeVar("_Line", _ReadingLine, _EventLine)


def _columnar(bodies: Sequence[bytes]) -> pl.DataFrame | None:
    """Return the readings of the objects in one vectorised pass, or None where any line is not a reading.

    Reading text and then parsing timestamps by their format is several times faster than a timestamp in the schema.
    """
    if any(not body.startswith(_GZIP) for body in bodies):
        return None
    schema = {
        "machine_id": pl.String,
        "channel": pl.String,
        "event_timestamp": pl.String,
        "value": pl.Float64,
        "quality": pl.String,  # null in most lines, as is the next
        "corrected_at": pl.String,
    }
    timestamps = pl.col("event_timestamp", "corrected_at").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", time_zone="UTC", strict=False
    )
    try:
        readings = pl.scan_ndjson([BytesIO(body) for body in bodies], schema=schema).with_columns(timestamps).collect()
    except (OSError, pl.exceptions.PolarsError):
        return None
    whole = readings.select(
        pl.col("machine_id", "channel", "event_timestamp").is_not_null().all(),
        measured=pl.when(pl.col("value").is_null())
        .then(pl.col("quality").eq_missing(Quality.BAD.value))
        .otherwise(pl.col("value").is_finite())
        .all(),
    )
    return _corrections(readings.drop("quality")) if all(whole.row(0)) else None


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
