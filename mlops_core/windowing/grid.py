"""The dense grid of machines and hops that windows are computed on, and where each bucket stands in it.

Machines are taken in batches, so that memory beyond the result does not grow with the fleet. In the grid of a batch the
rows of one channel stand below those of the one before: what is done once a window length then costs the same for one
channel and for twenty.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from mlops_core.errors import MlopsError
from mlops_core.windowing.bucket_schema import BucketError
from mlops_core.windowing.moments import EMPTY, MOMENTS
from mlops_core.windowing.series_order import continue_series
from mlops_core.windows import EPOCH, Windows, hop_index

ROWS_OF_A_MACHINE = 10_000_000  # 19 years of minutes: more is a clock that jumped

_INDEX = pl.col("index")
_ROWS = pl.col("ends") - pl.col("first")
_NO_BUCKET = pl.Series([0], dtype=pl.UInt32)


class TimeSpanError(MlopsError, ValueError):
    """A machine whose readings lie so far apart that its rows would fill the memory."""

    def __init__(self, machine_id: str, first: datetime, last: datetime, hop: timedelta) -> None:
        rows = (last - first) // hop
        super().__init__(
            f"machine {machine_id!r} has readings from {first} to {last}, {rows:,} hops of {hop} apart",
            "If its clock jumped, remove those readings; otherwise choose a longer hop, or give start and end",
        )


def machine_ranges(
    machine_id: pl.Series,
    index: pl.Series,
    windows: Windows,
    start: datetime | None,
    end: datetime | None,
    rows_of_a_batch: int,
) -> pl.DataFrame:
    """Which hops of each machine stand in the grid, and from which row of which batch's grid on; ordered by machine_id.

    machine_id, index: of each bucket, its machine and its hops since the epoch.
    Returns machine_id, `batch`, and hops [`first`, `ends`), of which those before `emitted_from` are only looked back
    at; `offset` is the row of `first` in the part of the grid of one channel, which has `batch_height` rows.

    Raises:
        TimeSpanError: a machine would have more than ten million rows.

    """
    earliest, latest = _INDEX.min(), _INDEX.max() + 1
    if start is not None:
        earliest = earliest.clip(hop_index(start, windows.hop))
    if end is not None:
        latest = pl.lit(hop_index(end, windows.hop))
    ranges = (
        pl.LazyFrame([machine_id, index])
        .group_by("machine_id")
        .agg(emitted_from=earliest, ends=latest)
        .filter(pl.col("emitted_from") < pl.col("ends"))
        .sort("machine_id")
        .with_columns(first=pl.col("emitted_from") - (max(windows.hops) - 1))
        .with_columns(batch=_ROWS.cum_sum() // rows_of_a_batch)
        .with_columns(offset=_ROWS.cum_sum().over("batch") - _ROWS, batch_height=_ROWS.sum().over("batch"))
        .collect(engine="in-memory")
    )
    too_long = ranges["ends"] - ranges["emitted_from"] > ROWS_OF_A_MACHINE
    if too_long.any():
        machine, begins, ends = ranges.select("machine_id", "emitted_from", "ends").filter(too_long).row(0)
        raise TimeSpanError(machine, EPOCH + begins * windows.hop, EPOCH + ends * windows.hop, windows.hop)
    return ranges


def place_buckets(
    buckets: pl.DataFrame, index: pl.Series, ranges: pl.DataFrame, channels: Sequence[str]
) -> pl.DataFrame:
    """The moments that stand in the grid, times as integers, with the batch that each belongs to and its row there.

    Places are looked up once for each piece of a series, of which sorted buckets have few.
    """
    begins = ~continue_series(buckets)
    positions = pl.DataFrame({"channel": channels}, schema={"channel": pl.String}).with_row_index("position")
    pieces = (
        buckets[["machine_id", "channel"]]
        .filter(begins)
        .lazy()
        .join(ranges.lazy(), on="machine_id", how="left", maintain_order="left")
        .join(positions.lazy(), on="channel", how="left", maintain_order="left")
        .select(
            "batch",
            first=pl.when(pl.col("position").is_not_null()).then("first"),
            ends="ends",
            row_of_index_0=pl.col("position") * pl.col("batch_height") + pl.col("offset") - pl.col("first"),
        )
        .collect(engine="in-memory")
    )
    piece = begins.cum_sum() - 1
    batch, first, ends, row_of_index_0 = (column[piece] for column in pieces)
    stands = (index >= first) & (index < ends)
    row = (index + row_of_index_0).alias("row")
    moments = (buckets[name].cast(kind) for name, (kind, _) in MOMENTS.items())
    return pl.DataFrame([column.filter(stands) for column in (batch, row, *moments)])


def dense_moments(placed: pl.DataFrame, height: int) -> dict[str, pl.Series]:
    """The moments of every row of a batch's grid, empty where there is no bucket.

    placed: `row` and the columns of MOMENTS.

    Raises:
        BucketError: two buckets for one row.

    """
    sources = _NO_BUCKET.new_from_index(0, height).scatter(
        placed["row"], pl.int_range(1, placed.height + 1, dtype=pl.UInt32, eager=True)
    )
    if missing := placed.height - int((sources > 0).sum()):
        raise BucketError(
            "buckets",
            "bucket_start",
            "stands more than once for a machine and channel",
            missing,
            "Merge the frames that the buckets come from: merge_buckets(frames)",
        )
    return pl.concat([EMPTY, placed[list(MOMENTS)]], rechunk=True)[sources].to_dict()
