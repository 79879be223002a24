"""What a model says of rows that it has not learned from, beside what came of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.errors import HeldOutRunsError, UnjudgeableError
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.censoring import completeness_weights
from mlops_core.prognosis.prediction import estimate
from mlops_core.prognosis.training_table import TrainingTable, training_table

__all__ = ["JudgedRows", "judge_rows", "resample_runs"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedRows:
    """What a model says of held-out rows with a known answer, and what came of them. One entry per row.

    `rows` are their positions among all rows in order of machine and time.
    """

    rows: NDArray[np.intp]
    fails: FloatArray
    probability: FloatArray
    rul_hours: FloatArray
    runs: NDArray[np.int64]
    rul_coverage: float | None
    rul_error_hours: float | None
    health: FloatArray | None


def judge_rows(
    bundle: ModelBundle,
    labelled: pl.DataFrame,
    *,
    truth: pl.DataFrame | None = None,
    allow_training_runs: bool = False,
) -> JudgedRows:
    """Return what a model says of labelled rows, and what came of them. Arguments and errors as for `evaluate`.

    Rows without any reading are left out, since nothing is predicted from them; with `truth`, so are rows without it.
    """
    bundle.check_features(labelled.columns)
    horizon = timedelta(hours=bundle.manifest.horizon_hours)
    table = training_table(labelled, horizon=horizon, names=bundle.schema.names)
    learned = set(bundle.manifest.run_marks)
    seen = [run for run, mark in zip(table.run_ids, table.run_marks, strict=True) if mark in learned]
    if seen and not allow_training_runs:
        raise HeldOutRunsError(bundle.version, seen)
    health = None if truth is None else _true_health(labelled, truth)
    known = ~np.isnan(table.fails) & (~np.isnan(table.matrix[:, bundle.schema.is_measured])).any(axis=1)
    if health is not None:
        known &= ~np.isnan(health)
    if not known.any():
        raise UnjudgeableError("no row has a known answer")
    if not (table.fails[known] == 1).any():
        raise UnjudgeableError(f"none of {int(known.sum())} rows fails within the horizon")
    estimates = estimate(bundle, table.matrix[known])
    coverage, error = _life_figures(table, known, estimates.rul_hours, bundle.manifest.rul_ceiling_hours)
    return JudgedRows(
        rows=np.flatnonzero(known),
        fails=table.fails[known],
        probability=estimates.failure_probability,
        rul_hours=table.rul_hours[known],
        runs=table.runs[known],
        rul_coverage=coverage,
        rul_error_hours=error,
        health=None if health is None else health[known],
    )


def resample_runs(fails: FloatArray, runs: NDArray[np.int64], *, seed: int, resamples: int) -> Iterator[FloatArray]:
    """Yield weights of the rows, one set per resample: how often each run was drawn, with replacement.

    A resample without a failing row is drawn again. Source: Efron, Tibshirani, "An Introduction to the Bootstrap",
    1993; runs, not rows, are what the next month brings anew.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    names, index = np.unique(runs, return_inverse=True)
    for _ in range(resamples):
        while True:
            drawn = np.bincount(generator.integers(len(names), size=len(names)), minlength=len(names))
            weight = drawn[index].astype(np.float64)
            if weight @ fails:
                yield weight
                break


def _life_figures(
    table: TrainingTable, known: NDArray[np.bool_], told: FloatArray, ceiling: float | None
) -> tuple[float | None, float | None]:
    """Coverage of P10 to P90 and mean absolute error of P50; runs seen to fail stand for those that were cut off."""
    hours = np.minimum(table.rul_hours[known], np.inf if ceiling is None else ceiling)
    complete = ~np.isnan(table.rul_hours[known])
    if not complete.any():
        return None, None
    weight = completeness_weights(table.run_hours, table.run_failed)[table.runs[known]][complete]
    hours, told = hours[complete], told[complete]
    covered = (hours >= told[:, 0]) & (hours <= told[:, 2])
    error = np.abs(hours - told[:, 1])
    return float(np.average(covered, weights=weight)), float(np.average(error, weights=weight))


def _true_health(labelled: pl.DataFrame, truth: pl.DataFrame) -> FloatArray:
    """The true health index at each row's `window_end`, in order of machine and time; NaN where there is none."""
    health = truth.select("machine_id", "true_health_index", window_end="event_timestamp")
    joined = labelled.select("machine_id", "window_end").join(
        health, on=["machine_id", "window_end"], how="left", maintain_order="left"
    )
    ordered = joined.sort("machine_id", "window_end")["true_health_index"]
    return ordered.fill_null(float("nan")).to_numpy().astype(np.float64)
