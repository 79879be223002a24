"""Which way of failing comes next, where held-out failures show that the features tell the ways apart.

A mode is chosen by the nearest centroid: the mean of each feature over the hours before the failures of that mode, in
deviations within the modes. Centroids need few failures and are a few numbers in the bundle. Needs numpy alone.
Source: Tibshirani et al., "Diagnosis of multiple cancer types by shrunken centroids of gene expression", PNAS 99, 2002
(without the shrinkage, which gained nothing here).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

FAILURE_MODE: Final = "failure_mode"
"""The column that `label_modes` adds: how the row's run failed."""

_LEAST_FAILURES: Final = 3
"""Of a mode, for it to be named."""
_CHANCE: Final = 0.05

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Centroids:
    """Centroids of m modes in n features.

    Attributes:
        centroids: m x n, in deviations from `means`.
        means, deviations: of the features, n; a feature that never varies has centroids 0.
        shares: of the failures that were of each mode, m.

    """

    centroids: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    shares: tuple[float, ...]

    def scores(self, matrix: NDArray[np.float32]) -> _Floats:
        """Log odds of each mode, k x m, but for a constant of each row."""
        scaled = (matrix.astype(np.float64) - self.means) / self.deviations
        apart = [np.nansum(scaled * centroid - centroid**2 / 2, axis=1) for centroid in np.array(self.centroids)]
        return np.stack(apart, axis=1) + np.log(np.maximum(self.shares, np.finfo(np.float64).tiny))


@dataclass(frozen=True)
class FailureModes(Centroids):
    """Modes that the features tell apart, and how surely.

    Attributes:
        names: of the modes, m.
        failures: held-out failures by which it was judged, those of rare modes among them.
        right, majority_right: the share of them that was named rightly, and that of always naming the most frequent.

    """

    names: tuple[str, ...]
    failures: int
    right: float
    majority_right: float

    def name(self, matrix: NDArray[np.float32]) -> list[str]:
        """Return the likeliest mode of each row, k x n, should its machine fail; a NaN speaks for none."""
        return [self.names[index] for index in self.scores(matrix).argmax(axis=1)]


def fit_modes(
    matrix: NDArray[np.float32], modes: Sequence[str | None], runs: NDArray[np.int64], folds: NDArray[np.int64]
) -> FailureModes | None:
    """Return the modes of rows that fail within the horizon; None where held-out failures do not tell them apart.

    They are distinguished where naming them is right more often than naming the most frequent one, in an exact test of
    the failures that only one of the two names rightly, at five in a hundred.

    Args:
        matrix: k x n, the features of the rows.
        modes: of each row's run; None: not known.
        runs: of each row.
        folds: in which each row is held out.

    """
    known = np.array([mode is not None for mode in modes], dtype=np.bool_)
    matrix, runs, folds = matrix[known], runs[known], folds[known]
    codes, first, of_run = np.unique(runs, return_index=True, return_inverse=True)
    named = np.array([mode for mode in modes if mode is not None], dtype=str)
    found, counts = np.unique(named[first], return_counts=True)
    names = found[counts >= _LEAST_FAILURES]
    if len(names) < 2:
        return None
    place = np.array([int(np.flatnonzero(names == mode)[0]) if mode in names else -1 for mode in named[first]])
    weight = (1.0 / np.bincount(of_run))[of_run]
    right, usual = np.zeros(len(codes), dtype=np.bool_), np.zeros(len(codes), dtype=np.bool_)
    for fold in np.unique(folds):
        learned = (folds != fold) & (place[of_run] >= 0)
        if not learned.any():
            return None
        fit = _fit(matrix[learned], place[of_run][learned], weight[learned], len(names))
        for run in np.unique(of_run[folds == fold]):
            score = fit.scores(matrix[(folds == fold) & (of_run == run)]).mean(axis=0)
            right[run], usual[run] = score.argmax() == place[run], np.argmax(fit.shares) == place[run]
    if _chance(int((right & ~usual).sum()), int((usual & ~right).sum())) > _CHANCE:
        return None
    rows = place[of_run] >= 0
    fit = _fit(matrix[rows], place[of_run][rows], weight[rows], len(names))
    return FailureModes(
        **vars(fit),
        names=tuple(names.tolist()),
        failures=len(codes),
        right=float(right.mean()),
        majority_right=float(usual.mean()),
    )


def _fit(matrix: NDArray[np.float32], place: NDArray[np.int64], weight: _Floats, modes: int) -> Centroids:
    """Centroids of rows that count by `weight`; where a mode has no value of a feature, the mean of all."""
    is_known = ~np.isnan(matrix)
    values, weights = np.where(is_known, matrix, 0.0).astype(np.float64), weight[:, None] * is_known
    total = np.maximum(weights.sum(axis=0), np.finfo(np.float64).tiny)
    means = (weights * values).sum(axis=0) / total
    centres = np.tile(means, (modes, 1))
    for mode in range(modes):
        own = weights * (place == mode)[:, None]
        known = own.sum(axis=0) > 0
        centres[mode, known] = (own * values).sum(axis=0)[known] / own.sum(axis=0)[known]
    deviations = np.sqrt((weights * (values - centres[place]) ** 2).sum(axis=0) / total)
    # A feature that does not vary within the modes says nothing reliable, however far apart its means lie.
    varies = deviations > np.finfo(np.float32).eps * np.abs(means)
    deviations[~varies] = 1.0
    centroids = np.where(varies, (centres - means) / deviations, 0.0)
    shares = np.bincount(place, weights=weight, minlength=modes) / weight.sum()
    return Centroids(
        centroids=tuple(map(tuple, centroids.tolist())),
        means=tuple(means.tolist()),
        deviations=tuple(deviations.tolist()),
        shares=tuple(shares.tolist()),
    )


def _chance(better: int, worse: int) -> float:
    """The probability of as many better of those that differ, were either as likely (McNemar's exact test)."""
    differ = better + worse
    return sum(comb(differ, more) for more in range(better, differ + 1)) / 2**differ
