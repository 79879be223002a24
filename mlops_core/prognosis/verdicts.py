"""Findings about alarm episodes, as labels: see `label_features`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import polars as pl

from mlops_core.telemetry import VERDICTS, require_schema

_FAULT: Final = "FAULT_FOUND"
_NO_FAULT: Final = "NO_FAULT"
_SENSOR_FAULT: Final = "SENSOR_FAULT"
_FAILURE: Final = "failure"


def known_verdicts(verdicts: pl.DataFrame | None, known_until: datetime | None) -> pl.DataFrame:
    """Return the verdicts that had been given at `known_until`; all of them where it is None.

    Raises MissingColumnError, ColumnTypeError.
    """
    if verdicts is None:
        return VERDICTS.to_frame()
    require_schema("verdicts", verdicts, VERDICTS)
    fitted = verdicts.select(VERDICTS.names()).cast(VERDICTS)
    return fitted if known_until is None else fitted.filter(pl.col("decided_at") <= known_until)


def without_refuted(failures: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return the failures without those that a sensor announced and an inspection did not confirm."""
    refuted = verdicts.filter(pl.col("source") == _FAILURE, pl.col("verdict") != _FAULT)
    return failures.join(
        refuted.select("machine_id", event_timestamp="opened"),
        on=["machine_id", "event_timestamp"],
        how="anti",
        maintain_order="left",
    )


def faults(verdicts: pl.DataFrame) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield machine, opening and verdict of each episode in which a fault was found, in order of the verdict."""
    found = verdicts.filter(pl.col("verdict") == _FAULT).sort("decided_at", "machine_id")
    return found.select("machine_id", "opened", "decided_at").iter_rows()


def found_failures(failures: pl.DataFrame, maintenance: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return `machine_id`, `event_timestamp` of failures that no verdict refutes, and of faults that were found.

    A fault is where the machine failed, or else was repaired, within its episode, and otherwise at the verdict.
    """
    known = without_refuted(failures, verdicts).select("machine_id", "event_timestamp")
    repairs = maintenance.filter(pl.col("renews")).select("machine_id", "event_timestamp")
    stops = pl.concat([known, repairs]).sort("event_timestamp")
    found: list[tuple[str, datetime]] = []
    for machine_id, opened, decided_at in faults(verdicts):
        within = stops.filter(machine_id=machine_id).filter(pl.col("event_timestamp").is_between(opened, decided_at))
        found.append((machine_id, within["event_timestamp"][0] if within.height else decided_at))
    return pl.concat([known, pl.DataFrame(found, schema=known.schema, orient="row")]).unique(maintain_order=True)


def is_refuted(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.Series:
    """Return which rows lie within an episode in which no fault was found."""
    return _is_within(rows, verdicts, _NO_FAULT)


def judged_rows(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return labelled rows as the verdicts leave them: unobserved answers are no where no fault was found.

    Rows of an episode of a faulty sensor are left out.
    """
    if verdicts.is_empty():
        return rows
    no_fault, sensor = _is_within(rows, verdicts, _NO_FAULT), _is_within(rows, verdicts, _SENSOR_FAULT)
    fails = pl.col("fails_within_horizon")
    return rows.with_columns(
        fails_within_horizon=pl.when(fails.is_null() & no_fault).then(statement=False).otherwise(fails)
    ).filter(~sensor)


def _is_within(rows: pl.DataFrame, verdicts: pl.DataFrame, verdict: str) -> pl.Series:
    """Return which rows lie between the opening of an episode of their machine and its verdict."""
    chosen = verdicts.filter(pl.col("verdict") == verdict).select("machine_id", "opened", "decided_at")
    hits = (
        rows.select("machine_id", "window_end")
        .with_row_index("row")
        .join(chosen, on="machine_id")
        .filter(pl.col("window_end").is_between(pl.col("opened"), pl.col("decided_at")))
    )
    return pl.int_range(rows.height, eager=True).is_in(hits["row"].unique().cast(pl.Int64).implode())
