"""k-means without chance: the same points give the same centres on every machine."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

_ROUNDS = 100
_POINTS_AT_MOST = 50_000

_Points = NDArray[np.float64]


def cluster_centres(points: pl.DataFrame, scales: tuple[float, ...], count: int) -> tuple[tuple[float, ...], ...]:
    """The centres of `count` clusters of the rows, in ascending order.

    points: sorted rows of numbers; beyond 50,000 evenly spaced ones are taken. At least `count` differ.
    scales: the unit of distance of each column.

    Source: S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982); started
    as in T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 38
    (1985), at the point nearest to the mean and then always at the point farthest from those chosen.
    """
    step = max(1, points.height // _POINTS_AT_MOST)
    scaled: _Points = points.gather_every(step).to_numpy().astype(np.float64) / np.array(scales)
    centres = _far_apart(scaled, count)
    for _ in range(_ROUNDS):
        nearest = np.argmin(_squared_distances(scaled, centres), axis=1)
        # A centre that lost all its points stays where it is.
        moved = np.array(
            [scaled[nearest == c].mean(axis=0) if np.any(nearest == c) else centres[c] for c in range(count)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return tuple(sorted(tuple(float(x) for x in row) for row in centres * np.array(scales)))


def _far_apart(points: _Points, count: int) -> _Points:
    chosen = points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))][np.newaxis]
    while len(chosen) < count:
        farthest = np.argmax(_squared_distances(points, chosen).min(axis=1))
        chosen = np.vstack([chosen, points[farthest]])
    return chosen


def _squared_distances(points: _Points, centres: _Points) -> _Points:
    return np.column_stack([((points - centre) ** 2).sum(axis=1) for centre in centres])
