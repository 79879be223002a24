"""From raw sums of trees to statements that hold: a probability that is a frequency, and hours with their spread.

Both are fitted on rows of machines that the trees had not seen.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TAIL = 0.1
"""What lies beyond P10, and beyond P90, so that they enclose 80 %."""

_MOST_LEVELS = 60
_ROWS_A_LEVEL = 40


@dataclass(frozen=True)
class ProbabilityCalibration:
    """probability = 1 / (1 + exp(-(slope * (raw + log(kept_share)) + intercept))).

    `kept_share` is the share of negative rows that the trees were grown on: leaving negatives out multiplies the odds
    by its inverse. Slope and intercept then correct what is left, on held-out machines (Platt, 1999).
    """

    kept_share: float
    slope: float
    intercept: float

    def probability(self, raw: FloatArray) -> FloatArray:
        """Return the probability of each raw sum."""
        return _logistic(self.slope * (raw + math.log(self.kept_share)) + self.intercept)


def fit_probability(raw: FloatArray, fails: FloatArray, weight: FloatArray, *, kept_share: float) -> (
    ProbabilityCalibration
):  # fmt: skip
    """Fit slope and intercept by maximum likelihood.

    raw, fails (0 or 1), weight: one per held-out row. The fit is held to slope 1 and intercept 0 by as much as one
    failing row would move it, so that a handful of failures cannot turn the ranking around.
    """
    corrected = raw + math.log(kept_share)
    design = np.stack((corrected, np.ones_like(corrected)), axis=1)
    coefficients = _PRIOR
    loss = _penalised_loss(coefficients, corrected, fails, weight)
    for _ in range(100):
        probability = _logistic(coefficients[0] * corrected + coefficients[1])
        gradient = (weight * (fails - probability)) @ design - (coefficients - _PRIOR)
        curvature = (design * (weight * probability * (1.0 - probability))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curvature, gradient).astype(np.float64)
        # Newton's step overshoots where most probabilities are near 0 or 1; the loss is convex: halving it ends well.
        while (reached := _penalised_loss(coefficients + step, corrected, fails, weight)) > loss:
            step = step / 2.0
        coefficients = coefficients + step
        if loss - reached <= 1e-12 * abs(loss):
            break
        loss = reached
    return ProbabilityCalibration(kept_share, max(float(coefficients[0]), 0.05), float(coefficients[1]))


_PRIOR = np.array([1.0, 0.0])


def _penalised_loss(coefficients: FloatArray, corrected: FloatArray, fails: FloatArray, weight: FloatArray) -> float:
    log_odds = coefficients[0] * corrected + coefficients[1]
    surprise = np.logaddexp(0.0, log_odds) - fails * log_odds
    return float(weight @ surprise + np.sum((coefficients - _PRIOR) ** 2) / 2.0)


@dataclass(frozen=True)
class RulCurves:
    """Remaining life in hours as a function of the trees' raw sum: curves that rise, and quantiles that never cross.

    `levels` ascend; between them the curves are straight lines, beyond them constant. `mean` is empty in models that
    were made before it was learned.
    """

    levels: tuple[float, ...]
    p10: tuple[float, ...]
    p50: tuple[float, ...]
    p90: tuple[float, ...]
    mean: tuple[float, ...] = ()

    def hours(self, raw: FloatArray) -> FloatArray:
        """Return n x 3: P10, P50 and P90 of each raw sum."""
        return np.stack([np.interp(raw, self.levels, curve) for curve in (self.p10, self.p50, self.p90)], axis=1)

    def mean_hours(self, raw: FloatArray) -> FloatArray:
        """Return the mean remaining life of each raw sum; of older models, by Swanson's rule from the quantiles."""
        if self.mean:
            return np.interp(raw, self.levels, self.mean)
        return self.hours(raw) @ np.array([0.3, 0.4, 0.3])


@dataclass(frozen=True)
class ModelCalibration:
    """From the trees' raw sums to calibrated predictions.

    Attributes:
        probability, rul: how raw sums become a probability and hours.
        alarm_threshold: the lowest probability from which on the share `alarm_precision` of held-out rows failed
            within the horizon, or was promised to; where none reached that, the one from which on half did (the figure
            `alarm_precision` of the bundle's metrics says how many did); None where not even that.
        typical_life_hours: the median life of a run (Kaplan-Meier); health index 1 means at least that much is left.
        zone_boundaries: vibration velocities in mm/s at which evaluation zones B, C and D begin.
        zone_source: where those come from.

    """

    probability: ProbabilityCalibration
    rul: RulCurves
    alarm_threshold: float | None
    alarm_precision: float
    typical_life_hours: float
    zone_boundaries: tuple[float, float, float]
    zone_source: str


def fit_rul_curves(raw: FloatArray, rul_hours: FloatArray, weight: FloatArray, runs: NDArray[np.int64]) -> RulCurves:
    """Read the quantiles off held-out rows with similar raw sums.

    Levels lie closest together where little life is left. Within one, the tails are narrowed by what the number of
    distinct `runs` calls for (split conformal prediction: Lei et al., JASA 113, 2018, with runs, not rows, as the
    exchangeable unit), so that few runs give a wide interval rather than a falsely sure one.
    """
    order = np.argsort(raw, kind="stable")
    raw, rul_hours, weight, runs = raw[order], rul_hours[order], weight[order], runs[order]
    edges = _edges(len(raw))
    levels: list[float] = []
    quantiles: list[FloatArray] = []
    means: list[float] = []
    for begin, end in pairwise(edges):
        within = slice(begin, end)
        tail = max(0.0, TAIL - (1.0 - TAIL) / len(np.unique(runs[within])))
        levels.append(float(np.average(raw[within], weights=weight[within])))
        means.append(float(np.average(rul_hours[within], weights=weight[within])))
        quantiles.append(weighted_quantiles(rul_hours[within], weight[within], np.array([tail, 0.5, 1.0 - tail])))
    p10, p50, p90 = np.maximum.accumulate(np.array(quantiles), axis=0).T
    mean = np.maximum.accumulate(np.array(means))
    return RulCurves(tuple(levels), *(tuple(float(hours) for hours in curve) for curve in (p10, p50, p90, mean)))


def weighted_quantiles(values: FloatArray, weight: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the smallest value up to which at least each share of the weight lies."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    # The last value must be reached although the shares of the weight add up with rounding errors.
    reached = shares * (below[-1] * (1.0 - 1e-12))
    return values[order][np.searchsorted(below, reached, side="left")]


def _edges(rows: int) -> list[int]:
    """Where levels begin and end among sorted rows: squares of an even grid, at least `_ROWS_A_LEVEL` rows apart."""
    wanted = np.linspace(0.0, 1.0, _MOST_LEVELS + 1) ** 2 * rows
    edges = [0]
    for edge in wanted[1:].round().astype(int).tolist():
        if edge - edges[-1] >= _ROWS_A_LEVEL:
            edges.append(edge)
    if edges[-1] < rows:
        edges = [*(edges[:-1] if len(edges) > 1 else edges), rows]
    return edges


def _logistic(log_odds: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -500.0, 500.0)))
