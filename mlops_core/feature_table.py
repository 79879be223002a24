"""The feature table: a dense grid of machines and window ends, and on it the statistics of each channel's windows."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from mlops_core.bucket_schema import BucketError
from mlops_core.moments import MOMENTS, trailing
from mlops_core.schema import TIMESTAMP
from mlops_core.window_statistics import statistic
from mlops_core.windows import MICROSECOND, Windows, hop_index

_INDEX = pl.col("index")


def feature_table(
    buckets: pl.DataFrame,
    *,
    windows: Windows,
    start: datetime | None,
    end: datetime | None,
    statistics: Sequence[str],
    channels: Sequence[str],
) -> pl.DataFrame:
    """Features of checked buckets: machine_id, window_end, revision, then channel by channel, length by length."""
    hop = windows.hop // MICROSECOND
    indexed = buckets.with_columns(
        pl.col("last_timestamp").to_physical(), index=pl.col("bucket_start").to_physical() // hop
    )
    ranges = _ranges(indexed, windows, start, end)
    grid = ranges.select("machine_id", "emitted_from", index=pl.int_ranges("first", "ends")).explode("index")
    placed = (
        indexed.join(ranges, on="machine_id")
        .filter(_INDEX.is_between("first", "ends", closed="left"))
        .select("channel", *MOMENTS, row=_INDEX - pl.col("first") + pl.col("offset"))
    )
    is_emitted = grid["index"] >= grid["emitted_from"]
    window_end = (grid["index"] + 1) * hop
    rows = grid.select("machine_id", window_end=window_end, revision=pl.lit(0, pl.Int64)).filter(is_emitted)
    longest = max(range(len(windows.hops)), key=windows.hops.__getitem__)
    for channel in channels:
        dense = _dense(placed.filter(pl.col("channel") == channel), grid.height)
        trails = [trail.filter(is_emitted) for trail in trailing(dense, windows.hops, hop)]
        columns = [
            trail.select(statistic(name, rows["window_end"]).alias(f"{channel}_{name}_{suffix}") for name in statistics)
            for trail, suffix in zip(trails, windows.names, strict=True)
        ]
        rows = pl.concat([rows, *columns], how="horizontal")
        rows = rows.with_columns(revision=pl.col("revision") + trails[longest]["revision"])
    return rows.with_columns(pl.col("window_end").cast(TIMESTAMP))


def _ranges(buckets: pl.DataFrame, windows: Windows, start: datetime | None, end: datetime | None) -> pl.DataFrame:
    """Which buckets of each machine stand in the grid, and at which row.

    They are [first, ends), of which those before `emitted_from` are only looked back at; `offset` is the row of
    `first`.
    """
    spans = buckets.group_by("machine_id").agg(emitted_from=_INDEX.min(), ends=_INDEX.max() + 1)
    if start is not None:
        earliest = hop_index(start, windows.hop)
        spans = spans.with_columns(pl.max_horizontal("emitted_from", pl.lit(earliest)).alias("emitted_from"))
    if end is not None:
        spans = spans.with_columns(ends=pl.lit(hop_index(end, windows.hop)))
    return (
        spans.filter(pl.col("emitted_from") < pl.col("ends"))
        .sort("machine_id")
        .with_columns(first=pl.col("emitted_from") - (max(windows.hops) - 1))
        .with_columns(offset=(pl.col("ends") - pl.col("first")).cum_sum().shift(1, fill_value=0))
    )


def _dense(buckets: pl.DataFrame, height: int) -> pl.DataFrame:
    """The moments of every row of the grid, empty where there is no bucket."""
    rows = pl.DataFrame({"row": pl.int_range(height, eager=True)})
    dense = rows.join(buckets, on="row", how="left", maintain_order="left")
    if dense.height > height:
        raise BucketError(
            "buckets", "bucket_start", "stands more than once for a machine and channel", dense.height - height,
            "Merge the frames that the buckets come from: merge_buckets(frames)",
        )  # fmt: skip
    return dense.select(pl.col(name).fill_null(empty).cast(kind) for name, (kind, empty) in MOMENTS.items())
