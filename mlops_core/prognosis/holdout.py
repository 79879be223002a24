"""What a model says of rows that it has not learned from, beside what came of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.errors import HeldOutRunsError, UnjudgeableError
from mlops_core.prognosis.alarm_replay import FloatArray, HeldOutRuns, held_out_runs
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.censoring import completeness_weights
from mlops_core.prognosis.estimates import Estimates, estimate
from mlops_core.prognosis.metrics import nasa_score
from mlops_core.prognosis.simple_rules import rule_scores
from mlops_core.prognosis.training_table import TrainingTable, training_table


@dataclass(frozen=True)
class LifeFigures:
    """The remaining life of rows whose run was seen to fail: coverage of P10 to P90, errors in hours.

    `constant_hours` is the root mean square error of the best constant, `nasa_score` the mean score of the mean life.
    """

    coverage: float
    absolute_error_hours: float
    square_error_hours: float
    constant_hours: float
    nasa_score: float


@dataclass(frozen=True)
class JudgedRows:
    """What a model says of held-out rows with a known answer, and what came of them. One entry per row.

    `rows` are their positions among all rows in order of machine and time, `rules` what simple rules score them,
    `predicted` all predictions of these runs, whether their answer is known or not.
    """

    rows: NDArray[np.intp]
    fails: FloatArray
    probability: FloatArray
    rul_hours: FloatArray
    runs: NDArray[np.int64]
    rules: Mapping[str, FloatArray]
    life: LifeFigures | None
    health: FloatArray | None
    predicted: HeldOutRuns


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
    table = training_table(labelled, horizon=horizon, names=bundle.schema.names, shares=bundle.schema.shares)
    learned = set(bundle.manifest.run_marks)
    seen = [run for run, mark in zip(table.run_ids, table.run_marks, strict=True) if mark in learned]
    if seen and not allow_training_runs:
        raise HeldOutRunsError(bundle.version, seen)
    health = None if truth is None else _true_health(labelled, truth)
    measured: NDArray[np.bool_] = np.count_nonzero(~np.isnan(table.matrix[:, bundle.schema.is_measured]), axis=1) > 0
    known = ~np.isnan(table.fails) & measured
    if health is not None:
        known &= ~np.isnan(health)
    if not known.any():
        raise UnjudgeableError("no row has a known answer")
    if not (table.fails[known] == 1).any():
        raise UnjudgeableError(f"none of {int(known.sum())} rows fails within the horizon")
    estimates = estimate(bundle, table.matrix[measured])
    answered = known[measured]
    return JudgedRows(
        rows=np.flatnonzero(known),
        fails=table.fails[known],
        probability=estimates.failure_probability[answered],
        rul_hours=table.rul_hours[known],
        runs=table.runs[known],
        rules={name: score[known] for name, score in rule_scores(table).items()},
        life=_life_figures(table, known, estimates, answered, bundle.manifest.rul_ceiling_hours),
        health=None if health is None else health[known],
        predicted=held_out_runs(table, estimates.failure_probability, measured),
    )


def _life_figures(
    table: TrainingTable,
    known: NDArray[np.bool_],
    estimates: Estimates,
    answered: NDArray[np.bool_],
    ceiling: float | None,
) -> LifeFigures | None:
    """Figures of the remaining life; runs seen to fail stand for those that were cut off. None without any."""
    hours = np.minimum(table.rul_hours[known], np.inf if ceiling is None else ceiling)
    complete = ~np.isnan(table.rul_hours[known])
    if not complete.any():
        return None
    every = completeness_weights(table.run_hours, table.run_failed, table.run_stands_for)
    weight = every[table.runs[known]][complete]
    hours = hours[complete]
    quantiles, mean = estimates.rul_hours[answered][complete], estimates.rul_hours_mean[answered][complete]

    def averaged(values: FloatArray) -> float:
        return float(np.average(values, weights=weight))

    return LifeFigures(
        coverage=averaged(((hours >= quantiles[:, 0]) & (hours <= quantiles[:, 2])).astype(np.float64)),
        absolute_error_hours=averaged(np.abs(hours - quantiles[:, 1])),
        square_error_hours=averaged((mean - hours) ** 2) ** 0.5,
        constant_hours=averaged((averaged(hours) - hours) ** 2) ** 0.5,
        nasa_score=averaged(nasa_score(mean - hours)),
    )


def _true_health(labelled: pl.DataFrame, truth: pl.DataFrame) -> FloatArray:
    """The true health index at each row's `window_end`, in order of machine and time; NaN where there is none."""
    health = truth.select("machine_id", "true_health_index", window_end="event_timestamp")
    joined = labelled.select("machine_id", "window_end").join(
        health, on=["machine_id", "window_end"], how="left", maintain_order="left"
    )
    ordered = joined.sort("machine_id", "window_end")["true_health_index"]
    return ordered.fill_null(float("nan")).to_numpy().astype(np.float64)
