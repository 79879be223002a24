"""Counts of readings as what they say of a machine: which share of its expected readings came.

A count depends on how often a machine is sampled, which says nothing of its health: a model of a history at ten minutes
would take each machine that reports by the minute for unlike all it has seen. What is expected of a window is what the
longest window of the same channel lets expect. Channels that stand for events, of which most windows hold none, keep
their counts.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mlops_core.features import parse_feature_name

USUAL_SHARES: Final = (0.5, 2.0)
"""Shares that are never unusual: clocks jitter, and an interval may change within the longest window."""


def sampled_counts(names: Sequence[str], matrix: NDArray[np.float32]) -> tuple[str, ...]:
    """Return the columns that count the readings of a sampled channel, where it has windows of several lengths.

    A channel is sampled where most rows have a reading even in its shortest window.
    """
    found: list[str] = []
    for columns in _counts(names).values():
        shortest = matrix[:, names.index(columns[min(columns)])]
        if len(columns) > 1 and np.nanmedian(shortest) > 0:
            found += columns.values()
    return tuple(name for name in names if name in found)


def as_shares(names: Sequence[str], matrix: NDArray[np.float32], shares: Sequence[str]) -> NDArray[np.float32]:
    """Return the matrix with the columns `shares` as shares of the expected readings; NaN where none is expected."""
    if not shares:
        return matrix
    given = matrix.copy()
    for columns in _counts(shares).values():
        longest = max(columns)
        most = matrix[:, names.index(columns[longest])].astype(np.float64)
        for seconds, name in columns.items():
            place = names.index(name)
            with np.errstate(divide="ignore", invalid="ignore"):
                share = matrix[:, place] / (most * seconds / longest)
            given[:, place] = np.where(most > 0, share, np.nan)
    return given


def _counts(names: Sequence[str]) -> dict[str, dict[int, str]]:
    """The columns of counts by channel, and by the length of their window in seconds."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        parts = parse_feature_name(name)
        if parts is not None and parts.statistic == "count" and not parts.is_drift:
            found.setdefault(parts.channel, {})[parts.seconds] = name
    return found
