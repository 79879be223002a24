"""The dense grid of machines and hops that windows are computed on, and where each bucket stands in it.

Machines are taken in batches, so that memory beyond the result does not grow with the fleet. In the grid of a batch the
rows of one channel stand below those of the one before: what is done once a window length then costs the same for one
channel and for twenty.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from mlops_core.errors import MlopsError
from mlops_core.features.bucket_schema import BucketError
from mlops_core.features.moments import EMPTY, MOMENTS
from mlops_core.features.series_order import continue_series, rise
from mlops_core.features.windows import Windows, hop_index
from mlops_core.time import EPOCH

ROWS_OF_A_MACHINE = 10_000_000  # 19 years of minutes: more is a clock that jumped

_NOTHING = pl.Series([0], dtype=pl.UInt32)
_MACHINE = (pl.col("machine_id").rank("dense") - 1).alias("machine")
_EXTENT = (pl.col("earliest").min().over("machine"), pl.col("latest").max().over("machine"))


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
    Returns machine_id, channel, the indices `earliest` and `latest` of each piece, and the number of its `machine` in
    the order of ids.
    """
    begins = ~(continue_series(buckets) & rise(index))
    starts = begins.arg_true()
    ends = (starts.slice(1).append(pl.Series([buckets.height], dtype=starts.dtype)) - 1).head(starts.len())
    ids = [buckets[name][starts] for name in ("machine_id", "channel")]
    pieces = pl.DataFrame([*ids, index[starts].alias("earliest"), index[ends].alias("latest")])
    return pieces.with_columns_seq(_MACHINE), begins.cum_sum() - 1


def machine_ranges(
    pieces: pl.DataFrame, windows: Windows, start: datetime | None, end: datetime | None, rows_of_a_batch: int
) -> pl.DataFrame:
    """Which hops of each machine stand in the grid, and from which row on; ordered by machine_id.

    Returns machine_id, `batch`, and hops [`first`, `ends`), of which those before `emitted_from` are only looked back
    at; a machine of which nothing is emitted has none. `offset` is the row of `first`, counted over all batches, for
    one channel.

    Raises:
        TimeSpanError: a machine would have more than ten million rows.

    """
    a_piece = _NOTHING.new_from_index(0, pieces["machine"].n_unique())
    a_piece = a_piece.scatter(pieces["machine"], pl.int_range(pieces.height, eager=True))
    earliest, latest = (column[a_piece] for column in pieces.select_seq(_EXTENT))
    machine_id = pieces["machine_id"][a_piece]
    emitted_from = earliest if start is None else earliest.clip(hop_index(start, windows.hop))
    ends = latest + 1 if end is None else pl.Series([hop_index(end, windows.hop)]).new_from_index(0, latest.len())
    too_long = ends - emitted_from > ROWS_OF_A_MACHINE
    if too_long.any():
        begun, ended = (EPOCH + column.filter(too_long)[0] * windows.hop for column in (emitted_from, ends))
        raise TimeSpanError(machine_id.filter(too_long)[0], begun, ended, windows.hop)
    first = emitted_from - (max(windows.hops) - 1)
    ends = ends.zip_with(ends > emitted_from, first)
    rows = ends - first
    until = rows.cum_sum()
    columns = {"first": first, "ends": ends, "emitted_from": emitted_from, "offset": until - rows}
    return pl.DataFrame({"machine_id": machine_id, "batch": until // rows_of_a_batch, **columns})


def place_buckets(
    buckets: pl.DataFrame,
    index: pl.Series,
    pieces: pl.DataFrame,
    piece: pl.Series,
    machines: pl.DataFrame,
    channels: Sequence[str],
) -> pl.DataFrame:
    """The moments that stand in the grid, times as integers, each with its `batch`, `position` of channel and `row`.

    The row is counted over all batches. Places are looked up once a piece; `piece` is the number of each bucket's.

    pieces, machines: what `series_pieces` and `machine_ranges` give of all.
    """
    position = pieces["channel"].cast(pl.Enum(channels), strict=False).to_physical().cast(pl.Int64)[piece]
    of_machine = (machines[name][pieces["machine"]] for name in ("batch", "first", "ends", "offset"))
    batch, first, ends, offset = (column[piece] for column in of_machine)
    stands = position.is_not_null() & (index >= first) & (index < ends)
    row = index - first + offset
    moments = (buckets[name].cast(kind) for name, (kind, _) in MOMENTS.items())
    columns = (batch, position.alias("position"), row.alias("row"), *moments)
    return pl.DataFrame([column.filter(stands) for column in columns])


def grid_rows(machines: pl.DataFrame) -> tuple[pl.Series, pl.Series, pl.Series]:
    """The rows of one channel in the grid of a batch: the hop, the position of the machine, and whether it is emitted.

    machines: those of `machine_ranges` in one batch that have rows.
    """
    offset = machines["offset"] - machines["offset"].head(1)
    height = int((machines["ends"] - machines["first"]).sum())
    machine = _NOTHING.new_from_index(0, height).scatter(offset.slice(1), 1).cum_sum()
    index = pl.int_range(height, eager=True) + (machines["first"] - offset)[machine]
    return index, machine, index >= machines["emitted_from"][machine]


def dense_moments(placed: pl.DataFrame, first_row: pl.Series, height: int, channels: int) -> dict[str, pl.Series]:
    """The moments of every row of a batch's grid, empty where there is no bucket.

    placed: what `place_buckets` gives of the batch; its first row is the one in `first_row`, and each channel has
        `height` rows.

    Raises:
        BucketError: two buckets for one row.

    """
    row = placed["position"] * height + (placed["row"] - first_row)
    sources = _NOTHING.new_from_index(0, height * channels).scatter(
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
