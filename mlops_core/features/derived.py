"""Features of features: drift against a machine's own baseline, and age.

They are made from a feature table by separate steps, so that the table itself keeps the columns of its contract.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from mlops_core.errors import InvalidArgumentError, require_columns
from mlops_core.features.replacements import length_of, only_new_sensors, replaced_at
from mlops_core.telemetry import FAILURE_KIND, TIMESTAMP, normalise_failures, renewals

BASELINE_ROWS = 24

RETURNS: Final = pl.Schema({"machine_id": pl.String(), "returned_at": TIMESTAMP})
"""When machines ran again as renewed."""


def machine_baselines(
    features: pl.DataFrame,
    columns: Sequence[str],
    *,
    rows: int = BASELINE_ROWS,
    by: Sequence[str] = ("machine_id",),
) -> pl.DataFrame:
    """Each machine's baseline: the mean of its first `rows` values of each column; nulls do not count.

    Args:
        features: with `by`, window_end and `columns`, from each machine's beginning.
        columns: names of the columns.
        rows: how many first values make the baseline.
        by: what has a baseline of its own; with ("machine_id", "run_id") a machine gets a new one after each repair.

    Returns:
        `by` and `columns`; null where a machine has no value yet. Keep it to serve a machine whose beginning is past.

    Raises:
        MissingColumnError, InvalidArgumentError: a column that is absent; `rows` below 1.

    """
    drifted = _with_baselines(features, columns, rows, by)
    return (
        drifted.group_by(by, maintain_order=True)
        .agg(pl.col(_baseline(column)).sort_by("window_end").last().alias(column) for column in columns)
        .sort(by)
    )


def add_drift(
    features: pl.DataFrame,
    columns: Sequence[str],
    *,
    rows: int = BASELINE_ROWS,
    by: Sequence[str] = ("machine_id",),
    baselines: pl.DataFrame | None = None,
    replaced: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Add `{column}_drift`: the value minus the machine's own baseline, in the column's unit.

    The baseline is the mean of the machine's first `rows` values; until there are that many, of those so far. Drift at
    a row therefore depends on rows up to it only.

    Args:
        features: with `by` and window_end; other columns pass through.
        columns: names of the columns.
        rows: how many first values make the baseline.
        by: what has a baseline of its own.
        baselines: what `machine_baselines` gave, for machines whose beginning is not in `features`; others get theirs
            from `features`.
        replaced: frame REPLACED: where a sensor was replaced or moved, the baseline of its channel starts anew with the
            first windows that lie wholly after; windows across have drift 0.

    Returns:
        The rows in their order with the new columns; null where the value is.

    Raises:
        MissingColumnError, InvalidArgumentError: a column that is absent; `rows` below 1.

    Example:
        >>> mc.add_drift(features, ["vibration_mean_24h"]).columns[-1]
        'vibration_mean_24h_drift'

    """
    drifted = _with_baselines(features, columns, rows, by)
    if baselines is not None:
        kept = baselines.select(*by, *(pl.col(column).alias(f"{column}_kept") for column in columns))
        drifted = drifted.join(kept, on=list(by), how="left", maintain_order="left").with_columns(
            pl.coalesce(f"{column}_kept", _baseline(column)).alias(_baseline(column)) for column in columns
        )
    drift = drifted.select(
        *features.columns,
        *((pl.col(column) - pl.col(_baseline(column))).alias(f"{column}_drift") for column in columns),
    )
    return drift if replaced is None else _with_new_sensors(drift, columns, rows, by, replaced)


def _with_new_sensors(
    drift: pl.DataFrame, columns: Sequence[str], rows: int, by: Sequence[str], replaced: pl.DataFrame
) -> pl.DataFrame:
    """Put the drift from the new sensors' own beginnings where they measure."""
    moments = replaced_at(drift, columns, replaced)
    if not moments:
        return drift
    new = _with_baselines(only_new_sensors(drift, columns, replaced), list(moments), rows, by)
    end = drift["window_end"]
    found: dict[str, pl.Series] = {}
    for column, at in moments.items():
        value, old = drift[column], drift[f"{column}_drift"]
        is_old, is_new = at.is_null() | (end <= at), end - length_of(column) >= at
        since = pl.when(is_new).then(new[column] - new[_baseline(column)]).otherwise(value - value)
        found[f"{column}_drift"] = pl.select(pl.when(is_old).then(old).otherwise(since).alias("drift"))["drift"]
    return drift.with_columns(**found)


def add_age(
    features: pl.DataFrame, *, by: Sequence[str] = ("machine_id",), returns: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Add `age_hours`: hours in service up to `window_end`.

    Args:
        features: with `by` and window_end, from each machine's beginning.
        by: what has an age of its own.
        returns: frame RETURNS, from `returns_to_service`. Age counts from the latest at or before the row; before the
            first, and without any, from the first window end.

    Returns:
        The rows in their order with the new column, in hours.

    Raises:
        MissingColumnError: a column that is absent.

    Example:
        >>> mc.add_age(features).columns[-1]
        'age_hours'

    """
    require_columns("features", features.columns, *by, "window_end")
    since = pl.col("window_end").min().over(by)
    if returns is None:
        rows = features.with_columns(_since=since)
    else:
        rows = features.with_columns(_first=since).with_row_index("_row").sort("window_end")
        latest = returns.select("machine_id", _returned="returned_at").sort("_returned")
        rows = rows.join_asof(
            latest, left_on="window_end", right_on="_returned", by="machine_id", coalesce=False, check_sortedness=False
        )
        rows = rows.sort("_row").with_columns(_since=pl.coalesce("_returned", "_first"))
    hours = (pl.col("window_end") - pl.col("_since")).dt.total_microseconds() / 3.6e9
    return rows.select(*features.columns, age_hours=hours)


def failures_among(events: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of FAILURES in a frame of events; a frame without `kind` is of failures."""
    if "kind" not in events.columns:
        return events
    return events.filter(pl.col("kind").fill_null(FAILURE_KIND) == FAILURE_KIND)


def returns_to_service(failures: pl.DataFrame | None, maintenance: pl.DataFrame | None) -> pl.DataFrame:
    """The frame RETURNS of frames FAILURES and MAINTENANCE.

    A failure counts where its return is known; of maintenance, what renews.
    """
    parts = [pl.DataFrame(schema=RETURNS)]
    if failures is not None:
        parts.append(normalise_failures(failures).select("machine_id", returned_at="returned_to_service_at"))
    if maintenance is not None:
        renewed = renewals(maintenance)
        returned = pl.coalesce("returned_to_service_at", "event_timestamp")
        parts.append(renewed.select("machine_id", returned_at=returned.cast(TIMESTAMP)))
    return pl.concat(parts).drop_nulls().unique().sort("machine_id", "returned_at")


def machine_beginnings(
    features: pl.DataFrame, columns: Sequence[str], *, rows: int = BASELINE_ROWS, replaced: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The rows that drift and age of later rows depend on: of each machine its first, and `rows` values a column.

    Kept by a platform that computes a few hours at a time. The beginnings of beginnings and later rows together are
    those of all rows, whatever the order in which they come. With `replaced` (frame REPLACED), new
    sensors have theirs too.

    Returns:
        machine_id, window_end and `columns`, in order of machine and time.

    """
    ordered = features.select("machine_id", "window_end", *columns).sort("machine_id", "window_end")
    is_first = pl.col("window_end") == pl.col("window_end").min()
    early = [pl.col(name).is_not_null() & (pl.col(name).is_not_null().cum_sum() <= rows) for name in columns]
    kept = pl.any_horizontal(is_first, *early).over("machine_id")
    if replaced is None or replaced.is_empty():
        return ordered.filter(kept)
    of_new = only_new_sensors(ordered, columns, replaced).select(kept.alias("kept"))["kept"]
    return ordered.filter(ordered.select(kept.alias("kept"))["kept"] | of_new)


def _baseline(column: str) -> str:
    return f"{column}_baseline"


def _with_baselines(features: pl.DataFrame, columns: Sequence[str], rows: int, by: Sequence[str]) -> pl.DataFrame:
    """The features in order of time with each column's baseline so far, in the order of their rows."""
    if rows < 1:
        raise InvalidArgumentError("rows", rows, "is below 1", "A baseline needs at least one row")
    require_columns("features", features.columns, *by, "window_end", *columns)
    baselines: list[pl.Expr] = []
    for column in columns:
        counts = pl.col(column).is_not_null().cast(pl.Int64).cum_sum()
        first = pl.when(counts <= rows).then(pl.col(column)).fill_null(0.0).cum_sum() / counts.clip(0, rows)
        baselines.append(pl.when(counts > 0).then(first).over(by, order_by="window_end").alias(_baseline(column)))
    return features.with_columns(baselines)
