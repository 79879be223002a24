"""Gradient-boosted trees: the one module that talks to LightGBM. Needs numpy and LightGBM, neither scipy nor polars.

The same rows in the same order, seed and settings give the same model text, byte for byte: LightGBM runs with
`deterministic`, row-wise histograms and a fixed number of threads.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_core.errors import MissingExtraError

try:
    import lightgbm
except ModuleNotFoundError as error:
    raise MissingExtraError("lightgbm", "model") from error

TreesError = lightgbm.basic.LightGBMError

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]
"""Rows by features; NaN where a feature is null. Single precision, in training and prediction alike."""

Objective = Literal["binary", "regression"]

_LARGEST_SMALLEST_LEAF = 100
_LEAVES_OF_SMALLEST_SIZE = 200


@dataclass(frozen=True)
class TreeSettings:
    """How trees are grown. The defaults suit some hundred runs of strongly autocorrelated hourly rows."""

    rounds: int = 100
    learning_rate: float = 0.1
    leaves: int = 15
    feature_share: float = 0.5
    row_share: float = 0.7
    l2: float = 5.0
    bins: int = 63
    threads: int = 1

    def larger(self) -> "TreeSettings":
        """Return settings for twice as many trees of twice as many leaves, grown more slowly, on half of the rows each.

        A remaining life has more to tell apart than a probability. Factors chosen by cross-validation over the engines
        of the turbofan training sets; on simulated fleets they make no difference.
        """
        return replace(
            self,
            rounds=2 * self.rounds,
            learning_rate=0.6 * self.learning_rate,
            leaves=2 * self.leaves + 1,
            row_share=min(0.5, self.row_share),
            l2=2.0 * self.l2,
        )


def fit_trees(
    matrix: Matrix,
    target: FloatArray,
    *,
    objective: Objective,
    settings: TreeSettings,
    seed: int,
    weight: FloatArray | None = None,
) -> str:
    """Grow trees and return them as LightGBM's text.

    Args:
        matrix: n x features.
        target: n (0 or 1 for `binary`).
        objective: LightGBM's name of it.
        settings: number, size and rate of the trees.
        seed: of sampling rows and columns.
        weight: n, positive, default 1. Features are distinguished by position: LightGBM forbids some characters in
            their names.

    """
    parameters: dict[str, Any] = {
        "objective": objective,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        # A leaf of few rows of one run learns that run; a small set cannot spare a hundred.
        "min_data_in_leaf": max(5, min(_LARGEST_SMALLEST_LEAF, len(target) // _LEAVES_OF_SMALLEST_SIZE)),
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "lambda_l2": settings.l2,
        "max_bin": settings.bins,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(matrix, label=target, weight=weight, params=parameters)
    grown = lightgbm.train(parameters, rows, num_boost_round=settings.rounds)  # pyright: ignore[reportUnknownMemberType] - LightGBM is untyped
    return grown.model_to_string()


class Trees:
    """Grown trees, ready to predict. Safe to share between threads."""

    def __init__(self, text: str) -> None:
        """Read LightGBM's text; raises TreesError where it is none."""
        self._booster = lightgbm.Booster(model_str=text)

    @property
    def width(self) -> int:
        """How many features a row has."""
        return self._booster.num_feature()

    def raw(self, matrix: Matrix) -> FloatArray:
        """Return the sum of the trees for each row: log odds for `binary`, the target for `regression`."""
        return self._predicted(matrix, raw_score=True)

    def contributions(self, matrix: Matrix) -> FloatArray:
        """Return n x (features + 1): what each feature adds to a row's raw sum (Shapley values), the mean last.

        Source: Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
        Nature Machine Intelligence 2, 2020.
        """
        return self._predicted(matrix, pred_contrib=True)

    def gains(self) -> FloatArray:
        """Return each feature's share of the loss that the trees removed; the shares add up to 1, or are all 0."""
        gains = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        return gains / max(gains.sum(), np.finfo(np.float64).tiny)

    def _predicted(self, matrix: Matrix, **what: bool) -> FloatArray:
        predicted = self._booster.predict(matrix, num_threads=1, **what)  # pyright: ignore[reportUnknownMemberType] - LightGBM is untyped
        return np.asarray(predicted, dtype=np.float64)
