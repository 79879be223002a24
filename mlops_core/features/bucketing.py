"""From readings to the moments of their buckets (tumbling windows one hop wide): put the rows in order, run the kernel.

Readings whose series (machine, channel) are contiguous and rise in time are read as they are; others are sorted first.
"""

from itertools import pairwise

import numpy as np
import polars as pl

from mlops_core.features.kernel import Booleans, Integers, Moments, changes, reduce_buckets

ROWS_AT_A_TIME = 1 << 14  # what is computed of each row stays in the processor's cache, whatever the history

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
    values, bucket = readings["value"].to_numpy(), times // hop_microseconds
    starts = np.flatnonzero(heads | changes(bucket))
    buckets = readings[starts].select(*_SERIES, bucket=bucket[starts])
    revision = {}
    if not is_ordered:  # only then there are several rows of one timestamp, the largest value last
        counted = np.roll(heads | changes(times), -1)
        revision = {"revision": np.add.reduceat(heads | changes(times, values), starts, dtype=np.int64)}
        starts = (np.cumsum(counted) - counted)[starts]
        times, values = times[counted], values[counted]
    blocks = np.flatnonzero(changes(starts // rows_at_a_time)).tolist()
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


def _heads(readings: pl.DataFrame) -> Booleans:
    """Whether each row begins a series: it is of another machine or channel than the row before."""
    heads = np.ones(readings.height, dtype=np.bool_)
    machine_id, channel = (readings[name].slice(1) != readings[name].head(-1) for name in _SERIES)
    heads[1:] = machine_id | channel
    return heads


def _is_ordered(readings: pl.DataFrame, heads: Booleans, times: Integers) -> bool:
    """Whether each series is contiguous, with strictly rising times."""
    rises = heads[1:] | (times[1:] > times[:-1])
    return bool(rises.all()) and not readings[np.flatnonzero(heads)].select(_SERIES).is_duplicated().any()


def _ordered(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings ordered by machine, channel, time and value."""
    # Sorting within groups costs a third of sorting by two columns of text.
    order = ("event_timestamp", "value")
    return readings.group_by(_SERIES).agg(pl.col(order).sort_by(order)).sort(_SERIES).explode(order)
