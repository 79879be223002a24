"""From readings to buckets: one pass over the rows, a slice at a time, so that memory does not grow with the history.

Readings whose series (machine, channel) each stand in one piece, in time order, are read as they are; others are sorted
first. Within a bucket, moments are summed about its first value, in time order, and moved to its mean: a bucket's
numbers depend on the set of its readings alone, to the last bit, and not on how far the series has moved since it
began.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import polars as pl

from mlops_core.features.irregular_slice import IrregularSlice
from mlops_core.features.moments import MOMENTS
from mlops_core.features.regular_slice import RegularSlice
from mlops_core.features.series_order import continue_series, go_back, repeat, repeat_a_series, sort_series

ROWS_AT_A_TIME = 1 << 19  # about 60 MB while a slice is reduced

_COLUMNS = (  # what a slice is reduced to
    *("machine_id", "channel", "bucket", "revision", "count", "reference", "minimum", "maximum", "last_value"),
    *("last_timestamp", "time_reference", "d", "d2", "d3", "d4", "u", "u2", "ud"),
)

# Deviations are from a value of the bucket, so that a constant bucket has none, and from the middle of its times: move
# the moments to the means.
_N = pl.col("count")
_D, _D2, _D3, _D4 = (pl.col(name) for name in ("d", "d2", "d3", "d4"))  # sums of deviations, and of their powers
_U, _U2, _UD = (pl.col(name) for name in ("u", "u2", "ud"))  # sums of deviations in time, squares, products
_LEFT, _LEFT_TIME = _D / _N, _U / _N
_ABOUT_THE_MEAN = (
    _LEFT.alias("mean_offset"),
    (_D2 - _D * _LEFT).clip(0.0).alias("moment_2"),
    (_D3 - _LEFT * (3.0 * _D2 - 2.0 * _LEFT * _D)).alias("moment_3"),
    (_D4 - _LEFT * (4.0 * _D3 - _LEFT * (6.0 * _D2 - 3.0 * _LEFT * _D))).alias("moment_4"),
    (_U2 - _U * _LEFT_TIME).alias("time_moment_2"),
    (_UD - _U * _LEFT).alias("time_value_moment"),
)


def _since_start(hop_microseconds: int) -> pl.Expr:
    """The mean time since the bucket began: an integer, of which nothing is rounded, and what is left."""
    reference = pl.col("time_reference") - pl.col("bucket") * hop_microseconds
    return (_LEFT_TIME + reference).alias("time_offset")


def reduce_readings(
    readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int = ROWS_AT_A_TIME
) -> pl.DataFrame:
    """One row per machine, channel and hop that has readings, ordered by these, with the columns of `moments.MOMENTS`.

    readings: schema READINGS without nulls, in any order. Of two values for one timestamp the larger counts.
    Returns machine_id, channel, bucket (whole hops since the epoch, Int64), then the moments. Times count from the
    start of the bucket, but `last_timestamp` from the epoch, all in microseconds.
    """
    sums = _reduce_in_order(readings, hop_microseconds, rows_at_a_time)
    if sums is None:
        slices = (
            _slices(batch, hop_microseconds, rows_at_a_time) for batch in _sorted_series(readings, rows_at_a_time)
        )
        unsorted = _stacked([part.reduce() for part in chain.from_iterable(slices)])
        sums = sort_series(unsorted, continue_series(unsorted))
    moments = sums.with_columns_seq(_since_start(hop_microseconds), *_ABOUT_THE_MEAN)
    return moments[["machine_id", "channel", "bucket", *MOMENTS]]


def _reduce_in_order(readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int) -> pl.DataFrame | None:
    """The sums, ordered, of readings whose series stand in one piece each, in time order; None of others."""
    parts: list[pl.DataFrame] = []
    for part in _slices(readings, hop_microseconds, rows_at_a_time):
        if part.is_out_of_order:
            return None
        parts.append(part.reduce())
    buckets = _stacked(parts)
    continues = continue_series(buckets)
    goes_back = go_back(buckets["bucket"], continues) or repeat(buckets["bucket"], continues)
    return None if goes_back or repeat_a_series(buckets, continues) else sort_series(buckets, continues)


def _stacked(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.DataFrame([pl.concat([part[name] for part in parts], rechunk=True) for name in _COLUMNS])


def _sorted_series(readings: pl.DataFrame, rows_at_a_time: int) -> Iterator[pl.DataFrame]:
    """The readings with each series in one piece and in time order, some series at a time."""
    series = (
        readings.lazy()
        .group_by("machine_id", "channel")
        .agg(pl.col("event_timestamp", "value").sort_by("event_timestamp"))
        .with_columns(batch=pl.col("value").list.len().cum_sum() // rows_at_a_time)
        .collect(engine="in-memory")
    )
    for batch in series.partition_by("batch", maintain_order=True, include_key=False):
        yield batch.explode("event_timestamp", "value")


def _slices(
    readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int
) -> Iterator[RegularSlice | IrregularSlice]:
    """The rows in order, cut where a bucket begins, so that no bucket is in two slices."""
    start, wanted = 0, rows_at_a_time
    while True:
        rows = readings.slice(start, wanted).rechunk()
        is_last = start + wanted >= readings.height
        part = RegularSlice.cut(rows, hop_microseconds, is_last=is_last) or IrregularSlice.cut(
            rows, hop_microseconds, is_last=is_last
        )
        if part is None:  # a bucket is larger than the slice
            wanted *= 2
            continue
        yield part
        if start + part.height >= readings.height:
            return
        start, wanted = start + part.height, rows_at_a_time
