"""Figures of merit of probabilities, each a plain function of arrays, and how far chance moves them. Needs numpy only.

`fails` is 0 or 1 per row, `probability` in [0, 1], `weight` the number of rows that a row represents, default 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows ranked by a score, highest first, once for any number of weights."""

    score: FloatArray

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The rows from the highest score down."""
        return np.argsort(-self.score, kind="stable")

    @cached_property
    def steps(self) -> NDArray[np.intp]:
        """The last rank of each distinct score."""
        return np.append(np.flatnonzero(np.diff(self.score[self.order])), len(self.score) - 1)

    def average_precision(self, fails: FloatArray, weight: FloatArray) -> float:
        """Return the area under the precision-recall curve, as `average_precision`."""
        weights = weight[self.order]
        hits = np.cumsum(weights * fails[self.order])[self.steps]
        total = np.cumsum(weights)[self.steps]
        if not hits[-1]:
            return float("nan")
        # A step of rows without weight has no precision, and adds no recall.
        precision = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
        return float(np.sum(np.diff(hits / hits[-1], prepend=0.0) * precision))


def average_precision(fails: FloatArray, score: FloatArray, weight: FloatArray | None = None) -> float:
    """Return the area under the precision-recall curve, as a step function; NaN without a failing row.

    Rows with equal scores form one step. A score that knows nothing reaches the share of failing rows.
    """
    return Ranking(score).average_precision(fails, np.ones_like(score) if weight is None else weight)


def alarm_threshold(fails: FloatArray, score: FloatArray, *, precision: float) -> float | None:
    """Return the lowest score from which on at least `precision` of the rows fail; None where there is none."""
    ranking = Ranking(score)
    reached = np.cumsum(fails[ranking.order])[ranking.steps] / (ranking.steps + 1)
    enough = np.flatnonzero(reached >= precision)
    return float(score[ranking.order[ranking.steps[enough[-1]]]]) if len(enough) else None


def alarm_leads(
    fails: FloatArray, score: FloatArray, rul_hours: FloatArray, runs: NDArray[np.int64], *, threshold: float | None
) -> FloatArray:
    """Return for each run with a failing row the hours from its first true alarm to its failure; NaN where none came.

    A true alarm is a row that fails within the horizon and scores `threshold` or more, so no lead exceeds the horizon.
    runs: the run of each row, any integers; leads are in ascending order of them.
    """
    failing = fails > 0
    events, index = np.unique(runs[failing], return_inverse=True)
    leads = np.full(len(events), -np.inf)
    raised = score[failing] >= (np.inf if threshold is None else threshold)
    np.maximum.at(leads, index[raised], rul_hours[failing][raised])
    return np.where(np.isneginf(leads), np.nan, leads)


def roc_auc(fails: FloatArray, score: FloatArray) -> float:
    """Return P(a failing row scores above another), ties counting half (Mann-Whitney); NaN where all rows agree."""
    failing = fails > 0
    positives, negatives = int(failing.sum()), int((~failing).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[failing].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def brier_score(fails: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Return the mean squared difference of probability and outcome: 0 is perfect (Brier, 1950)."""
    return float(np.average((probability - fails) ** 2, weights=weight))


def expected_calibration_error(
    fails: FloatArray, probability: FloatArray, weight: FloatArray | None = None, *, bins: int = 10
) -> float:
    """Return the mean |observed frequency - mean probability| over equal-width bins, by their weight.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    weights = np.ones_like(probability) if weight is None else weight
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(index, weights=weights * (fails - probability), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())


def nasa_score(error: FloatArray) -> FloatArray:
    """Return the score of each error of a remaining life (predicted minus true), lateness costing more than earliness.

    exp(-d / 13) - 1 below 0, exp(d / 10) - 1 above, in cycles, or in hours where an hour counts as a cycle. Source:
    Saxena et al., "Damage propagation modeling for aircraft engine run-to-failure simulation", PHM 2008.
    """
    return np.expm1(np.clip(np.where(error < 0, -error / 13.0, error / 10.0), None, 700.0))


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
