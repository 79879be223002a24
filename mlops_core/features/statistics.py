"""The statistics of a window: what each one is, and its value from the window's moments."""

from collections.abc import Sequence
from functools import cached_property

import polars as pl

from mlops_core.errors import InvalidArgumentError
from mlops_core.features.moments import SMALLEST_SQUARE, Columns

STATISTICS = ("count", "mean", "std", "min", "max", "rms", "peak_to_peak", "slope", "kurtosis", "last")
"""The statistics of a window that every table has by default.

Every statistic is null where it is not defined, and never NaN or infinite:

| name | value | null where |
| --- | --- | --- |
| count | number of readings | never (0 in an empty window) |
| mean, min, max | in the channel's unit | the window is empty |
| std | sample standard deviation, divisor n - 1 | fewer than 2 readings |
| rms | root of the mean of squares | empty |
| peak_to_peak | max - min | empty |
| slope | least squares against time, unit per hour | fewer than 2 distinct times |
| kurtosis | Fisher's excess, biased: n M4 / M2^2 - 3 | all readings equal, one alone, or a spread below 1e-75 |
| last | value at the greatest timestamp | empty |
| crest_factor | greatest absolute value / rms | empty, or rms 0 |
| hours_since_last | window end minus greatest timestamp, hours | empty |

A constant window has std 0, slope 0 and peak_to_peak 0.
"""
EXTRA_STATISTICS = ("crest_factor", "hours_since_last")
"""Statistics that are made on request; see `STATISTICS` for what they are."""

_MICROSECONDS_PER_HOUR = 3_600_000_000.0
_NULL = pl.Series([None], dtype=pl.Float64)


class StatisticError(InvalidArgumentError):
    """A statistic that does not exist, or is asked for twice."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "statistics",
            tuple(names),
            "holds a name that is unknown or repeated",
            f"Choose distinct names out of {', '.join(STATISTICS + EXTRA_STATISTICS)}",
        )


def check_statistics(statistics: Sequence[str]) -> tuple[str, ...]:
    """The statistics as a tuple.

    Raises:
        StatisticError: one does not exist or is named twice.

    """
    if len(set(statistics)) < len(statistics) or not set(statistics) <= set(STATISTICS + EXTRA_STATISTICS):
        raise StatisticError(statistics)
    return tuple(statistics)


class _Windows:
    """Windows by their moments; each statistic is a column, null where it is not defined; Series, as in `merge`."""

    def __init__(self, moments: Columns, window_end: pl.Series) -> None:
        self._columns = moments
        self._window_end = window_end
        self.count = moments["count"]

    def _where(self, is_defined: pl.Series, values: pl.Series) -> pl.Series:
        return values.zip_with(is_defined, _NULL)

    @cached_property
    def _has_readings(self) -> pl.Series:
        return self.count > 0

    @cached_property
    def mean(self) -> pl.Series:
        # Rounding may leave it an ulp outside.
        mean = self._columns["reference"] + self._columns["mean_offset"]
        least, greatest = self._columns["minimum"], self._columns["maximum"]
        mean = mean.zip_with(mean >= least, least)
        return self._where(self._has_readings, mean.zip_with(mean <= greatest, greatest))

    @cached_property
    def std(self) -> pl.Series:
        return self._where(self.count > 1, (self._columns["moment_2"] / (self.count - 1)).sqrt())

    @cached_property
    def min(self) -> pl.Series:
        return self._where(self._has_readings, self._columns["minimum"])

    @cached_property
    def max(self) -> pl.Series:
        return self._where(self._has_readings, self._columns["maximum"])

    @cached_property
    def rms(self) -> pl.Series:
        rms = (self._columns["moment_2"] / self.count + self.mean * self.mean).sqrt()
        at_least = self.mean.zip_with(self.mean >= 0, 0.0 - self.mean)  # the square of a tiny mean is lost
        return rms.zip_with(rms >= at_least, at_least)

    @cached_property
    def peak_to_peak(self) -> pl.Series:
        return self.max - self.min

    @cached_property
    def slope(self) -> pl.Series:
        spread = self._columns["time_moment_2"]
        return self._where(spread > 0, self._columns["time_value_moment"] / spread * _MICROSECONDS_PER_HOUR)

    @cached_property
    def kurtosis(self) -> pl.Series:
        square = self._columns["moment_2"] * self._columns["moment_2"]
        return self._where(square > SMALLEST_SQUARE, self._columns["moment_4"] * self.count / square - 3.0)

    @cached_property
    def last(self) -> pl.Series:
        return self._where(self._has_readings, self._columns["last_value"])

    @cached_property
    def crest_factor(self) -> pl.Series:
        least, greatest = 0.0 - self.min, self.max
        return self._where(self.rms > 0, greatest.zip_with(greatest >= least, least) / self.rms)

    @cached_property
    def hours_since_last(self) -> pl.Series:
        since = self._window_end - self._columns["last_timestamp"]
        return self._where(self._has_readings, since / _MICROSECONDS_PER_HOUR)


def window_statistics(moments: Columns, window_end: pl.Series, statistics: Sequence[str]) -> dict[str, pl.Series]:
    """A column for each statistic, from the moments of windows; `window_end` in microseconds since the epoch."""
    windows = _Windows(moments, window_end)
    return {name: getattr(windows, name) for name in statistics}
