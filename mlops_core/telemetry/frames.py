"""The frames that cross the library's door: their columns and types, and the check of a frame that a user brings.

`READINGS` is one row per measurement. Its identity is (machine_id, channel, event_timestamp); of two values for one
identity the larger wins. `FAILURES` is one row per functional failure: `event_timestamp` is the moment of failure,
`returned_to_service_at` the moment the machine ran again, null where unknown.

All timestamps are instants in UTC with microseconds.
"""

import math
from collections.abc import Mapping
from typing import Final

import polars as pl

from mlops_core.errors import ColumnTypeError, ColumnValueError, FrameTypeError, MissingColumnError, require_columns
from mlops_core.telemetry.message import FAILURE_KIND

TIMESTAMP: Final = pl.Datetime("us", "UTC")

READINGS: Final = pl.Schema(
    {"machine_id": pl.String(), "channel": pl.String(), "event_timestamp": TIMESTAMP, "value": pl.Float64()}
)
"""One row per measurement, `value` in the channel's unit; null marks a measurement that was not made. Identity:
(machine_id, channel, event_timestamp); of two values for one identity the larger counts."""

FAILURES: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "event_timestamp": TIMESTAMP,
        "event_code": pl.String(),
        "measured_value": pl.Float64(),
        "threshold": pl.Float64(),
        "returned_to_service_at": TIMESTAMP,
    }
)
"""One row per functional failure: when it happened, what exceeded which limit (in one unit), and when the machine ran
again (null: not known, or not yet). All but the first two columns may be null."""

MAINTENANCE: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "event_timestamp": TIMESTAMP,
        "returned_to_service_at": TIMESTAMP,
        "renews": pl.Boolean(),
    }
)
"""Work on a machine: `event_timestamp` is when it was taken out of service, `returned_to_service_at` when it ran again
(null: at once), `renews` whether the work restored it (a repair, a replaced part), so that a new run begins. An
inspection does not renew."""

VERDICTS: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "opened": TIMESTAMP,
        "decided_at": TIMESTAMP,
        "source": pl.String(),
        "verdict": pl.String(),
        "failure_mode": pl.String(),
    }
)
"""Findings about alarm episodes: `opened` is the start of the evidence, `decided_at` when the verdict was given,
`source` what raised the episode, `verdict` FAULT_FOUND, NO_FAULT or SENSOR_FAULT."""

EVENTS: Final = pl.Schema(
    {"machine_id": pl.String(), "event_timestamp": TIMESTAMP, "kind": pl.String(), "event_code": pl.String()}
)
"""What happened to a machine: errors, operators' actions, changes of state; failures are of kind `failure`. The code
may be null."""

_OPTIONAL_FAILURE_COLUMNS: Final = ("event_code", "measured_value", "threshold", "returned_to_service_at")


def normalise_readings(readings: pl.DataFrame) -> pl.DataFrame:
    """Return a user's readings with exactly the columns and types of `READINGS`.

    Lossless conversions are made (other time zones, time units, integer or decimal values, categorical ids); columns
    beyond the schema are left out, and a frame that fits already is returned as it is.

    Args:
        readings: machine_id, channel, event_timestamp, value. A null value marks a measurement that was not made.

    Returns:
        The rows in their order, duplicates included.

    Raises:
        FrameTypeError: not a polars DataFrame.
        MissingColumnError: a column is absent.
        ColumnTypeError: a type that could only be converted by guessing, such as a timestamp without time zone.
        ColumnValueError: null ids or timestamps, NaN or infinite values.

    Example:
        >>> row = {"machine_id": "P", "channel": "temperature", "event_timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
        >>> mc.normalise_readings(pl.DataFrame([{**row, "value": 61}]))["value"].to_list()
        [61.0]

    """
    return _checked(readings, READINGS, name="readings", nullable=("value",))


def normalise_failures(failures: pl.DataFrame) -> pl.DataFrame:
    """Return a user's failure log with exactly the columns and types of `FAILURES`.

    Args:
        failures: machine_id and event_timestamp; the other columns are null where absent.

    Returns:
        The rows in their order.

    Raises:
        SchemaError: as `normalise_readings`, or a return to service that lies before its failure.

    Example:
        >>> log = pl.DataFrame({"machine_id": ["PUMP-1"], "event_timestamp": [datetime(2026, 1, 2, tzinfo=UTC)]})
        >>> mc.normalise_failures(log)["event_code"].to_list()
        [None]

    """
    checked = _checked(failures, FAILURES, name="failures", optional=_OPTIONAL_FAILURE_COLUMNS)
    _refuse_early_returns(checked, "failures", "Check that the two columns are not swapped and share one time zone")
    return checked


def normalise_events(events: pl.DataFrame) -> pl.DataFrame:
    """Return a user's events with exactly the columns and types of `EVENTS`.

    A frame without `kind` is of failures, and so are rows where it is null; `event_code` is null where absent.
    Conversions and errors are those of `normalise_readings`.
    """
    checked = _checked(events, EVENTS, name="events", optional=("kind", "event_code"))
    return checked.with_columns(pl.col("kind").fill_null(FAILURE_KIND))


def renewals(maintenance: pl.DataFrame) -> pl.DataFrame:
    """Return machine_id, event_timestamp and returned_to_service_at of the work in a frame MAINTENANCE that renews.

    Raises:
        MissingColumnError, ColumnTypeError, ColumnValueError: the frame does not fit.

    """
    require_schema("maintenance", maintenance, MAINTENANCE)
    _refuse_early_returns(maintenance, "maintenance", "Correct those records")
    return maintenance.filter("renews").select("machine_id", "event_timestamp", "returned_to_service_at")


def require_schema(name: str, frame: pl.DataFrame, schema: pl.Schema) -> None:
    """Raise MissingColumnError or ColumnTypeError where a column is absent, or of another type without being null."""
    require_columns(name, frame.columns, *schema)
    for column, expected in schema.items():
        found = frame.schema[column]
        if found not in (expected, pl.Null()):
            raise ColumnTypeError(name, column, str(found), str(expected), f"Cast it to {expected}")


def _checked(
    frame: pl.DataFrame,
    schema: pl.Schema,
    *,
    name: str,
    optional: tuple[str, ...] = (),
    nullable: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Return a frame in a schema; `optional` columns may be absent or null, `nullable` ones null."""
    _refuse_other_types(frame, name)
    fitted = _fit(frame, schema, name=name, optional=optional)
    for column, kind in schema.items():
        if column not in (*optional, *nullable):
            _refuse_nulls(fitted[column], name)
        if kind == pl.Float64():
            _refuse_not_finite(fitted[column], name)
    return fitted


def _fit(frame: pl.DataFrame, schema: pl.Schema, *, name: str, optional: tuple[str, ...]) -> pl.DataFrame:
    if frame.schema == schema:
        return frame
    columns: list[pl.Expr] = []
    for column, expected in schema.items():
        if column in frame.columns:
            columns.append(_converted(column, frame.schema[column], expected, name))
        elif column in optional:
            columns.append(pl.lit(None, dtype=expected).alias(column))
        else:
            raise MissingColumnError(name, column, frame.columns)
    return frame.select(columns)


def _refuse_other_types(frame: object, name: str) -> None:
    if not isinstance(frame, pl.DataFrame):
        convert = f"Convert it: polars.DataFrame({name}), or polars.from_pandas({name})"
        hint = f"Collect it: {name}.collect()" if isinstance(frame, pl.LazyFrame) else convert
        raise FrameTypeError(name, type(frame), hint)


def _converted(column: str, found: pl.DataType, expected: pl.DataType, name: str) -> pl.Expr:
    """Return the lossless conversion of one column, or raise with the one that its owner has to choose."""
    is_number = isinstance(expected, pl.Float64) and found.is_numeric()
    is_text = isinstance(expected, pl.String) and isinstance(found, pl.Categorical | pl.Enum)
    if found in (expected, pl.Null()) or is_number or is_text:
        return pl.col(column).cast(expected)
    if isinstance(expected, pl.Datetime):
        return _instant(column, found, name)
    raise ColumnTypeError(
        name, column, str(found), str(expected), f'Cast it: pl.col("{column}").cast(pl.{expected.base_type()})'
    )


_INSTANT_HINTS: Final[Mapping[type[pl.DataType], str]] = {
    pl.Datetime: 'Say which one it is in: pl.col("{}").dt.replace_time_zone("UTC")',
    pl.String: 'Parse it: pl.col("{}").str.to_datetime(time_unit="us", time_zone="UTC")',
    pl.Date: 'Say which moment of the day: pl.col("{}").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")',
}


def _instant(column: str, found: pl.DataType, name: str) -> pl.Expr:
    if isinstance(found, pl.Datetime) and found.time_zone is not None:
        return pl.col(column).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    problem = "a timestamp without time zone" if isinstance(found, pl.Datetime) else str(found)
    other = 'If it counts seconds: pl.from_epoch("{}", time_unit="s").dt.replace_time_zone("UTC")'
    hint = _INSTANT_HINTS.get(found.base_type(), other).format(column)
    raise ColumnTypeError(name, column, problem, "a timestamp in UTC", hint)


def _refuse_nulls(values: pl.Series, name: str) -> None:
    if rows := values.null_count():
        column = values.name
        raise ColumnValueError(name, column, "is null", rows, f'Fill or drop those rows: {name}.drop_nulls("{column}")')


def _refuse_not_finite(values: pl.Series, name: str) -> None:
    if math.isfinite(values.sum()):  # as a sum is only where every term is; it costs a tenth of looking at each
        return
    finite = values.is_finite()
    if not finite.all():
        raise ColumnValueError(
            name,
            values.name,
            "is NaN or infinite",
            finite.len() - finite.null_count() - int(finite.sum()),
            f'Keep what was measured: {name}.filter(pl.col("{values.name}").is_finite())',
        )


def _refuse_early_returns(frame: pl.DataFrame, name: str, hint: str) -> None:
    if rows := frame.filter(pl.col("returned_to_service_at") < pl.col("event_timestamp")).height:
        raise ColumnValueError(name, "returned_to_service_at", "is earlier than event_timestamp", rows, hint)
