"""Features of features: drift against a machine's own baseline, and age.

They are made from a feature table by separate steps, so that the table itself keeps the columns of its contract.
"""

from collections.abc import Sequence

import polars as pl

from mlops_core.errors import InvalidArgumentError, MissingColumnError

__all__ = ["add_age", "add_drift", "machine_baselines"]

BASELINE_ROWS = 24


def machine_baselines(
    features: pl.DataFrame,
    columns: Sequence[str],
    *,
    rows: int = BASELINE_ROWS,
    by: Sequence[str] = ("machine_id",),
) -> pl.DataFrame:
    """Each machine's baseline: the mean of its first `rows` values of each column; nulls do not count.

    features: with `by`, window_end and `columns`, from each machine's beginning.
    by: what has a baseline of its own; with ("machine_id", "run_id") a machine gets a new one after each repair.
    Returns `by` and `columns`; null where a machine has no value yet. Keep it to serve a machine whose beginning is
    past.

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
) -> pl.DataFrame:
    """Add `{column}_drift`: the value minus the machine's own baseline, in the column's unit.

    The baseline is the mean of the machine's first `rows` values; until there are that many, of those so far. Drift at
    a row therefore depends on rows up to it only.

    baselines: what `machine_baselines` gave, for machines whose beginning is not in `features`; others get theirs from
        `features`.

    Raises:
        MissingColumnError, InvalidArgumentError: a column that is absent; `rows` below 1.

    """
    drifted = _with_baselines(features, columns, rows, by)
    if baselines is not None:
        kept = baselines.select(*by, *(pl.col(column).alias(f"{column}_kept") for column in columns))
        drifted = drifted.join(kept, on=list(by), how="left", maintain_order="left").with_columns(
            pl.coalesce(f"{column}_kept", _baseline(column)).alias(_baseline(column)) for column in columns
        )
    return drifted.select(
        *features.columns,
        *((pl.col(column) - pl.col(_baseline(column))).alias(f"{column}_drift") for column in columns),
    )


def add_age(features: pl.DataFrame, *, by: Sequence[str] = ("machine_id",)) -> pl.DataFrame:
    """Add `age_hours`: hours from the first window end of the machine (or of what `by` names) to this one."""
    _refuse_missing(features, (*by, "window_end"))
    since = pl.col("window_end") - pl.col("window_end").min().over(by)
    return features.with_columns(age_hours=since.dt.total_microseconds() / 3.6e9)


def _baseline(column: str) -> str:
    return f"{column}_baseline"


def _with_baselines(features: pl.DataFrame, columns: Sequence[str], rows: int, by: Sequence[str]) -> pl.DataFrame:
    """The features in order of time with each column's baseline so far, in the order of their rows."""
    if rows < 1:
        raise InvalidArgumentError("rows", rows, "is below 1", "A baseline needs at least one row")
    _refuse_missing(features, (*by, "window_end", *columns))
    baselines: list[pl.Expr] = []
    for column in columns:
        counts = pl.col(column).is_not_null().cast(pl.Int64).cum_sum()
        first = pl.when(counts <= rows).then(pl.col(column)).fill_null(0.0).cum_sum() / counts.clip(0, rows)
        baselines.append(pl.when(counts > 0).then(first).over(by, order_by="window_end").alias(_baseline(column)))
    return features.with_columns(baselines)


def _refuse_missing(features: pl.DataFrame, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in features.columns:
            raise MissingColumnError("features", column, features.columns)
