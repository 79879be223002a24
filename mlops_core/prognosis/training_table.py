"""Labelled rows as arrays: what training and evaluation share, and the refusal of what no model can be made of."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.errors import InvalidArgumentError, UntrainableError, UntrainableReason, require_columns
from mlops_core.features import RUNNING, parse_feature_name
from mlops_core.prognosis.coverage import as_shares, sampled_counts
from mlops_core.prognosis.labels import LABELS
from mlops_core.prognosis.modes import FAILURE_MODE
from mlops_core.prognosis.run_sample import STANDS_FOR

FloatArray = NDArray[np.float64]

_NOT_FEATURES: Final = frozenset({"machine_id", "window_end", "revision", STANDS_FOR, FAILURE_MODE, *LABELS})


@dataclass(frozen=True)
class TrainingTable:
    """n labelled rows in order of machine and time, as arrays.

    Attributes:
        names: the features, one per column of `matrix`.
        matrix: n x features, single precision, NaN for null.
        shares: the columns that hold shares of expected readings instead of counts.
        fails: 1 where the machine fails within the horizon, 0 where not, NaN where unknown.
        rul_hours: NaN where the run is censored.
        stands_for: number of rows without failure that a row represents.
        hours: from `first` to the row's `window_end`.
        machines, runs: for each row, the position in `machine_ids` and `run_ids`.
        run_hours: hours from a run's first row to its failure, or to its last row where it is censored.
        run_failed: whether a run's failure was observed.
        run_stands_for: number of runs that a run represents; 1 where its failure was observed.
        run_marks: a hash of each run's machine, first moment and first features; a run that goes on keeps its mark.
        first, last: the earliest and latest `window_end`.
        modes: how each row's run failed, None where it did not or that is not known; empty where none is known.

    """

    names: tuple[str, ...]
    matrix: NDArray[np.float32]
    shares: tuple[str, ...]
    fails: FloatArray
    rul_hours: FloatArray
    stands_for: FloatArray
    hours: FloatArray
    machines: NDArray[np.int64]
    runs: NDArray[np.int64]
    machine_ids: tuple[str, ...]
    run_ids: tuple[str, ...]
    run_hours: FloatArray
    run_failed: NDArray[np.bool_]
    run_stands_for: FloatArray
    run_marks: tuple[str, ...]
    first: datetime
    last: datetime
    modes: tuple[str | None, ...] = ()


def feature_columns(labelled: pl.DataFrame) -> tuple[str, ...]:
    """Return the columns that a model may learn from: all but keys, revision, labels and whether the machine ran.

    In the frame's order.

    Raises InvalidArgumentError where one is not a number, or is ground truth of a simulation (`true_...`).
    """
    names = tuple(name for name in labelled.columns if name not in _NOT_FEATURES and not _is_running(name))
    for name in names:
        kind = labelled.schema[name]
        if name.startswith("true_"):
            raise InvalidArgumentError("labelled", name, "is ground truth, which no sensor gives", "Drop the column")
        if not (kind.is_numeric() or kind == pl.Boolean()):
            raise InvalidArgumentError("labelled", name, f"is {kind}, not a number", "Drop or encode the column")
    return names


def _is_running(name: str) -> bool:
    """Whether a column says how long a machine ran: what it was asked to do, and no sign of wear."""
    parts = parse_feature_name(name)
    return parts is not None and parts.channel == RUNNING


def matrix_of(features: pl.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """Return the columns as one array, n x features in row order, NaN for null and for what is not finite."""
    columns = features.select(pl.col(list(names)).cast(pl.Float32)).to_numpy(order="c", writable=True)
    matrix = np.ascontiguousarray(columns, dtype=np.float32)
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def training_table(
    labelled: pl.DataFrame,
    *,
    horizon: timedelta,
    names: tuple[str, ...] | None = None,
    shares: tuple[str, ...] | None = None,
) -> TrainingTable:
    """Return the arrays of labelled rows; `names` are the features, by default all that `feature_columns` finds.

    `shares` are those of them whose counts become shares, by default all of sampled channels.

    Raises:
        MissingColumnError: a key or label column is absent.
        InvalidArgumentError: a feature column that is none.
        UntrainableError: no rows, no features, or labels that were made for another horizon.

    """
    require_columns("labelled", labelled.columns, "machine_id", "window_end", *LABELS)
    names = feature_columns(labelled) if names is None else names
    if not names:
        raise UntrainableError(UntrainableReason.NO_FEATURES, "the frame holds keys and labels only")
    if labelled.is_empty():
        raise UntrainableError(UntrainableReason.NO_ROWS, "there are no labelled rows", "Is there any history yet?")
    rows = labelled.sort("machine_id", "window_end")
    _check_horizon(rows, horizon)
    runs = _runs(rows)
    matrix = matrix_of(rows, names)
    shares = sampled_counts(names, matrix) if shares is None else shares
    first, last = rows.select(first=pl.col("window_end").min(), last=pl.col("window_end").max()).row(0)
    machine_ids = tuple(rows["machine_id"].unique(maintain_order=True).to_list())
    return TrainingTable(
        names=names,
        matrix=as_shares(names, matrix, shares),
        shares=shares,
        fails=_floats(rows["fails_within_horizon"]),
        rul_hours=_floats(rows["rul_hours"]),
        stands_for=_floats(rows[STANDS_FOR]) if STANDS_FOR in rows.columns else np.ones(rows.height),
        hours=_floats((rows["window_end"] - first).dt.total_microseconds() / 3.6e9),
        machines=_positions(rows["machine_id"], machine_ids),
        runs=_positions(rows["run_id"], tuple(runs["run_id"].to_list())),
        machine_ids=machine_ids,
        run_ids=tuple(runs["run_id"].to_list()),
        run_hours=_floats(runs["hours"]),
        run_failed=runs["failed"].to_numpy(),
        run_stands_for=_floats(runs[STANDS_FOR]),
        run_marks=tuple(
            _mark(machine_id, began, matrix[row])
            for machine_id, began, row in runs.select("machine_id", "began", "row").iter_rows()
        ),
        first=first,
        last=last,
        modes=tuple(rows[FAILURE_MODE].to_list()) if FAILURE_MODE in rows.columns else (),
    )


def _check_horizon(rows: pl.DataFrame, horizon: timedelta) -> None:
    """Labels carry no horizon of their own; one that disagrees with `rul_hours` would go unnoticed into the model."""
    hours = horizon / timedelta(hours=1)
    wrong = rows.filter(pl.col("fails_within_horizon") != (pl.col("rul_hours") <= hours)).height
    if wrong:
        raise UntrainableError(
            UntrainableReason.LABELS_DISAGREE,
            f"fails_within_horizon is not rul_hours <= {hours:g} in {wrong} rows",
            "Give train() the horizon that label_features() was given",
        )


def _runs(rows: pl.DataFrame) -> pl.DataFrame:
    end = pl.col("window_end") + pl.duration(microseconds=(pl.col("rul_hours").fill_null(0.0) * 3.6e9).round())
    stands_for = pl.col(STANDS_FOR).median() if STANDS_FOR in rows.columns else pl.lit(1.0)
    return (
        rows.with_row_index("row")
        .group_by("run_id", maintain_order=True)
        .agg(
            pl.col("machine_id").first(),
            pl.col("row").first(),
            began=pl.col("window_end").min(),
            hours=(end.max() - pl.col("window_end").min()).dt.total_microseconds() / 3.6e9,
            failed=~pl.col("is_censored").first(),
            **{STANDS_FOR: stands_for},
        )
        .with_columns(pl.when("failed").then(1.0).otherwise(pl.col(STANDS_FOR)).alias(STANDS_FOR))
    )


def _mark(machine_id: str, began: datetime, first_row: NDArray[np.float32]) -> str:
    content = f"{machine_id} {began.isoformat()}".encode() + first_row.tobytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _floats(column: pl.Series) -> FloatArray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _positions(column: pl.Series, ids: tuple[str, ...]) -> NDArray[np.int64]:
    return column.replace_strict(list(ids), list(range(len(ids))), return_dtype=pl.Int64).to_numpy()
