"""Splits that a maintenance engineer would accept: by machine, and by run in order of time. Never by row.

Rows of one run are nearly copies of each other; a split by row would let the model recognise what it should foresee.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.prognosis.training_table import TrainingTable
from mlops_core.time import in_utc, parse_duration

LEAST_RUNS: Final = 6
"""Failures of a single machine from which on its own earlier runs may judge a model of the others."""


def refuse_untrainable(table: TrainingTable) -> None:
    """Raise UntrainableError where nothing fails, nothing survives, or one machine has failed in too few runs."""
    known, failing = ~np.isnan(table.fails), _failing_rows(table)
    if not failing.any():
        raise UntrainableError(
            UntrainableReason.NO_POSITIVES,
            f"none of {int(known.sum())} rows fails within the horizon",
            "Wait for a failure, record those that sensors missed, or lengthen the horizon",
        )
    if not (table.fails == 0).any():
        raise UntrainableError(UntrainableReason.NO_NEGATIVES, "every row fails within the horizon", "Shorten it")
    runs = len(np.unique(table.runs[table.fails == 1]))
    if (failing > 0).sum() < 2 and runs < LEAST_RUNS:
        machine = table.machine_ids[int(failing.argmax())]
        raise UntrainableError(
            UntrainableReason.ONE_MACHINE,
            f"only {machine} has failed, {runs} time(s), so no model can be tried on enough runs that it has not seen",
            f"Wait for failures of a second machine, or for the {LEAST_RUNS}th of this one",
        )


def machine_folds(table: TrainingTable, *, folds: int, seed: int) -> NDArray[np.int64]:
    """Return for each machine the fold in which it is held out, failures spread evenly over the folds.

    There are at most as many folds as machines with a row that fails within the horizon.
    """
    return _spread(_failing_rows(table), folds, seed)


def row_folds(table: TrainingTable, *, folds: int, seed: int) -> NDArray[np.int64]:
    """Return for each row the fold in which it is held out: whole machines, or whole runs where one machine failed."""
    if (_failing_rows(table) > 0).sum() > 1:
        return machine_folds(table, folds=folds, seed=seed)[table.machines]
    failing = np.bincount(table.runs[table.fails == 1], minlength=len(table.run_ids))
    return _spread(failing, folds, seed)[table.runs]


def _spread(failing: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each machine or run, given how many of its rows fail."""
    usable = min(folds, int((failing > 0).sum()))
    # The most failing rows first, machines without any last, chance deciding between equals.
    order = np.lexsort((np.random.Generator(np.random.PCG64(seed)).permutation(len(failing)), -failing))
    position = np.empty(len(failing), dtype=np.int64)
    position[order] = np.arange(len(failing)) % usable
    return position


def out_of_fold(row_folds: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield for each fold the positions of the rows to learn from and of the rows held out."""
    for fold in range(int(row_folds.max()) + 1):
        yield np.flatnonzero(row_folds != fold), np.flatnonzero(row_folds == fold)


@dataclass(frozen=True)
class TimeSplit:
    """`known`: what was known at `at`, labels included. `later`: whole runs that began after `at`."""

    at: datetime
    known: pl.DataFrame
    later: pl.DataFrame


def split_by_time(labelled: pl.DataFrame, *, at: datetime, horizon: timedelta | str = "24h") -> TimeSplit:
    """Split labelled rows into what was known at a moment and the runs that began after it.

    A run under way at `at` is censored in `known`, since its failure was yet to come, and absent from `later`.

    Args:
        labelled: what `label_features` gives.
        at: aware time of the split.
        horizon: what the labels were made for.

    Returns:
        `.known` to learn from and `.later` to judge by; either may be empty.

    Raises:
        NaiveTimeError: `at` has no time zone.

    Example:
        >>> split = mc.split_by_time(labelled, at=datetime(2026, 2, 5, tzinfo=UTC))
        >>> split.known["window_end"].max() <= datetime(2026, 2, 5, tzinfo=UTC) < split.later["window_end"].min()
        True

    """
    at = in_utc("at", at)
    ahead = parse_duration(horizon)
    failed_at = pl.col("window_end") + pl.duration(microseconds=(pl.col("rul_hours") * 3.6e9).round())
    unknown = failed_at > at
    answered = pl.col("window_end") + ahead < at
    known = labelled.filter(pl.col("window_end") <= at).with_columns(
        rul_hours=pl.when(unknown).then(None).otherwise(pl.col("rul_hours")),
        is_censored=pl.col("is_censored") | unknown.fill_null(value=False),
        fails_within_horizon=pl.when(answered | (failed_at <= at)).then(pl.col("fails_within_horizon")),
    )
    began = pl.col("window_end").min().over("run_id")
    return TimeSplit(at, known, labelled.filter(began > at))


def split_time(labelled: pl.DataFrame, *, later_share: float = 0.25) -> datetime:
    """Return the moment after which about `later_share` of all failures lie whose runs also began after it.

    Raises UntrainableError where no run that failed began after another's failure: nothing can be held out by time.
    """
    runs = (
        labelled.filter(~pl.col("is_censored"))
        .group_by("run_id")
        .agg(began=pl.col("window_end").min(), failed=pl.col("window_end").max())
        .sort("began", descending=True)
    )
    if runs.height >= 2:
        wanted = max(1, round(later_share * runs.height))
        at = runs["began"][min(wanted, runs.height) - 1] - timedelta(microseconds=1)
        if runs.filter(pl.col("failed") <= at).height:
            return at
    raise UntrainableError(
        UntrainableReason.NO_POSITIVES,
        "no failure lies wholly after another, so none can be held out by time",
        "Wait for more history, or hold out machines instead",
    )


def _failing_rows(table: TrainingTable) -> NDArray[np.intp]:
    return np.bincount(table.machines[table.fails == 1], minlength=len(table.machine_ids))
