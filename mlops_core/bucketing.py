"""From readings to buckets: one pass over the rows, a slice at a time, so that memory does not grow with the history.

Readings whose series (machine, channel) each stand in one piece, in time order, are read as they are; others are sorted
first. Within a bucket, moments are taken about the bucket's own mean, in time order: a bucket's numbers depend on the
set of its readings alone, to the last bit, and not on how far the series has moved since it began.
"""

from collections.abc import Iterator
from itertools import chain

import polars as pl

from mlops_core.moments import MOMENTS

ROWS_AT_A_TIME = 1 << 20  # about 120 MB while a slice is reduced

_MACHINE, _CHANNEL = pl.col("machine_id"), pl.col("channel")
_TIME, _VALUE, _BUCKET, _NUMBER = pl.col("time"), pl.col("value"), pl.col("bucket"), pl.col("number")


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
    extent = lists.select(
        "value",
        "time",
        count=_VALUE.list.len().cast(pl.Int64),
        mean=_VALUE.list.mean(),
        # Adding 0.0 makes -0.0 and 0.0 one value.
        minimum=_VALUE.list.min() + 0.0,
        maximum=_VALUE.list.max() + 0.0,
        last_value=_VALUE.list.last() + 0.0,
        last_timestamp=_TIME.list.last(),
        time_reference=(_TIME.list.first() + _TIME.list.last()) // 2,
    ).with_columns(
        # The mean of equal numbers may be an ulp beside them; a constant bucket has no deviation at all.
        reference=pl.when(pl.col("minimum") == pl.col("maximum")).then("minimum").otherwise("mean")
    )
    d, u = pl.col("d"), pl.col("u")
    sums = (
        extent.select(d=_VALUE - pl.col("reference"), u=(_TIME - pl.col("time_reference")).cast(pl.List(pl.Float64)))
        .with_columns(d2=d * d, u2=u * u, ud=u * d)
        .with_columns(d3=pl.col("d2") * d, d4=pl.col("d2") * pl.col("d2"))
        .select(pl.col("d", "d2", "d3", "d4", "u", "u2", "ud").list.sum())
    )
    # The references are the means but for rounding and half a gap: move the moments by what is left.
    n, left, left_time = pl.col("count"), pl.col("d") / pl.col("count"), pl.col("u") / pl.col("count")
    moved = (
        extent.drop("value", "time")
        .hstack(sums)
        .with_columns(
            revision=n,
            mean_offset=left,
            moment_2=(pl.col("d2") - d * left).clip(0.0),
            moment_3=pl.col("d3") - left * (3.0 * pl.col("d2") - 2.0 * left * d),
            moment_4=pl.col("d4") - left * (4.0 * pl.col("d3") - left * (6.0 * pl.col("d2") - 3.0 * left * d)),
            time_offset=left_time,
            time_moment_2=pl.col("u2") - u * left_time,
            time_value_moment=pl.col("ud") - u * left,
        )
    )
    return moved.select(*MOMENTS, "time_reference")
