"""The feature table: a dense grid of machines and window ends, and on it the statistics of each channel's windows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from mlops_core.errors import MlopsError
from mlops_core.schema import TIMESTAMP
from mlops_core.windowing.bucket_schema import BucketError
from mlops_core.windowing.moments import MOMENTS, trailing
from mlops_core.windowing.window_statistics import window_statistics
from mlops_core.windows import EPOCH, MICROSECOND, Windows, hop_index

ROWS_AT_A_TIME = 100_000  # of one channel's window moments: about 11 MB a window length, whatever the fleet

ROWS_OF_A_MACHINE = 10_000_000  # 19 years of minutes: more is a clock that jumped

_INDEX = pl.col("index")


class TimeSpanError(MlopsError, ValueError):
    """A machine whose readings lie so far apart that its rows would fill the memory."""

    def __init__(self, machine_id: str, first: datetime, last: datetime, hop: timedelta) -> None:
        rows = (last - first) // hop
        super().__init__(
            f"machine {machine_id!r} has readings from {first} to {last}, {rows:,} hops of {hop} apart",
            "If its clock jumped, remove those readings; otherwise choose a longer hop, or give start and end",
        )


def feature_table(
    buckets: pl.DataFrame,
    *,
    windows: Windows,
    start: datetime | None,
    end: datetime | None,
    statistics: Sequence[str],
    channels: Sequence[str],
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> pl.DataFrame:
    """Features of checked buckets: machine_id, window_end, revision, then channel by channel, length by length.

    Machines are taken some at a time, so that memory beyond the result does not grow with the fleet.
    """
    hop = windows.hop // MICROSECOND
    indexed = buckets.with_columns(
        pl.col("last_timestamp").to_physical(), index=pl.col("bucket_start").to_physical() // hop
    )
    ranges = _ranges(indexed, windows, start, end, rows_at_a_time // max(1, len(channels)))
    positions = pl.DataFrame({"channel": channels}, schema={"channel": pl.String}).with_row_index("position")
    placed = (
        indexed.join(ranges, on="machine_id")
        .filter(_INDEX.is_between("first", "ends", closed="left"))
        .join(positions, on="channel")
        .select(
            "batch",
            *MOMENTS,
            row=pl.col("position") * pl.col("batch_height") + pl.col("offset") + _INDEX - pl.col("first"),
        )
    )
    moments = placed.partition_by("batch", as_dict=True, include_key=False)
    nothing = placed.drop("batch").clear()
    tables = [
        _features(machines, moments.get((machines["batch"].first(),), nothing), windows, statistics, channels)
        for machines in ranges.partition_by("batch", maintain_order=True) or [ranges]
    ]
    return pl.concat(tables)


def _ranges(
    buckets: pl.DataFrame, windows: Windows, start: datetime | None, end: datetime | None, rows_at_a_time: int
) -> pl.DataFrame:
    """Which buckets of each machine stand in the grid, and at which row of which batch of machines.

    They are [first, ends), of which those before `emitted_from` are only looked back at; `offset` is the row
    of `first`.
    """
    spans = buckets.group_by("machine_id").agg(emitted_from=_INDEX.min(), ends=_INDEX.max() + 1).sort("machine_id")
    if start is not None:
        spans = spans.with_columns(pl.col("emitted_from").clip(hop_index(start, windows.hop)))
    if end is not None:
        spans = spans.with_columns(ends=pl.lit(hop_index(end, windows.hop)))
    for machine_id, begins, ends in spans.filter(
        pl.col("ends") - pl.col("emitted_from") > ROWS_OF_A_MACHINE
    ).iter_rows():
        raise TimeSpanError(machine_id, EPOCH + begins * windows.hop, EPOCH + ends * windows.hop, windows.hop)
    rows = pl.col("ends") - pl.col("first")
    return (
        spans.filter(pl.col("emitted_from") < pl.col("ends"))
        .with_columns(first=pl.col("emitted_from") - (max(windows.hops) - 1))
        .with_columns(batch=rows.cum_sum() // rows_at_a_time)
        .with_columns(offset=rows.cum_sum().over("batch") - rows, batch_height=rows.sum().over("batch"))
    )


def _features(
    machines: pl.DataFrame, moments: pl.DataFrame, windows: Windows, statistics: Sequence[str], channels: Sequence[str]
) -> pl.DataFrame:
    """The features of a batch of machines; the grids of its channels stand below each other in one frame.

    What is done once a window length then costs the same for one channel and for twenty.
    """
    hop = windows.hop // MICROSECOND
    grid = machines.select("machine_id", "emitted_from", index=pl.int_ranges("first", "ends")).explode("index")
    is_emitted = grid["index"] >= grid["emitted_from"]
    rows = grid.filter(is_emitted).select("machine_id", window_end=(_INDEX + 1) * hop)
    revision = pl.zeros(rows.height, pl.Int64, eager=True).alias("revision")
    columns: dict[tuple[int, int], list[pl.Series]] = {}
    below = len(channels)
    if below:
        mask, window_end = pl.concat([is_emitted] * below), pl.concat([rows["window_end"]] * below)
        dense = _dense(moments, grid.height * below)
        for place, trail in enumerate(trailing(dense, windows.hops, hop)):
            emitted = trail.filter(mask).with_columns(window_end)
            values = window_statistics(emitted, statistics)
            for position in range(below):
                columns[position, place] = values.slice(position * rows.height, rows.height).get_columns()
                if windows.lengths[place] == windows.longest:
                    revision += emitted["revision"].slice(position * rows.height, rows.height)
    named = [
        series.alias(f"{channel}_{series.name}_{suffix}")
        for position, channel in enumerate(channels)
        for place, suffix in enumerate(windows.names)
        for series in columns[position, place]
    ]
    return rows.with_columns(pl.col("window_end").cast(TIMESTAMP), revision, *named)


def _dense(buckets: pl.DataFrame, height: int) -> pl.DataFrame:
    """The moments of every row of the grid, empty where there is no bucket."""
    rows = pl.DataFrame({"row": pl.int_range(height, eager=True)})
    dense = rows.join(buckets, on="row", how="left", maintain_order="left")
    if dense.height > height:
        raise BucketError(
            "buckets",
            "bucket_start",
            "stands more than once for a machine and channel",
            dense.height - height,
            "Merge the frames that the buckets come from: merge_buckets(frames)",
        )
    return dense.select(pl.col(name).fill_null(empty).cast(kind) for name, (kind, empty) in MOMENTS.items())
