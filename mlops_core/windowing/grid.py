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
from mlops_core.windowing.series_order import continue_series, rise
from mlops_core.windows import EPOCH, Windows, hop_index

ROWS_OF_A_MACHINE = 10_000_000  # 19 years of minutes: more is a clock that jumped

_NO_BUCKET = pl.Series([0], dtype=pl.UInt32)


class TimeSpanError(MlopsError, ValueError):
    """A machine whose readings lie so far apart that its rows would fill the memory."""

    def __init__(self, machine_id: str, first: datetime, last: datetime, hop: timedelta) -> None:
        rows = (last - first) // hop
        super().__init__(
            f"machine {machine_id!r} has readings from {first} to {last}, {rows:,} hops of {hop} apart",
            "If its clock jumped, remove those readings; otherwise choose a longer hop, or give start and end",
        )


def series_pieces(buckets: pl.DataFrame, index: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """The pieces of series in the order of time that the rows fall into, and for each row the number of its piece.

    index: of each bucket, its hops since the epoch. Sorted buckets have one piece a series.
    Returns machine_id, channel, and the indices `earliest` and `latest` of each piece.
    """
    begins = ~(continue_series(buckets) & rise(index))
    starts = begins.arg_true()
    ends = (starts.slice(1).append(pl.Series([buckets.height], dtype=starts.dtype)) - 1).head(starts.len())
    ids = [buckets[name][starts] for name in ("machine_id", "channel")]
    return pl.DataFrame([*ids, index[starts].alias("earliest"), index[ends].alias("latest")]), begins.cum_sum() - 1


def machine_ranges(
    pieces: pl.DataFrame, windows: Windows, start: datetime | None, end: datetime | None, rows_of_a_batch: int
) -> pl.DataFrame:
    """Which hops of each machine stand in the grid, and from which row on; ordered by machine_id.

    Returns machine_id, `batch`, and hops [`first`, `ends`), of which those before `emitted_from` are only looked back
    at; `offset` is the row of `first`, counted over all batches, for one channel.

    Raises:
        TimeSpanError: a machine would have more than ten million rows.

    """
    earliest, latest = pl.col("earliest").min(), pl.col("latest").max() + 1
    if start is not None:
        earliest = earliest.clip(hop_index(start, windows.hop))
    if end is not None:
        latest = pl.lit(hop_index(end, windows.hop))
    rows = pl.col("ends") - pl.col("first")
    ranges = (
        pieces.lazy()
        .group_by("machine_id")
        .agg(emitted_from=earliest, ends=latest)
        .filter(pl.col("emitted_from") < pl.col("ends"))
        .sort("machine_id")
        .with_columns(first=pl.col("emitted_from") - (max(windows.hops) - 1))
        .with_columns(batch=rows.cum_sum() // rows_of_a_batch, offset=rows.cum_sum() - rows)
        .collect(engine="in-memory")
    )
    too_long = ranges["ends"] - ranges["emitted_from"] > ROWS_OF_A_MACHINE
    if too_long.any():
        machine, begins, ends = ranges.select("machine_id", "emitted_from", "ends").filter(too_long).row(0)
        raise TimeSpanError(machine, EPOCH + begins * windows.hop, EPOCH + ends * windows.hop, windows.hop)
    return ranges


def grid_rows(machines: pl.DataFrame) -> tuple[pl.Series, pl.Series, pl.Series]:
    """The rows of one channel in the grid of a batch: hop, position of the machine, and whether it is more than looked at.

    machines: what `machine_ranges` gives of the batch.
    """
    offset = machines["offset"] - machines["offset"][:1]
    height = int((machines["ends"] - machines["first"]).sum())
    begins = _NO_BUCKET.new_from_index(0, height).scatter(offset.slice(1), 1)
    machine = begins.cum_sum()
    index = pl.int_range(0, height, eager=True) + (machines["first"] - offset)[machine]
    return index, machine, index >= machines["emitted_from"][machine]


def place_buckets(
    buckets: pl.DataFrame,
    index: pl.Series,
    pieces: pl.DataFrame,
    piece: pl.Series,
    ranges: pl.DataFrame,
    channels: Sequence[str],
) -> pl.DataFrame:
    """The moments that stand in the grid, times as integers, each with its `batch`, `position` of channel and `row`.

    The row is counted over all batches. Places are looked up once a piece; `piece` is the number of each bucket's.
    """
    positions = pl.DataFrame({"channel": channels}, schema={"channel": pl.String}).with_row_index("position")
    places = (
        pieces.lazy()
        .join(ranges.lazy(), on="machine_id", how="left", maintain_order="left")
        .join(positions.lazy(), on="channel", how="left", maintain_order="left")
        .select(
            "batch",
            pl.col("position").cast(pl.Int64),
            first=pl.when(pl.col("position").is_not_null()).then("first"),
            ends="ends",
            row_of_index_0=pl.col("offset") - pl.col("first"),
        )
        .collect(engine="in-memory")
    )
    batch, position, first, ends, row_of_index_0 = (column[piece] for column in places)
    stands = (index >= first) & (index < ends)
    row = (index + row_of_index_0).alias("row")
    moments = (buckets[name].cast(kind) for name, (kind, _) in MOMENTS.items())
    return pl.DataFrame([column.filter(stands) for column in (batch, position, row, *moments)])


def dense_moments(placed: pl.DataFrame, first_row: pl.Series, height: int, channels: int) -> dict[str, pl.Series]:
    """The moments of every row of a batch's grid, empty where there is no bucket.

    placed: what `place_buckets` gives of the batch; its first row is the one in `first_row`, and each channel has
        `height` rows.

    Raises:
        BucketError: two buckets for one row.

    """
    row = placed["position"] * height + (placed["row"] - first_row)
    sources = _NO_BUCKET.new_from_index(0, height * channels).scatter(
        row, pl.int_range(1, placed.height + 1, dtype=pl.UInt32, eager=True)
    )
    if missing := placed.height - int((sources > 0).sum()):
        raise BucketError(
            "buckets",
            "bucket_start",
            "stands more than once for a machine and channel",
            missing,
            "Merge the frames that the buckets come from: merge_buckets(frames)",
        )
    return {name: pl.concat([EMPTY[name], placed[name]], rechunk=True)[sources] for name in MOMENTS}
