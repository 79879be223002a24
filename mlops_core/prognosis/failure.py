"""The failure probability: trees on all failing rows and a sample of the others, put right on held-out machines."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.prognosis.alarm_budget import AlarmBudget, AlarmPlan, plan_alarms
from mlops_core.prognosis.alarm_replay import held_out_runs
from mlops_core.prognosis.calibration import ProbabilityCalibration, fit_probability
from mlops_core.prognosis.metrics import (
    average_precision,
    brier_score,
    expected_calibration_error,
    resample_runs,
    roc_auc,
)
from mlops_core.prognosis.simple_rules import (
    BETTER,
    CONSTANT,
    LEAST_COMPARED,
    rule_scores,
    shares_better,
    unbeaten,
    why_unforeseeable,
)
from mlops_core.prognosis.splits import out_of_fold
from mlops_core.prognosis.training_table import TrainingTable
from mlops_core.prognosis.trees import FloatArray, Trees, TreeSettings, fit_trees

_NOISE_DEVIATIONS = 4.5
_NOISE_ROWS = 10_000  # on each side of the split: enough to notice what reaches across
_RESAMPLES = 60


@dataclass(frozen=True)
class FailureModel:
    """Trees, and how their raw sums become probabilities; figures are of held-out machines."""

    trees: str
    calibration: ProbabilityCalibration
    alarms: AlarmPlan
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class FailureSample:
    """Positions of the rows to learn from, and the share of rows without failure that they are.

    `weight` makes the sample stand for all rows again, also those of which the table is a sample; 1 for a failing row.
    """

    rows: NDArray[np.intp]
    fails: FloatArray
    weight: FloatArray
    kept_share: float


def sample_failures(
    table: TrainingTable, *, negatives_per_positive: float, negatives: tuple[int, int], seed: int
) -> FailureSample:
    """Keep every failing row, and of the others as many as are worth their time.

    Hourly rows of a healthy machine repeat each other: beyond a few per failing row they add time and no knowledge.

    Args:
        table: the rows to choose from.
        negatives_per_positive: how many rows without failure to keep for each that fails.
        negatives: how many rows without failure to keep at least and at most; at least as many as fail, in any case.
        seed: of the choice.

    """
    least, most = negatives
    positives, others = np.flatnonzero(table.fails == 1), np.flatnonzero(table.fails == 0)
    wanted = max(min(negatives_per_positive * len(positives), most), least, len(positives))
    kept_share = min(1.0, wanted / len(others))
    if kept_share < 1.0:
        drawn = np.random.Generator(np.random.PCG64(seed)).random(len(others)) < kept_share
        kept_share = float(drawn.mean())
        others = others[drawn]
    rows = np.sort(np.concatenate((positives, others)))
    fails = table.fails[rows]
    weight = np.where(fails == 1, 1.0, table.stands_for[rows] / kept_share)
    in_all = kept_share * len(others) / float(table.stands_for[others].sum())
    return FailureSample(rows, fails, weight, in_all)


def fit_failure_model(
    table: TrainingTable,
    row_folds: NDArray[np.int64],
    sample: FailureSample,
    *,
    trees: TreeSettings,
    budget: AlarmBudget,
    seed: int,
) -> FailureModel:
    """Grow the trees on the sample; calibrate, plan the alarms and take figures on held-out machines.

    row_folds: for each row of the table, the fold in which it is held out.

    Raises UntrainableError where trees grown on permuted labels foretell held-out machines.
    """
    matrix, folds = table.matrix[sample.rows], row_folds[sample.rows]
    raw, raw_of_all = np.empty(len(matrix)), np.empty(len(table.matrix))
    for learned, held_out in out_of_fold(folds):
        grown = fit_trees(
            matrix[learned], sample.fails[learned], objective="binary", settings=trees, seed=seed
        )  # fmt: skip
        judge = Trees(grown)
        raw[held_out] = judge.raw(matrix[held_out])
        others = np.flatnonzero(row_folds == int(folds[held_out[0]]))
        raw_of_all[others] = judge.raw(table.matrix[others])
    calibration = fit_probability(raw, sample.fails, sample.weight, kept_share=sample.kept_share)
    probability = calibration.probability(raw)
    fails, weight = sample.fails, sample.weight
    rules = {name: score[sample.rows] for name, score in rule_scores(table).items()}
    runs = table.runs[sample.rows]
    drawn = resample_runs(fails, runs, seed=seed, resamples=_RESAMPLES)
    is_enough = len(np.unique(runs[fails > 0])) >= LEAST_COMPARED
    better = shares_better(probability, rules, fails, (weight * times for times in drawn)) if is_enough else {}
    alarms = plan_alarms(
        held_out_runs(table, calibration.probability(raw_of_all)),
        budget=budget.false_episodes_per_machine_month,
        actionable_hours=budget.actionable_hours,
        scored_every_hours=budget.scored_every_hours,
        seed=seed,
        unforeseeable=why_unforeseeable(unbeaten(better)),
    )
    raised = np.zeros(len(fails), dtype=np.bool_) if alarms.watch is None else probability >= alarms.watch
    metrics = {
        "base_rate": float(np.average(fails, weights=weight)),
        "pr_auc": average_precision(fails, probability, weight),
        "roc_auc": roc_auc(fails, probability),
        "brier": brier_score(fails, probability, weight),
        "expected_calibration_error": expected_calibration_error(fails, probability, weight),
        "alarm_precision": float(np.average(fails[raised], weights=weight[raised])) if raised.any() else math.nan,
        **{f"{name}_pr_auc": average_precision(fails, rules[name], weight) for name in rules if name != CONSTANT},
        **{f"{BETTER}{name}": share for name, share in better.items()},
        "permuted_roc_auc": _permuted_roc_auc(matrix, fails, folds, trees, seed),
    }
    return FailureModel(
        trees=fit_trees(matrix, fails, objective="binary", settings=trees, seed=seed),
        calibration=calibration,
        alarms=alarms,
        metrics=metrics,
    )


def _permuted_roc_auc(
    matrix: NDArray[np.float32], fails: FloatArray, folds: NDArray[np.int64], trees: TreeSettings, seed: int
) -> float:
    """Learn labels dealt out at random, and return how well they are foretold on held-out machines: about 0.5.

    More than chance explains would mean that rows are on both sides of the split.
    """
    permuted = np.random.Generator(np.random.PCG64(seed)).permutation(fails)
    learned, held_out = (rows[:: 1 + len(rows) // _NOISE_ROWS] for rows in next(out_of_fold(folds)))
    grown = fit_trees(matrix[learned], permuted[learned], objective="binary", settings=trees, seed=seed)
    reached = roc_auc(permuted[held_out], Trees(grown).raw(matrix[held_out]))
    positives = int(permuted[held_out].sum())
    negatives = len(held_out) - positives
    if not positives or not negatives:
        return math.nan
    # The variance of the Mann-Whitney statistic where there is nothing to find.
    if abs(reached - 0.5) > _NOISE_DEVIATIONS * math.sqrt((positives + negatives + 1) / (12 * positives * negatives)):
        raise UntrainableError(
            UntrainableReason.LEARNS_NOISE,
            f"permuted labels were foretold on held-out machines (ROC AUC {reached:.3f})",
            "Rows are on both sides of a split: look for machines or runs that share them",
        )
    return reached
