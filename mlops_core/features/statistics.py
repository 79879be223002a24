"""The statistics of a window, one row each: its formula, its unit, what it describes, and how a person reads it.

A statistic that is added to `REGISTRY` is computed, named, parsed, explained and documented everywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from mlops_core.errors import StatisticError
from mlops_core.features.kernel import Array, Floats, Integers, Moments

SMALLEST_SQUARE: Final = 1e-300  # of a variance: below it a double loses digits, and a ratio of two such is noise

_HOUR: Final = 3_600_000_000.0  # microseconds

Aspect = Literal["level", "trend", "variation", "reporting"]
"""What a statistic describes of a channel: the contributions to a prediction of one aspect's features are added up."""


@dataclass(frozen=True, eq=False)
class Window:
    """Windows that end at `ends` (microseconds since the epoch), by their moments; an empty one has NaN extremes."""

    moments: Moments
    ends: Integers

    @cached_property
    def mean(self) -> Floats:
        """Clipped to the extremes: rounding may leave it an ulp outside."""
        of = self.moments
        return np.clip(of.reference + of.mean_offset, of.minimum, of.maximum)

    @cached_property
    def rms(self) -> Floats:
        """At least the size of the mean, whose square underflows where it is tiny."""
        of = self.moments
        return np.maximum(np.sqrt(of.moment_2 / of.count + self.mean * self.mean), np.abs(self.mean))


@dataclass(frozen=True)
class Statistic:
    """One statistic of a window.

    Attributes:
        formula: its value for each window; NaN where it is not defined, unless it counts.
        unit: of its value, `{unit}` standing for the channel's.
        aspect: what it describes.
        words: what it is called in a sentence.
        definition: what it is, for the reference.
        undefined: where it has no value.
        scaling: what it becomes where values become (value - mean) / deviation: shifted and scaled, scaled only, the
            same, or a mixture with other statistics (features/scaling.py).
        by_default: whether every table has it.

    """

    formula: Callable[[Window], Array]
    unit: str
    aspect: Aspect
    words: str
    definition: str
    undefined: str = "empty"
    scaling: Literal["location", "scale", "none", "mixed"] = "location"
    by_default: bool = True


def _std(window: Window) -> Floats:
    of = window.moments
    return np.where(of.count > 1, np.sqrt(of.moment_2 / (of.count - 1)), np.nan)


def _slope(window: Window) -> Floats:
    of = window.moments
    return np.where(of.time_moment_2 > 0, of.time_value_moment / of.time_moment_2 * _HOUR, np.nan)


def _kurtosis(window: Window) -> Floats:
    of = window.moments
    square = of.moment_2 * of.moment_2
    return np.where(square > SMALLEST_SQUARE, of.moment_4 * of.count / square - 3.0, np.nan)


def _crest_factor(window: Window) -> Floats:
    of, rms = window.moments, window.rms
    return np.where(rms > 0, np.maximum(-of.minimum, of.maximum) / rms, np.nan)


def _hours_since_last(window: Window) -> Floats:
    of = window.moments
    return np.where(of.count > 0, (window.ends - of.last_timestamp) / _HOUR, np.nan)


REGISTRY: Final[dict[str, Statistic]] = {
    "count": Statistic(
        lambda w: w.moments.count, "", "reporting", "number of readings", "number of readings",
        undefined="never (0 in an empty window)", scaling="none",
    ),
    "mean": Statistic(lambda w: w.mean, "{unit}", "level", "mean", "arithmetic mean"),
    "std": Statistic(
        _std, "{unit}", "variation", "standard deviation", "sample standard deviation, divisor n - 1",
        undefined="fewer than 2 readings", scaling="scale",
    ),
    "min": Statistic(lambda w: w.moments.minimum, "{unit}", "level", "minimum", "smallest value"),
    "max": Statistic(lambda w: w.moments.maximum, "{unit}", "level", "maximum", "largest value"),
    "rms": Statistic(lambda w: w.rms, "{unit}", "level", "r.m.s.", "root of the mean of squares", scaling="mixed"),
    "peak_to_peak": Statistic(
        lambda w: w.moments.maximum - w.moments.minimum, "{unit}", "variation", "peak-to-peak range", "max - min",
        scaling="scale",
    ),
    "slope": Statistic(
        _slope, "{unit} per h", "trend", "trend", "least-squares slope against time, per hour",
        undefined="fewer than 2 distinct times", scaling="scale",
    ),
    "kurtosis": Statistic(
        _kurtosis, "", "variation", "kurtosis", "Fisher's excess, biased: n M4 / M2^2 - 3",
        undefined="all readings equal, one alone, or a spread below 1e-75", scaling="none",
    ),
    "last": Statistic(
        lambda w: w.moments.last_value, "{unit}", "level", "last value", "value at the greatest timestamp"
    ),
    "crest_factor": Statistic(
        _crest_factor, "", "variation", "crest factor", "greatest absolute value / rms",
        undefined="empty, or rms 0", by_default=False, scaling="mixed",
    ),
    "hours_since_last": Statistic(
        _hours_since_last, "h", "reporting", "time since the last reading",
        "window end minus greatest timestamp, hours", by_default=False, scaling="none",
    ),
}  # fmt: skip

STATISTICS: Final = tuple(name for name, statistic in REGISTRY.items() if statistic.by_default)
"""The statistics of a window that every table has by default. Each is null where it is not defined, and never NaN or
infinite; a constant window has std 0, slope 0 and peak_to_peak 0. `REGISTRY` has definition, unit and where
each is not defined."""
EXTRA_STATISTICS: Final = tuple(name for name, statistic in REGISTRY.items() if not statistic.by_default)
"""Statistics that are computed on request; `REGISTRY` has their definitions."""


def check_statistics(statistics: Sequence[str]) -> tuple[str, ...]:
    """The statistics as a tuple.

    Raises:
        StatisticError: one does not exist or is named twice.

    """
    if len(set(statistics)) < len(statistics) or not set(statistics) <= REGISTRY.keys():
        raise StatisticError(statistics, REGISTRY)
    return tuple(statistics)


def window_statistics(moments: Moments, ends: Integers, statistics: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """Each statistic's name and its value for each window; these end at `ends`, microseconds since the epoch."""
    window = Window(moments, ends)
    with np.errstate(all="ignore"):  # where a statistic is not defined, its formula may divide by 0
        for name in statistics:
            yield name, REGISTRY[name].formula(window)
