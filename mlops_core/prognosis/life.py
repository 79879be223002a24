"""The remaining life: trees on its logarithm, and three curves from their sums to hours."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_core.prognosis.calibration import RulCurves, fit_rul_curves
from mlops_core.prognosis.censoring import completeness_weights
from mlops_core.prognosis.splits import out_of_fold
from mlops_core.prognosis.training_table import TrainingTable
from mlops_core.prognosis.trees import Trees, TreeSettings, fit_trees


@dataclass(frozen=True)
class LifeModel:
    """Trees, and the curves that turn their raw sums into P10, P50 and P90; figures are of held-out machines."""

    trees: str
    curves: RulCurves
    metrics: Mapping[str, float]


def fit_life_model(
    table: TrainingTable,
    row_folds: NDArray[np.int64],
    *,
    trees: TreeSettings,
    most_rows: int,
    ceiling_hours: float | None,
    seed: int,
) -> LifeModel:
    """Grow the trees on runs whose failure was seen, and read the curves off held-out machines.

    row_folds: for each row of the table, the fold in which it is held out. Censored runs speak through the weights of
    complete ones of their length.
    """
    known = np.flatnonzero(~np.isnan(table.rul_hours))
    if len(known) > most_rows:
        drawn = np.random.Generator(np.random.PCG64(seed)).permutation(len(known))[:most_rows]
        known = known[np.sort(drawn)]
    matrix, folds, runs = table.matrix[known], row_folds[known], table.runs[known]
    rul_hours = np.minimum(table.rul_hours[known], np.inf if ceiling_hours is None else ceiling_hours)
    weight = completeness_weights(table.run_hours, table.run_failed, table.run_stands_for)[runs]
    target = np.log1p(rul_hours)
    raw = np.empty(len(known))
    for learned, held_out in out_of_fold(folds):
        grown = fit_trees(
            matrix[learned], target[learned], objective="regression", settings=trees, seed=seed, weight=weight[learned]
        )
        raw[held_out] = Trees(grown).raw(matrix[held_out])
    curves = fit_rul_curves(raw, rul_hours, weight, runs)
    median_error, error = curves.hours(raw)[:, 1] - rul_hours, curves.mean_hours(raw) - rul_hours
    constant = float(np.average(rul_hours, weights=weight))
    return LifeModel(
        trees=fit_trees(matrix, target, objective="regression", settings=trees, seed=seed, weight=weight),
        curves=curves,
        metrics={
            "rul_mean_absolute_error_hours": float(np.average(np.abs(median_error), weights=weight)),
            "rul_root_mean_square_error_hours": float(np.sqrt(np.average(error**2, weights=weight))),
            "rul_constant_error_hours": float(np.sqrt(np.average((constant - rul_hours) ** 2, weights=weight))),
        },
    )
