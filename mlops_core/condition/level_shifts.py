"""Levels that have changed for good, such as of a sensor that was recalibrated or moved.

A machine is least worn when it has just returned to service, so the first days of its runs are compared with its own
level in the baseline, in robust standard deviations of its class. What the machines of a class have in common at the
same hour (season, weather, the load of the plant) is no shift of one: where there are three of them or more, the
deviation counts as it is and beside their median, whichever is smaller, so that worn peers make no shift either.

```
returns to service      |            |            |
second to fourth day     xxx          xxx          xxx     median deviation of each; the first day's windows still hold
                         0.3          5.2          5.6     what came before. Two in a row beyond 4, to one side: shifted
```
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Final

import polars as pl

from mlops_core.condition.baseline import Baseline
from mlops_core.condition.baseline_fit import class_names, measured
from mlops_core.features import parse_feature_name

_FIRST_DAYS: Final = timedelta(days=3)
_FEWEST_ROWS: Final = 24
_FEWEST_PEERS: Final = 3
_LONGEST: Final = 24 * 3600
_BEYOND: Final = 4.0


@dataclass(frozen=True)
class LevelShift:
    """A channel of a machine whose level is another since a return to service.

    Attributes:
        since: the first of the two returns after which it was seen.
        deviation: in robust standard deviations of the class, corrected for what it has in common; of the smaller.
        is_corrected: whether there were machines enough to correct for what they have in common.

    """

    machine_id: str
    channel: str
    since: datetime
    deviation: float
    is_corrected: bool


def shift_columns(baseline: Baseline) -> dict[str, str]:
    """Return the column by which each channel is compared: its mean over the longest window of at most a day."""
    ranked = [
        ((name.channel, name.statistic == "mean", name.seconds), column)
        for column in reversed(baseline.columns)
        if (name := parse_feature_name(column)) and name.seconds <= _LONGEST
    ]
    return {channel: column for (channel, _, _), column in sorted(ranked, key=itemgetter(0))}  # the last of a channel


def level_shifts(
    baseline: Baseline, features: pl.DataFrame, returns: pl.DataFrame, *, since: datetime
) -> tuple[LevelShift, ...]:
    """Return the levels seen to have shifted after `since`: each is reported once, with the return that shows it.

    Args:
        baseline: with the machines' own levels.
        features: `machine_id`, `window_end` and at least `shift_columns`, as far back as three returns.
        returns: frame RETURNS.
        since: when shifts were last looked for.

    """
    columns = shift_columns(baseline)
    ordered = features.filter(pl.col("machine_id").is_in(list(baseline.levels))).sort("machine_id", "window_end")
    if ordered.is_empty() or returns.is_empty():
        return ()
    standardised = _standardised(baseline, ordered, columns).sort("window_end")
    runs = standardised.join_asof(
        returns.sort("returned_at"),
        left_on="window_end",
        right_on="returned_at",
        by="machine_id",
        check_sortedness=False,
    )
    age = pl.col("window_end") - pl.col("returned_at") - timedelta(seconds=_LONGEST)
    young = runs.filter(age.is_between(timedelta(0), _FIRST_DAYS, closed="left"))
    begun = (
        young.group_by("machine_id", "returned_at")
        .agg(*(pl.col(name).median() for name in columns), peers=pl.col("peers").min(), rows=pl.len())
        .with_columns(seen_at=pl.col("returned_at") + timedelta(seconds=_LONGEST) + _FIRST_DAYS)
        .filter(pl.col("rows") >= _FEWEST_ROWS, pl.col("seen_at") <= ordered["window_end"].max())
        .sort("machine_id", "returned_at")
    )
    found = (
        _shifts_of(own, channel, since=since)
        for (_,), own in begun.group_by("machine_id", maintain_order=True)
        for channel in columns
    )
    return tuple(shift for shifts in found for shift in shifts)


def _shifts_of(own: pl.DataFrame, channel: str, *, since: datetime) -> Iterator[LevelShift]:
    """Yield the shifts of one channel of a machine, whose beginnings are given in order."""
    side = 0
    rows = own.select("machine_id", "returned_at", "seen_at", "peers", value=pl.col(channel).fill_null(0.0)).rows()
    for (machine_id, began, _, peers, first), (_, _, seen_at, more_peers, second) in pairwise(rows):
        before, side = side, _side(first)
        if side not in {0, before} and _side(second) == side and seen_at > since:
            is_corrected = min(peers, more_peers) >= _FEWEST_PEERS
            yield LevelShift(machine_id, channel, began, min(first, second, key=abs), is_corrected)


def _side(deviation: float) -> int:
    return 0 if abs(deviation) <= _BEYOND else 1 if deviation > 0 else -1


def _standardised(baseline: Baseline, ordered: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """Return machine, time, the number of peers at that hour, and each channel's deviation beside that of the class."""
    lacking = [pl.lit(None, pl.Float64).alias(name) for name in baseline.columns if name not in ordered.columns]
    own = baseline.deviations(ordered["machine_id"].to_list(), measured(baseline, ordered.with_columns(lacking)))
    named = ordered.select("machine_id", "window_end").with_columns(class_names(baseline, ordered))
    for name, pooled in baseline.classes.items():
        rows = (named["machine_class"] == name).to_numpy()
        own[rows] = pooled.standardise(own[rows])
    standard = pl.DataFrame(own, schema=list(baseline.columns))
    of_channels = standard.select(pl.col(column).alias(each) for each, column in columns.items())
    beside = named.hstack(of_channels).filter(pl.col("machine_class").is_in(list(baseline.classes)))
    hour = ["machine_class", "window_end"]
    peers = pl.len().over(hour)
    return beside.with_columns(
        *(
            pl.when(peers >= _FEWEST_PEERS)
            .then(_smaller(pl.col(each), pl.col(each) - pl.col(each).median().over(hour)))
            .otherwise(each)
            .alias(each)
            for each in columns
        ),
        peers=peers,
    )


def _smaller(deviation: pl.Expr, beside_peers: pl.Expr) -> pl.Expr:
    """The smaller of two deviations to the same side; 0 where they are to different sides."""
    least = pl.min_horizontal(deviation.abs(), beside_peers.abs())
    return pl.when(deviation.sign() == beside_peers.sign()).then(deviation.sign() * least).otherwise(0.0)
