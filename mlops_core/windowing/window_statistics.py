"""The statistics of a window: what each one is, and its value from the window's moments."""

from collections.abc import Mapping, Sequence

import polars as pl

from mlops_core.errors import InvalidArgumentError
from mlops_core.windowing.moments import SMALLEST_SQUARE

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


_N = pl.col("count")
_MINIMUM, _MAXIMUM = pl.col("minimum"), pl.col("maximum")
_M2, _M4 = pl.col("moment_2"), pl.col("moment_4")
_MEAN = (pl.col("reference") + pl.col("mean_offset")).clip(_MINIMUM, _MAXIMUM)  # rounding may leave it an ulp outside
_RMS = (_M2 / _N + _MEAN * _MEAN).sqrt().clip(_MEAN.abs())  # the square of a tiny mean is lost


_VALUES: Mapping[str, pl.Expr] = {
    "mean": _MEAN,
    "std": pl.when(_N > 1).then((_M2 / (_N - 1)).sqrt()),
    "min": _MINIMUM,
    "max": _MAXIMUM,
    "rms": _RMS,
    "peak_to_peak": _MAXIMUM - _MINIMUM,
    "slope": pl.when(pl.col("time_moment_2") > 0).then(
        pl.col("time_value_moment") / pl.col("time_moment_2") * _MICROSECONDS_PER_HOUR
    ),
    "kurtosis": pl.when(_M2 * _M2 > SMALLEST_SQUARE).then(_N * _M4 / (_M2 * _M2) - 3.0),
    "last": pl.col("last_value"),
    "crest_factor": pl.when(_RMS > 0).then(_MAXIMUM.clip(-_MINIMUM) / _RMS),
    "hours_since_last": (pl.col("window_end") - pl.col("last_timestamp")) / _MICROSECONDS_PER_HOUR,
}
_DEFINED: Mapping[str, pl.Expr] = {"count": _N} | {
    name: pl.when(_N > 0).then(value).alias(name) for name, value in _VALUES.items()
}


def window_statistics(windows: pl.DataFrame, statistics: Sequence[str]) -> pl.DataFrame:
    """A column for each statistic, from the columns of `moments.MOMENTS` and `window_end` in microseconds."""
    return windows.select(_DEFINED[name] for name in statistics)
