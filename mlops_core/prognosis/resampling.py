"""Resampling of runs: how far figures would differ with the runs of another month."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


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
