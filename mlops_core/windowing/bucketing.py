"""From readings to buckets: one pass over the rows, a slice at a time, so that memory does not grow with the history.

Readings whose series (machine, channel) each stand in one piece, in time order, are read as they are; others are sorted
first. Within a bucket, moments are summed about its first value, in time order, and moved to its mean: a bucket's
numbers depend on the set of its readings alone, to the last bit, and not on how far the series has moved since it
began.

What has as many rows as there are readings is computed Series by Series, which costs half of what expressions do on
lists; what has a row a bucket, in expressions.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import polars as pl

from mlops_core.windowing.moments import MOMENTS
from mlops_core.windowing.series_order import (
    continue_series,
    go_back,
    like_before,
    repeat,
    repeat_a_series,
    rise,
    sort_series,
)

ROWS_AT_A_TIME = 1 << 19  # about 60 MB while a slice is reduced

_TIME, _VALUE, _NUMBER = pl.col("time"), pl.col("value"), pl.col("number")

# Expressions are made once: making them takes longer than evaluating them on a small frame.
_EXTENT = (
    _VALUE.list.len().cast(pl.Int64).alias("count"),
    # Adding 0.0 makes -0.0 and 0.0 one value.
    (_VALUE.list.first() + 0.0).alias("reference"),
    (_VALUE.list.min() + 0.0).alias("minimum"),
    (_VALUE.list.max() + 0.0).alias("maximum"),
    (_VALUE.list.last() + 0.0).alias("last_value"),
    _TIME.list.last().alias("last_timestamp"),
    ((_TIME.list.first() + _TIME.list.last()) // 2).alias("time_reference"),
)
_SUM_OF_EACH = pl.all().list.sum()

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
        unsorted = pl.concat([_reduce(part) for part in chain.from_iterable(slices)])
        sums = sort_series(unsorted, continue_series(unsorted))
    moments = sums.with_columns(_since_start(hop_microseconds), *_ABOUT_THE_MEAN)
    return moments[["machine_id", "channel", "bucket", *MOMENTS]]


def _reduce_in_order(readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int) -> pl.DataFrame | None:
    """The sums, ordered, of readings whose series stand in one piece each, in time order; None of others."""
    parts: list[pl.DataFrame] = []
    for part in _slices(readings, hop_microseconds, rows_at_a_time):
        if part.goes_back or repeat_a_series(part.heads, part.heads["continues"]):
            return None
        parts.append(_reduce(part))
    buckets = pl.concat(parts)
    continues = continue_series(buckets)
    goes_back = go_back(buckets["bucket"], continues) or repeat(buckets["bucket"], continues)
    return None if goes_back or repeat_a_series(buckets, continues) else sort_series(buckets, continues)


class _Slice(NamedTuple):
    """Annotated rows, the position of each bucket's first row, these rows, and whether time rises in each series."""

    rows: pl.DataFrame
    starts: pl.Series
    heads: pl.DataFrame
    rises: bool

    @classmethod
    def of(cls, rows: pl.DataFrame, starts: pl.Series) -> "_Slice":
        heads = rows[["machine_id", "channel", "bucket", "continues"]][starts]
        return cls(rows, starts, heads, (rise(rows["time"]) | ~rows["continues"]).all())

    @property
    def goes_back(self) -> bool:
        return not self.rises and go_back(self.rows["time"], self.rows["continues"])

    @property
    def repeats(self) -> bool:
        return not self.rises and repeat(self.rows["time"], self.rows["continues"])


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


def _slices(readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int) -> Iterator[_Slice]:
    """The rows in order, cut where a bucket begins, so that no bucket is in two slices."""
    start, wanted = 0, rows_at_a_time
    while True:
        rows = _annotated(readings.slice(start, wanted), hop_microseconds)
        starts = rows["begins"].arg_true()
        if start + wanted >= readings.height:
            yield _Slice.of(rows, starts)
            return
        cut = int(starts[-1])
        if cut == 0:  # the bucket is larger than the slice
            wanted *= 2
            continue
        yield _Slice.of(rows.head(cut), starts.head(-1))
        start, wanted = start + cut, rows_at_a_time


def _annotated(readings: pl.DataFrame, hop_microseconds: int) -> pl.DataFrame:
    """Rows with integer time and bucket, and whether a series goes on and a bucket begins here."""
    rows = readings.rechunk()
    time = rows["event_timestamp"].to_physical().alias("time")
    bucket = (time // hop_microseconds).alias("bucket")
    continues = continue_series(rows)
    begins = ~(continues & like_before(bucket))
    columns = [time, bucket, continues.alias("continues"), begins.alias("begins")]
    return rows[["machine_id", "channel", "value"]].hstack(columns)


def _reduce(part: _Slice) -> pl.DataFrame:
    """A row a bucket: machine_id, channel, bucket, extremes, and sums of deviations from one of its values."""
    rows, heads = part.rows, part.heads[["machine_id", "channel", "bucket"]]
    if part.repeats:
        distinct, revision = _without_duplicates(rows.select("value", "time", number=_numbers(rows)))
        return heads.hstack([revision]).hstack(_sums(_lists(distinct)))
    if size := _common_size(rows.height, part.starts):
        sums = _sums(pl.DataFrame([_cut(rows[name], size) for name in ("value", "time")]), size)
    else:
        sums = _sums(_lists(rows.select("value", "time", number=_numbers(rows))))
    return heads.hstack([sums["count"].alias("revision")]).hstack(sums)


def _common_size(height: int, starts: pl.Series) -> int | None:
    """The number of rows of each bucket, where all have the same, as regular sampling gives."""
    size = height // max(1, starts.len())
    is_common = size * starts.len() == height and (starts.slice(1) - starts.head(-1) == size).all()
    return size if is_common else None


def _cut(column: pl.Series, size: int) -> pl.Series:
    """Lists of `size` rows each, without a copy."""
    return column.reshape((-1, size)).arr.to_list()


def _numbers(rows: pl.DataFrame) -> pl.Series:
    """A number for each row, the same within a bucket and rising from bucket to bucket."""
    bucket, begins = rows["bucket"], rows["begins"]
    # Counting runs costs a fifth of a running sum, and will do unless a series begins in the very bucket that another
    # ended in.
    return begins.cum_sum() if (begins & like_before(bucket)).any() else bucket.rle_id()


def _lists(rows: pl.DataFrame) -> pl.DataFrame:
    """The values and times of each bucket; rows sorted by the bucket's number and time."""
    by_bucket = rows.lazy().with_columns(_NUMBER.set_sorted()).group_by("number", maintain_order=True)
    return by_bucket.agg("value", "time").collect(engine="in-memory")


def _without_duplicates(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """One row per timestamp, its largest value; and the number of distinct rows in each bucket before that."""
    ordered = rows.sort("number", "time", "value").with_columns(_NUMBER.set_sorted())
    same_time = (_NUMBER.shift(-1) == _NUMBER) & (_TIME.shift(-1) == _TIME)
    distinct = ordered.filter(~(same_time & (_VALUE.shift(-1) == _VALUE)).fill_null(value=False))
    revision = distinct.lazy().group_by("number", maintain_order=True).agg(revision=pl.len().cast(pl.Int64))
    return (
        distinct.filter(~same_time.fill_null(value=False)),
        revision.collect(engine="in-memory")["revision"],
    )


def _sums(lists: pl.DataFrame, size: int | None = None) -> pl.DataFrame:
    """Of each bucket, from its values in order of time: the columns of _EXTENT, and sums of deviations.

    One list a bucket, and arithmetic on lists: seven times faster than sums in a group-by. Where all lists have one
    `size`, products are those of flat columns, which are cut again: the same numbers in half the time.
    """
    extent = lists.select_seq(_EXTENT)
    d = lists["value"] - extent["reference"]
    u = (lists["time"] - extent["time_reference"]).cast(pl.List(pl.Float64))
    if size:
        d, u = d.explode(), u.explode()
    d2 = d * d
    powers = {"d": d, "d2": d2, "d3": d2 * d, "d4": d2 * d2, "u": u, "u2": u * u, "ud": u * d}
    if size:
        powers = {name: _cut(column, size) for name, column in powers.items()}
    return extent.hstack(pl.DataFrame(powers).select_seq(_SUM_OF_EACH))
