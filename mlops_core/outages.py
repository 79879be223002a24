"""Outages: when a machine was out of service, by failure or for work that renewed it, and when it came back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from mlops_core.errors import ColumnTypeError, ColumnValueError, MissingColumnError
from mlops_core.feature_schema import parse_feature_name
from mlops_core.schema import TIMESTAMP, normalise_failures
from mlops_core.windows import parse_duration

__all__ = ["MAINTENANCE", "infer_returns", "outage_frame"]

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


@dataclass(frozen=True)
class _Outage:
    """The end of a run: a failure, or work that renewed the machine before it failed."""

    machine_id: str
    stopped_at: datetime
    returned_at: datetime | None
    failed: bool


def outage_frame(
    failures: pl.DataFrame, maintenance: pl.DataFrame | None, known_until: datetime | None
) -> pl.DataFrame:
    """Return machine_id, stopped_at, returned_at (null: not back), failed, number (from 1), by machine and time.

    failures: frame `FAILURES`; maintenance: frame `MAINTENANCE`. Stops that fall into one outage are one row. Nothing
    that happened after `known_until` is in it.

    Raises MissingColumnError, ColumnTypeError or ColumnValueError where `maintenance` does not fit.
    """
    return _frame(_merged(_outages(failures, maintenance, known_until)))


def infer_returns(failures: pl.DataFrame, features: pl.DataFrame, *, silence: timedelta | str = "2h") -> pl.DataFrame:
    """Fill in returns to service that nobody recorded: a failed machine is silent, and reports again when it is back.

    Args:
        failures: frame `FAILURES`; a return that is recorded stays.
        features: the feature table, with a row per hop through gaps, as `compute_features` gives it.
        silence: how long a machine must have been silent at least, by whole hops.

    Returns:
        `failures`, ordered by machine and time, where a null `returned_to_service_at` is the beginning of the first
        window with readings after the first silence since the failure; still null where there was none.

    Raises:
        MissingColumnError: no column counts readings.
        SchemaError, DurationError: arguments that do not fit.

    """
    shortest, counts = _counts(features.columns)
    reporting = (
        features.filter(pl.any_horizontal(pl.col(name) > 0 for name in counts))
        .select("machine_id", "window_end", gap=pl.col("window_end").diff().over("machine_id", order_by="window_end"))
        .filter(pl.col("gap") > parse_duration(silence))
        .select("machine_id", back_at=pl.col("window_end") - shortest)
        .sort("machine_id", "back_at")
    )
    log = normalise_failures(failures).sort("machine_id", "event_timestamp")
    found = log.join_asof(
        reporting, left_on="event_timestamp", right_on="back_at", by="machine_id", strategy="forward",
        check_sortedness=False,
    )  # fmt: skip
    return found.with_columns(pl.coalesce("returned_to_service_at", "back_at").alias("returned_to_service_at")).select(
        log.columns
    )


def _counts(columns: list[str]) -> tuple[timedelta, list[str]]:
    counts = {name: parts for name in columns if (parts := parse_feature_name(name)) and parts.statistic == "count"}
    if not counts:
        raise MissingColumnError("features", "<channel>_count_<length>", columns[:6])
    shortest = min(parts.minutes for parts in counts.values())
    return timedelta(minutes=shortest), [name for name, parts in counts.items() if parts.minutes == shortest]


def _outages(failures: pl.DataFrame, maintenance: pl.DataFrame | None, known_until: datetime | None) -> list[_Outage]:
    stops = [
        _Outage(machine_id, stopped_at, returned_at, failed=True)
        for machine_id, stopped_at, returned_at in failures.select(
            "machine_id", "event_timestamp", "returned_to_service_at"
        ).iter_rows()
    ]
    if maintenance is not None:
        stops += [
            _Outage(machine_id, stopped_at, returned_at or stopped_at, failed=False)
            for machine_id, stopped_at, returned_at in _renewals(maintenance).iter_rows()
        ]
    if known_until is None:
        return stops
    return [
        replace(stop, returned_at=stop.returned_at if stop.returned_at and stop.returned_at <= known_until else None)
        for stop in stops
        if stop.stopped_at <= known_until
    ]


def _renewals(maintenance: pl.DataFrame) -> pl.DataFrame:
    for column, expected in MAINTENANCE.items():
        if column not in maintenance.columns:
            raise MissingColumnError("maintenance", column, maintenance.columns)
        if maintenance.schema[column] not in (expected, pl.Null()):
            raise ColumnTypeError(
                "maintenance", column, str(maintenance.schema[column]), str(expected), f"Cast it to {expected}"
            )
    backwards = maintenance.filter(pl.col("returned_to_service_at") < pl.col("event_timestamp")).height
    if backwards:
        raise ColumnValueError(
            "maintenance",
            "returned_to_service_at",
            "is earlier than event_timestamp",
            backwards,
            "Correct those records",
        )
    return maintenance.filter("renews").select("machine_id", "event_timestamp", "returned_to_service_at")


def _merged(stops: Iterable[_Outage]) -> list[_Outage]:
    """Join stops that fall into one outage: what first took the machine out of service says how the run ended."""
    outages: list[_Outage] = []
    for stop in sorted(stops, key=lambda stop: (stop.machine_id, stop.stopped_at, not stop.failed)):
        current = outages[-1] if outages else None
        if current is None or current.machine_id != stop.machine_id or _is_back(current, stop.stopped_at):
            outages.append(stop)
        elif stop.returned_at is not None and (current.returned_at is None or stop.returned_at > current.returned_at):
            outages[-1] = replace(current, returned_at=stop.returned_at)
    return outages


def _is_back(outage: _Outage, at: datetime) -> bool:
    return outage.returned_at is not None and outage.returned_at < at


def _frame(outages: list[_Outage]) -> pl.DataFrame:
    schema = {"machine_id": pl.String, "stopped_at": TIMESTAMP, "returned_at": TIMESTAMP, "failed": pl.Boolean}
    rows = [(o.machine_id, o.stopped_at, o.returned_at, o.failed) for o in outages]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("machine_id")
    )
