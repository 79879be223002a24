"""From readings to the moments of their buckets (tumbling windows one hop wide): put the rows in order, run the kernel.

Readings whose series (machine, channel) are contiguous and rise in time are read as they are; others are sorted first.
"""

from itertools import pairwise

import numpy as np
import polars as pl

from mlops_core.features.kernel import Integers, Moments, changes, reduce_buckets

ROWS_AT_A_TIME = 1 << 15  # what is computed of each row stays in the processor's cache, whatever the history
TIMES_AT_A_TIME = 1 << 20  # 8 MB: glibc keeps twice the largest block that was freed for what is allocated next

_SERIES = ("machine_id", "channel")


def reduce_readings(
    readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int = ROWS_AT_A_TIME
) -> pl.DataFrame:
    """One row per machine, channel and hop that has readings, ordered by these, with the columns of `Moments`.

    Args:
        readings: schema READINGS without nulls, in any order. Of two values for one timestamp the larger counts.
        hop_microseconds: width of a bucket.
        rows_at_a_time: rows that are reduced together; changes no result.

    Returns:
        machine_id, channel, bucket (whole hops since the epoch, Int64), then the moments. Times count from the start of
        the bucket, but `last_timestamp` from the epoch, all in microseconds.

    """
    heads, times = _heads(readings), _times(readings)
    is_ordered = _is_ordered(readings, heads, times)
    if not is_ordered:
        readings = _ordered(readings)
        heads, times = _heads(readings), _times(readings)
    values = readings["value"].to_numpy()
    starts = np.sort(np.append(heads, _bucket_edges(times, hop_microseconds)), kind="stable")
    starts = starts[changes(starts)]
    buckets = readings[starts].select(*_SERIES, bucket=times[starts] // hop_microseconds)
    revision = {}
    if not is_ordered:  # only then there are several rows of one timestamp, the largest value last
        is_new = changes(times)
        is_new[heads] = True
        revision = {"revision": np.add.reduceat(is_new | changes(values), starts, dtype=np.int64)}
        counted = np.roll(is_new, -1)
        starts = (np.cumsum(counted) - counted)[starts]
        times, values = times[counted], values[counted]
    blocks = np.flatnonzero(changes(starts // rows_at_a_time)).tolist()
    with np.errstate(over="ignore", invalid="ignore"):  # callers refuse what is too large by the extremes
        moments = Moments.concatenate(
            [
                reduce_buckets(values[rows], times[rows], starts[first:end] - rows.start, hop_microseconds)
                for first, end in pairwise([*blocks, len(starts)])
                for rows in [slice(starts[first], starts[end] if end < len(starts) else None)]
            ]
        )
    table = buckets.with_columns(**vars(moments) | revision)
    return table.sort(_SERIES, maintain_order=True) if is_ordered else table


def _times(readings: pl.DataFrame) -> Integers:
    return readings["event_timestamp"].to_physical().to_numpy()


def _heads(readings: pl.DataFrame) -> Integers:
    """The rows that begin a series: they are of another machine or channel than the row before."""
    machine_id, channel = (readings[name].slice(1) != readings[name].head(-1) for name in _SERIES)
    return np.append(0, (machine_id | channel).arg_true() + 1)[: readings.height].astype(np.int64)


def _bucket_edges(times: Integers, hop: int) -> Integers:
    """The rows of another hop than the row before; by blocks, so that memory is bounded."""
    rows = [np.empty(0, dtype=np.int64)]
    for first in range(0, len(times), TIMES_AT_A_TIME):
        hops = times[first : first + TIMES_AT_A_TIME + 1] // hop
        rows.append(np.flatnonzero(hops[1:] != hops[:-1]) + (first + 1))
    return np.concatenate(rows)


def _is_ordered(readings: pl.DataFrame, heads: Integers, times: Integers) -> bool:
    """Whether each series is contiguous, with strictly rising times."""
    rises = times[1:] > times[:-1]
    rises[heads[1:] - 1] = True
    return bool(rises.all()) and not readings[heads].select(_SERIES).is_duplicated().any()


def _ordered(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings ordered by machine, channel, time and value."""
    # Sorting within groups costs a third of sorting by two columns of text.
    order = ("event_timestamp", "value")
    return readings.group_by(_SERIES).agg(pl.col(order).sort_by(order)).sort(_SERIES).explode(order)
