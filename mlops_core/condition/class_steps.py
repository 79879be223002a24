"""Steps that a whole class makes at once, such as of sensors that were all recalibrated on one day.

What the machines of a class have in common at the same hour is season, weather and load, and no shift of one of them
(`level_shifts`). A season takes weeks and a front of weather does not last, but new zeros of all sensors come within a
day and stay. So each machine's jump over the day is the smaller of two, and counts where both are to one side:

```
day      -7 ........ -1 | 0  1 | 2 ........ 8       0: the day of the step; its windows of 24 h reach into day 1
short                 x          x                  the day after less the day before: a season moves little
long      x x x x x x x          x x x x x x x      median of a week less that of a week: weather has passed
```

The step of the class is what at least three quarters of its machines jumped, so wear and repairs of some are none. It
is found where it is larger than the class usually spreads, and more than four times what the class usually moves from
the day before to the day after (robust, over the weeks that were looked at): outdoors that takes more than in a hall.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view

from mlops_core.condition.baseline import SMALLEST, Baseline, Matrix
from mlops_core.condition.baseline_fit import MAD_TO_SIGMA, class_names
from mlops_core.condition.level_shifts import shift_columns

_BEYOND: Final = 4.0
_LEAST_JUMP: Final = 1.0
"""In robust standard deviations of the class: less is within what it spreads anyway."""
_WEEK: Final = 7
_PASSING: Final = 2
_NEAR: Final = 3
_FEWEST_MACHINES: Final = 3
_FEWEST_DAYS: Final = 4
_FEWEST_ROWS: Final = 12
_FEWEST_JUMPS: Final = 21
"""Fewest days that show how much the class usually moves; with the weeks on either side, 36 days of features."""


@dataclass(frozen=True)
class ClassStep:
    """A channel whose level changed within a day for a whole class, and stayed.

    Attributes:
        machine_class: "" for the machines without a class.
        at: the day on which it began.
        jump: in robust standard deviations of the class; at least three quarters of the machines jumped as far.
        machines: how many there were to compare.

    """

    machine_class: str
    channel: str
    at: datetime
    jump: float
    machines: int


def class_steps(baseline: Baseline, features: pl.DataFrame, *, since: datetime) -> tuple[ClassStep, ...]:
    """Return the steps of classes seen after `since`: each is reported once, twelve days after it.

    Args:
        baseline: for the robust standard deviations of its classes.
        features: `machine_id`, `window_end` and at least `shift_columns`, as far back as a month.
        since: when steps were last looked for.

    """
    columns = {channel: name for channel, name in shift_columns(baseline).items() if name in features.columns}
    days = (
        features.with_columns(class_names(baseline, features), day=pl.col("window_end").dt.truncate("1d"))
        .group_by("machine_class", "machine_id", "day")
        .agg(
            pl.when(pl.col(name).count() >= _FEWEST_ROWS).then(_compared(baseline, name).median()).alias(channel)
            for channel, name in columns.items()
        )
        .sort("day", "machine_id")
    )
    through = features["window_end"].max()
    if not isinstance(through, datetime):
        return ()
    return tuple(
        step
        for (name,), own in days.group_by("machine_class", maintain_order=True)
        if name in baseline.classes
        for channel, column in columns.items()
        for step in _steps_of(
            str(name), own, channel, baseline.classes[str(name)].scale[baseline.columns.index(column)]
        )
        if since < step.at + timedelta(days=_WEEK + _PASSING + _NEAR) <= through
    )


def _compared(baseline: Baseline, name: str) -> pl.Expr:
    column = pl.col(name)
    return column.clip(lower_bound=SMALLEST).log() if baseline.logged[baseline.columns.index(name)] else column


def _steps_of(name: str, days: pl.DataFrame, channel: str, scale: float) -> Iterator[ClassStep]:
    """Yield the steps of a channel: the largest within three days of each."""
    table = days.pivot("machine_id", index="day", values=channel, aggregate_function="first").upsample(
        "day", every="1d"
    )
    levels = table.drop("day").cast(pl.Float64).to_numpy() / scale
    if len(levels) < _FEWEST_JUMPS + 2 * _WEEK + _PASSING - 1:
        return
    short, long = _jumps(levels)
    smaller = np.where(short * long > 0, np.copysign(np.minimum(np.abs(short), np.abs(long)), long), 0.0)
    is_known = np.isfinite(short + long)
    machines = is_known.sum(axis=1)
    sizes = np.array([_common(each[known]) for each, known in zip(smaller, is_known, strict=True)])
    usual = np.array([np.median(each[known]) for each, known in zip(short, is_known, strict=True) if known.any()])
    beyond = max(_BEYOND * MAD_TO_SIGMA * float(np.median(np.abs(usual - np.median(usual)))), _LEAST_JUMP)
    for row in np.flatnonzero((np.abs(sizes) > beyond) & (machines >= _FEWEST_MACHINES)).tolist():
        first = max(row - _NEAR, 0)
        if first + int(np.abs(sizes[first : row + _NEAR + 1]).argmax()) == row:
            yield ClassStep(name, channel, table["day"][row + _WEEK], float(sizes[row]), int(machines[row]))


def _jumps(levels: Matrix) -> tuple[Matrix, Matrix]:
    """Return each machine's jumps, short and long, over each day that has a week on either side; NaN where unknown."""
    weeks = sliding_window_view(levels, _WEEK, axis=0)
    is_known = np.isfinite(weeks).sum(axis=2) >= _FEWEST_DAYS
    medians = np.where(is_known, np.nanmedian(np.where(is_known[..., None], weeks, 0.0), axis=2), np.nan)
    apart = _WEEK + _PASSING
    long = medians[apart:] - medians[:-apart]
    short = levels[apart : len(levels) - _WEEK + 1] - levels[_WEEK - 1 : len(levels) - apart]
    return short, long


def _common(jumps: Matrix) -> float:
    """Return what at least three quarters of the machines jumped, to one side; 0 where they do not agree."""
    ordered = np.sort(jumps)
    if ordered.size == 0:
        return 0.0
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    return float(max(low, 0.0) + min(high, 0.0))
