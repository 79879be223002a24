"""The feature table: on a dense grid of machines and window ends, the statistics of each channel's trailing windows.

Machines are taken in batches, so that memory beyond the result does not grow with the fleet. Within a batch, channels
are stacked vertically, so each window length is one vectorised pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, product
from operator import itemgetter

import numpy as np
import polars as pl

from mlops_core.errors import BucketError, TimeSpanError
from mlops_core.features.bucket_schema import bucket_moments
from mlops_core.features.kernel import Integers, Moments, changes, empty_moments, trailing_windows
from mlops_core.features.statistics import window_statistics
from mlops_core.features.windows import Windows, hop_index
from mlops_core.telemetry import TIMESTAMP
from mlops_core.time import EPOCH, LONGEST_SILENCE, MICROSECOND

ROWS_AT_A_TIME = 1 << 15  # of the grid: about 4 MB for each window of the addition chain, whatever the fleet
ROWS_OF_A_MACHINE = 10_000_000  # 19 years of minutes: more is a clock that jumped


@dataclass(frozen=True)
class _Machines:
    """The hops [`first`, `ends`) of each machine on the grid, in the order of ids; a machine without output has none.

    Hops before `emitted_from` are only looked back at.
    """

    ids: pl.Series
    first: Integers
    emitted_from: Integers
    ends: Integers

    @property
    def rows(self) -> Integers:
        """Hops of each machine."""
        return self.ends - self.first

    def part(self, begin: int, until: int) -> "_Machines":
        """Some machines, by position."""
        rows = slice(begin, until)
        return _Machines(self.ids[rows], self.first[rows], self.emitted_from[rows], self.ends[rows])


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

    Raises:
        BucketError: one bucket twice.
        TimeSpanError: readings of a machine lie more than five years apart, or give more than ten million rows.

    """
    channels = buckets["channel"].unique().sort().to_list() if channels is None else channels
    ids = buckets["machine_id"].unique().sort()
    machine, channel = _positions(buckets["machine_id"], ids), _positions(buckets["channel"], channels)
    index = buckets["bucket_start"].to_physical().to_numpy() // (windows.hop // MICROSECOND)
    machines, moments = _machines(ids, machine, index, windows, start, end), bucket_moments(buckets)
    in_grid = np.flatnonzero((channel >= 0) & (index >= machines.first[machine]) & (index < machines.ends[machine]))
    in_grid = in_grid[np.argsort(machine[in_grid], kind="stable")]
    offsets = np.cumsum(machines.rows) - machines.rows
    row = offsets[machine] + index - machines.first[machine]
    tables: list[pl.DataFrame] = []
    for begin, until in _batches(machines.rows, rows_at_a_time // max(1, len(channels))):
        batch = machines.part(begin, until)
        chosen = in_grid[slice(*np.searchsorted(machine[in_grid], (begin, until)))]
        height = int(batch.rows.sum())
        cells = channel[chosen] * height + row[chosen] - offsets[begin:until][:1]
        grid = _grid(moments.each(itemgetter(chosen)), cells, height * len(channels))
        tables.append(_features(batch, grid, windows, statistics, channels))
    return pl.concat(tables)


def _positions(column: pl.Series, names: pl.Series | Sequence[str]) -> Integers:
    """For each value its position in `names`, -1 where it is not among them."""
    return column.cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def _machines(
    ids: pl.Series, machine: Integers, index: Integers, windows: Windows, start: datetime | None, end: datetime | None
) -> _Machines:
    limits = np.iinfo(np.int64)
    earliest, latest = np.full(ids.len(), limits.max), np.full(ids.len(), limits.min)
    np.minimum.at(earliest, machine, index)
    np.maximum.at(latest, machine, index)
    emitted_from = earliest if start is None else np.maximum(earliest, hop_index(start, windows.hop))
    ends = latest + 1 if end is None else np.full(ids.len(), hop_index(end, windows.hop))
    too_long = np.flatnonzero(ends - emitted_from > ROWS_OF_A_MACHINE)
    if len(too_long):
        first, last = (EPOCH + int(hops[too_long[0]]) * windows.hop for hops in (emitted_from, ends))
        raise TimeSpanError(ids[int(too_long[0])], first, last, windows.hop)
    _refuse_jumps(ids, machine, index, windows, emitted_from, ends)
    first = emitted_from - (max(windows.hops) - 1)
    return _Machines(ids, first, emitted_from, np.where(ends > emitted_from, ends, first))


def _refuse_jumps(
    ids: pl.Series, machine: Integers, index: Integers, windows: Windows, emitted_from: Integers, ends: Integers
) -> None:
    """Refuse readings that lie years apart within the rows asked for: a clock that jumped would fill them."""
    silence = LONGEST_SILENCE // windows.hop
    for suspect in np.flatnonzero(ends - emitted_from > silence):
        hops = index[machine == suspect]
        within = np.sort(hops[(hops >= emitted_from[suspect]) & (hops < ends[suspect])])
        jumps = np.flatnonzero(np.diff(within) > silence)
        if len(jumps):
            before, after = (EPOCH + int(within[jumps[0] + place]) * windows.hop for place in (0, 1))
            raise TimeSpanError(ids[int(suspect)], before, after, windows.hop)


def _batches(rows: Integers, at_a_time: int) -> Iterator[tuple[int, int]]:
    """Ranges of machines with about `at_a_time` rows together; one range, an empty one, where there is no machine."""
    begins = np.flatnonzero(changes(np.cumsum(rows) // max(1, at_a_time))).tolist()
    return pairwise([*(begins or [0]), len(rows)])


def _grid(moments: Moments, cells: Integers, size: int) -> Moments:
    """A grid of `size` cells that holds the moments in `cells` and is empty elsewhere."""
    is_occupied = np.zeros(size, dtype=np.bool_)
    is_occupied[cells] = True
    if repeated := len(cells) - int(is_occupied.sum()):
        raise BucketError(
            "buckets",
            "bucket_start",
            "occurs more than once for a machine and channel",
            repeated,
            "Merge the frames that the buckets come from: merge_buckets(frames)",
        )
    grid = empty_moments(size)
    for name, column in vars(grid).items():
        column[cells] = getattr(moments, name)
    return grid


def _features(
    machines: _Machines, grid: Moments, windows: Windows, statistics: Sequence[str], channels: Sequence[str]
) -> pl.DataFrame:
    """The features of a batch of machines from its grid: the rows of all machines, one channel below the other."""
    hop, rows = windows.hop // MICROSECOND, machines.rows
    machine = np.repeat(np.arange(len(rows)), rows)
    index: Integers = np.arange(len(machine)) - (np.cumsum(rows) - rows - machines.first)[machine]
    is_emitted = index >= machines.emitted_from[machine]
    ends = (index + 1) * hop
    height = int(is_emitted.sum())
    complete = slice(max(windows.hops) - 1, None)  # the first rows of the first channel look back on too little
    in_windows, window_ends = np.tile(is_emitted, len(channels))[complete], np.tile(ends, len(channels))[complete]
    revision = np.zeros(height, dtype=np.int64)
    columns: dict[tuple[str, str, str], pl.Series] = {}
    for length, name, window in zip(
        windows.lengths, windows.names, trailing_windows(grid, windows.hops, hop), strict=True
    ):
        if length == windows.longest:
            revision = window.revision[in_windows].reshape(len(channels), height).sum(axis=0)
        for statistic, values in window_statistics(window, window_ends, statistics):
            column = pl.Series(values[in_windows], nan_to_null=True)
            for number, channel in enumerate(channels):
                columns[channel, name, statistic] = column.slice(number * height, height)
    return pl.DataFrame(
        {
            "machine_id": machines.ids[machine[is_emitted]],
            "window_end": pl.Series(ends[is_emitted]).cast(TIMESTAMP),
            "revision": revision,
            **{f"{c}_{s}_{n}": columns[c, n, s] for c, n, s in product(channels, windows.names, statistics)},
        }
    )
