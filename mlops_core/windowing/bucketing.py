"""From readings to buckets: one pass over the rows, a slice at a time, so that memory does not grow with the history.

Readings whose series (machine, channel) each stand in one piece, in time order, are read as they are; others are sorted
first. Within a bucket, moments are taken about the bucket's own mean, in time order: a bucket's numbers depend on the
set of its readings alone, to the last bit, and not on how far the series has moved since it began.
"""

from collections.abc import Iterator
from itertools import chain

import polars as pl

from mlops_core.windowing.moments import MOMENTS

ROWS_AT_A_TIME = 1 << 19  # about 60 MB while a slice is reduced

_MACHINE, _CHANNEL = pl.col("machine_id"), pl.col("channel")
_TIME, _VALUE, _BUCKET, _NUMBER = pl.col("time"), pl.col("value"), pl.col("bucket"), pl.col("number")


# Expressions are made once: making them takes longer than evaluating them on a small frame.
_EXTENT = (
    _VALUE,
    _TIME,
    _VALUE.list.len().cast(pl.Int64).alias("count"),
    _VALUE.list.mean().alias("mean"),
    # Adding 0.0 makes -0.0 and 0.0 one value.
    (_VALUE.list.min() + 0.0).alias("minimum"),
    (_VALUE.list.max() + 0.0).alias("maximum"),
    (_VALUE.list.last() + 0.0).alias("last_value"),
    _TIME.list.last().alias("last_timestamp"),
    ((_TIME.list.first() + _TIME.list.last()) // 2).alias("time_reference"),
)
# The mean of equal numbers may be an ulp beside them; a constant bucket has no deviation at all.
_REFERENCE = pl.when(pl.col("minimum") == pl.col("maximum")).then("minimum").otherwise("mean").alias("reference")

_D, _U, _D2, _D3 = pl.col("d"), pl.col("u"), pl.col("d2"), pl.col("d3")  # deviations of value and of time, and powers
_DEVIATIONS = (
    (_VALUE - pl.col("reference")).alias("d"),
    (_TIME - pl.col("time_reference")).cast(pl.List(pl.Float64)).alias("u"),
)
_PRODUCTS = ((_D * _D).alias("d2"), (_U * _U).alias("u2"), (_U * _D).alias("ud"))
_POWERS = ((_D2 * _D).alias("d3"), (_D2 * _D2).alias("d4"))
_SUMS = pl.col("d", "d2", "d3", "d4", "u", "u2", "ud").list.sum()

# The references are the means but for rounding and half a gap: move the moments by what is left.
_LEFT, _LEFT_TIME = _D / pl.col("count"), _U / pl.col("count")
_ABOUT_THE_MEAN = (
    pl.col("count").alias("revision"),
    _LEFT.alias("mean_offset"),
    (_D2 - _D * _LEFT).clip(0.0).alias("moment_2"),
    (_D3 - _LEFT * (3.0 * _D2 - 2.0 * _LEFT * _D)).alias("moment_3"),
    (pl.col("d4") - _LEFT * (4.0 * _D3 - _LEFT * (6.0 * _D2 - 3.0 * _LEFT * _D))).alias("moment_4"),
    _LEFT_TIME.alias("time_offset"),
    (pl.col("u2") - _U * _LEFT_TIME).alias("time_moment_2"),
    (pl.col("ud") - _U * _LEFT).alias("time_value_moment"),
)


def reduce_readings(
    readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int = ROWS_AT_A_TIME
) -> pl.DataFrame:
    """One row per machine, channel and hop that has readings, ordered by these, with the columns of `moments.MOMENTS`.

    readings: schema READINGS without nulls, in any order. Of two values for one timestamp the larger counts.
    Returns machine_id, channel, bucket (whole hops since the epoch, Int64), then the moments. Times count from the
    start of the bucket, but `last_timestamp` from the epoch, all in microseconds.
    """
    buckets = _reduce_in_order(readings, hop_microseconds, rows_at_a_time)
    if buckets is None:
        slices = (
            _slices(batch, hop_microseconds, rows_at_a_time) for batch in _sorted_series(readings, rows_at_a_time)
        )
        buckets = pl.concat([_reduce(rows, hop_microseconds) for rows in chain.from_iterable(slices)])
    return buckets.sort("machine_id", "channel", "bucket")


def _reduce_in_order(readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int) -> pl.DataFrame | None:
    """The buckets of readings whose series stand in one piece each, in time order; None of others."""
    parts: list[pl.DataFrame] = []
    for rows in _slices(readings, hop_microseconds, rows_at_a_time):
        if (rows["step"] < 0).any() or _repeats_a_series(rows):
            return None
        parts.append(_reduce(rows, hop_microseconds))
    buckets = pl.concat(parts).with_columns(continues=_same_series())
    goes_back = buckets.select((pl.col("continues") & (_BUCKET.diff() <= 0)).any()).item()
    return None if goes_back or _repeats_a_series(buckets) else buckets.drop("continues")


def _same_series() -> pl.Expr:
    return ((_MACHINE.shift() == _MACHINE) & (_CHANNEL.shift() == _CHANNEL)).fill_null(value=False)


def _repeats_a_series(rows: pl.DataFrame) -> bool:
    return rows.filter(~pl.col("continues")).select("machine_id", "channel").is_duplicated().any()


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


def _slices(readings: pl.DataFrame, hop_microseconds: int, rows_at_a_time: int) -> Iterator[pl.DataFrame]:
    """The rows in order, cut where a bucket begins, so that no bucket is in two slices."""
    start, wanted = 0, rows_at_a_time
    while True:
        rows = _annotated(readings.slice(start, wanted), hop_microseconds)
        if start + wanted >= readings.height:
            yield rows
            return
        cut = rows["begins"].arg_true()[-1]
        if cut == 0:  # the bucket is larger than the slice
            wanted *= 2
            continue
        yield rows.head(cut)
        start, wanted = start + cut, rows_at_a_time


def _annotated(readings: pl.DataFrame, hop_microseconds: int) -> pl.DataFrame:
    """Rows with integer time, bucket, the step in time from the row before and whether a bucket begins here."""
    time = pl.col("event_timestamp").to_physical()
    rows = readings.rechunk().select(
        _MACHINE,
        _CHANNEL,
        _VALUE,
        time=time,
        bucket=time // hop_microseconds,
        continues=_same_series(),
    )
    return rows.with_columns(
        step=pl.when("continues").then(_TIME.diff()),
        begins=~(pl.col("continues") & (_BUCKET.shift() == _BUCKET)),
    )


def _reduce(rows: pl.DataFrame, hop_microseconds: int) -> pl.DataFrame:
    heads = rows.filter("begins").select("machine_id", "channel", "bucket")
    numbered = rows.select("value", "time", number=pl.col("begins").cum_sum() - 1).with_columns(_NUMBER.set_sorted())
    if (rows["step"] == 0).any():
        numbered, revision = _without_duplicates(numbered)
    else:
        revision = None
    moments = _moments(numbered)
    if revision is not None:
        moments = moments.with_columns(revision)
    since_start = pl.col("time_reference") - _BUCKET * hop_microseconds  # an integer, so nothing of it is rounded
    return heads.hstack(moments).with_columns(pl.col("time_offset") + since_start).drop("time_reference")


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


def _moments(rows: pl.DataFrame) -> pl.DataFrame:
    """The moments of each bucket; rows hold value, time and the bucket's number, sorted by number and time.

    Times count from the epoch, but `time_offset` from `time_reference`, which is given too.
    """
    # One list a bucket, and arithmetic on lists: seven times faster than sums in a group-by.
    lists = rows.lazy().group_by("number", maintain_order=True).agg("value", "time").collect(engine="in-memory")
    extent = lists.select(_EXTENT).with_columns(_REFERENCE)
    sums = extent.select(_DEVIATIONS).with_columns(_PRODUCTS).with_columns(_POWERS).select(_SUMS)
    return extent.drop("value", "time").hstack(sums).with_columns(_ABOUT_THE_MEAN).select(*MOMENTS, "time_reference")
