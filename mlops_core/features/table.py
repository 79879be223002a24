"""The feature table: on a dense grid of machines and window ends, the statistics of each channel's windows."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from mlops_core.features.grid import dense_moments, grid_rows, machine_ranges, place_buckets, series_pieces
from mlops_core.features.moments import trailing
from mlops_core.features.statistics import window_statistics
from mlops_core.features.windows import Windows
from mlops_core.telemetry import TIMESTAMP
from mlops_core.time import MICROSECOND

ROWS_AT_A_TIME = 100_000  # of one channel's window moments: about 11 MB a window length, whatever the fleet


def feature_table(
    buckets: pl.DataFrame,
    *,
    windows: Windows,
    start: datetime | None,
    end: datetime | None,
    statistics: Sequence[str],
    channels: Sequence[str] | None,
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> pl.DataFrame:
    """Features of checked buckets: machine_id, window_end, revision, then channel by channel, length by length.

    Machines are taken some at a time, so that memory beyond the result does not grow with the fleet.
    """
    index = (buckets["bucket_start"].cast(pl.Int64) // (windows.hop // MICROSECOND)).alias("index")
    pieces, piece = series_pieces(buckets, index)
    channels = pieces["channel"].unique().sort().to_list() if channels is None else channels
    rows_of_a_batch = rows_at_a_time // max(1, len(channels))
    machines = machine_ranges(pieces, windows, start, end, rows_of_a_batch)
    placed = place_buckets(buckets, index, pieces, piece, machines, channels)
    has_rows = machines["first"] < machines["ends"]
    emitted = machines if has_rows.all() else machines.filter(has_rows)
    of_batch = _by_batch(placed)
    tables = [
        _features(part, of_batch.get(batch, placed.clear()), windows, statistics, channels)
        for batch, part in (_by_batch(emitted) or {0: emitted}).items()
    ]
    return pl.concat(tables)


def _by_batch(rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Rows by their batch, in its order; a single batch is not copied."""
    first, last = rows["batch"].min(), rows["batch"].max()
    if isinstance(first, int) and first == last:
        return {first: rows}
    return {batch: part for (batch,), part in rows.partition_by("batch", as_dict=True, maintain_order=True).items()}


def _features(
    machines: pl.DataFrame, placed: pl.DataFrame, windows: Windows, statistics: Sequence[str], channels: Sequence[str]
) -> pl.DataFrame:
    """The features of a batch of machines."""
    hop = windows.hop // MICROSECOND
    index, machine, is_emitted = grid_rows(machines)
    machine_id = machines["machine_id"][machine.filter(is_emitted)]
    window_ends = (index.filter(is_emitted) + 1) * hop
    height, below = machine_id.len(), len(channels)
    revision = pl.Series([0]).new_from_index(0, height)
    columns: dict[tuple[int, int], dict[str, pl.Series]] = {}
    if below:
        of_channels = pl.concat([is_emitted] * below, rechunk=True).slice(max(windows.hops) - 1)
        window_end = pl.concat([window_ends] * below, rechunk=True)
        dense = dense_moments(placed, machines["offset"].head(1), index.len(), below)
        for place, window in enumerate(trailing(dense, windows.hops, hop)):
            emitted = {name: moments.filter(of_channels) for name, moments in window.items()}
            values = window_statistics(emitted, window_end, statistics)
            for position in range(below):
                columns[position, place] = _part(values, position * height, height)
                if windows.lengths[place] == windows.longest:
                    revision += emitted["revision"].slice(position * height, height)
    named = [
        column.alias(f"{channel}_{name}_{suffix}")
        for position, channel in enumerate(channels)
        for place, suffix in enumerate(windows.names)
        for name, column in columns[position, place].items()
    ]
    ends = window_ends.cast(TIMESTAMP).alias("window_end")
    return pl.DataFrame([machine_id, ends, revision.alias("revision"), *named])


def _part(columns: dict[str, pl.Series], offset: int, height: int) -> dict[str, pl.Series]:
    return {name: column.slice(offset, height) for name, column in columns.items()}
