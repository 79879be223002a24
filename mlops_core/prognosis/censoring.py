"""Runs that had not failed when observation ended: what they say about the length of life.

Leaving them out would make lives look short, since long runs are the ones cut off. Kaplan and Meier's estimator uses
them, and complete runs weighted by the inverse probability of having been seen to their end stand in for them.

Sources: Kaplan, Meier, "Nonparametric estimation from incomplete observations", JASA 53, 1958; Robins, Rotnitzky,
"Recovery of information and adjustment for dependent censoring", 1992 (inverse probability of censoring weights).
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LARGEST_WEIGHT = 10.0


def surviving(
    durations: FloatArray, ended: NDArray[np.bool_], stands_for: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return the times at which runs ended, and the Kaplan-Meier share still running just after each.

    durations: one per run, any unit; ended: whether the run ended by the event in question, or was cut off;
    stands_for: weight of each run, as a number of runs; default one.
    """
    weight = np.ones(len(durations)) if stands_for is None else stands_for
    times, number = np.unique(durations[ended], return_inverse=True)
    events = np.bincount(number, weights=weight[ended], minlength=len(times))
    order = np.argsort(durations, kind="stable")
    shorter = np.concatenate(([0.0], np.cumsum(weight[order])))
    at_risk = shorter[-1] - shorter[np.searchsorted(durations[order], times, side="left")]
    shares = np.cumprod(1.0 - events / at_risk, dtype=np.float64)
    return times, shares


def completeness_weights(
    durations: FloatArray, failed: NDArray[np.bool_], stands_for: FloatArray | None = None
) -> FloatArray:
    """Return one weight per run: 0 where it is censored, otherwise 1 / P(a run of this length is seen to its end).

    The weights of the longest lives are held at 10: beyond that, one run would speak for a fleet.
    """
    # A failure at the very time of a censoring counts as seen, so the probability is that of just before.
    times, shares = surviving(durations, ~failed, stands_for)
    before = np.concatenate(([1.0], shares))[np.searchsorted(times, durations, side="left")]
    return np.where(failed, np.minimum(1.0 / np.maximum(before, 1.0 / LARGEST_WEIGHT), LARGEST_WEIGHT), 0.0)


def median_life(durations: FloatArray, failed: NDArray[np.bool_], stands_for: FloatArray | None = None) -> float:
    """Return the median life, by Kaplan-Meier; where half the runs were never seen to fail, the longest duration."""
    times, shares = surviving(durations, failed, stands_for)
    below = np.flatnonzero(shares <= 0.5)
    return float(times[below[0]]) if len(below) else float(durations.max())
