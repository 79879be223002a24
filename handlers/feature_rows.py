"""Feature rows from buckets, to the lake; and each machine's newest row to the online store, once a run."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from handlers.bucket_partitions import is_of_hop
from handlers.stores import (
    Beginnings,
    EventHistory,
    FeatureRow,
    OutdatedPartitionError,
    Partitions,
    machine_attributes,
    replaced_sensors,
)
from handlers.workspace import Workspace
from mlops_core.features import BUCKETS, RETURNS
from mlops_core.lake import Checkpoint, Layout, buckets_key, features_key, features_prefix, hour_text, shard_of
from mlops_core.processing import WindowRange

HOUR = timedelta(hours=1)
_HOURS_AT_ONCE = 6


class FeatureWriter:
    """Computes window ranges; `partitions` are as they were before the readings were listed."""

    def __init__(self, workspace: Workspace, partitions: Partitions, layout: Layout) -> None:
        self._workspace = workspace
        self._recipe = workspace.recipe
        self._hop = workspace.settings.feature_hop
        self._partitions = partitions
        self._layout = layout
        self._beginnings = Beginnings(partitions, workspace.records)
        self._new_sensors = replaced_sensors(workspace.machines)
        self._newest: pl.DataFrame | None = None

    def write(self, window_range: WindowRange, checkpoint: Checkpoint) -> None:
        """Write the feature rows of a range. An error leaves the rest for the next run."""
        for hours in self._layout.runs(window_range.hours):
            is_last = hours[-1] == window_range.hours[-1]
            piece = WindowRange(
                hours=tuple(hours),
                start=hours[0] - self._hop,
                end=window_range.end if is_last else hours[-1] + HOUR - self._hop,
                machines=window_range.machines,
            )
            count = self._layout.shards_of(hours[0])
            shards = range(count)
            if piece.machines is not None:
                shards = sorted({shard_of(machine_id, count) for machine_id in piece.machines})
            for shard in shards:
                if (features := self.write_shard(piece, shard, checkpoint)) is not None:
                    self._take_into_account(features, replaced=self._replaced(piece, shard))
        self._beginnings.keep()

    def write_shard(self, window_range: WindowRange, shard: int, checkpoint: Checkpoint) -> pl.DataFrame | None:
        """Write the rows of one shard of a range whose hours are divided alike, and nothing that other shards share.

        Returns the rows; None where neither readings nor rows lie there.
        """
        buckets = self._buckets(window_range, shard, checkpoint)
        stored = self._partitions.under_any([features_key(hour, shard) for hour in window_range.hours])
        if buckets.is_empty() and not stored:
            return None
        windows = self._recipe.windows(buckets, start=window_range.start, end=window_range.end)
        features = windows.filter(pl.col("revision") > 0)
        if window_range.machines is None:
            frames = self._whole(features, window_range, shard)
        else:
            others = self._stored(stored, is_replaced=True)
            if len(others) < len(stored):  # rows of other machines are lost with a damaged partition: all are computed
                return self.write_shard(replace(window_range, machines=None), shard, checkpoint)
            frames = self._beside_others(features, others, window_range, shard)
        self._partitions.write(frames)
        self._workspace.work.feature_rows += features.height
        self._workspace.work.windows |= set(features["window_end"])
        self._workspace.work.machines |= set(features["machine_id"])
        return features

    def has_rows(self, window_range: WindowRange, shard: int) -> bool:
        """Whether rows of one shard of a range are stored."""
        return bool(self._partitions.under_any([features_key(hour, shard) for hour in window_range.hours]))

    def adopt(self, hour: datetime) -> int:
        """Take into account the rows of an hour that other invocations wrote; returns how many there are."""
        count = 0
        is_of_hour = pl.col("window_end").dt.truncate("1h") == hour
        for features in self._of_hour(hour).values():
            own = is_of_hour & pl.col("machine_id").is_in(features["machine_id"].unique().implode())
            self._take_into_account(features, replaced=own)
            count += features.height
        return count

    def keep(self) -> None:
        """Keep what has been noted of machines' beginnings."""
        self._beginnings.keep()

    def recall(self, first: datetime, last: datetime) -> None:
        """Take note of the stored rows of some hours, which an earlier run ended without offering."""
        hour = first
        while hour <= last:
            for features in self._of_hour(hour).values():
                self._note_newest(features)
            hour += HOUR

    def drop_off_grid(self, hour: datetime) -> None:
        """Drop the rows of an hour that lie off today's grid: a range that begins at the hour writes no rows there."""
        is_on_grid = pl.col("window_end").dt.truncate(self._hop) == pl.col("window_end")
        stored = self._of_hour(hour)
        kept = {key: features.filter(is_on_grid) for key, features in stored.items()}
        self._partitions.write({key: rows for key, rows in kept.items() if rows.height < stored[key].height})

    def offer(self, *, now: datetime) -> None:
        """Offer each machine's newest row, of those noted, to the fleet's object and the store: once, at the end.

        With the windows go drift, age, events and attributes, which depend on more than the readings of the windows: on
        the machine's beginning, and on its returns to service, events and record as they are known now.
        """
        if self._newest is None:
            return
        space = self._workspace
        # A row of an earlier run may lack columns that are computed now.
        none = self._recipe.windows(pl.DataFrame(schema=BUCKETS))
        newest = pl.concat([none, self._newest], how="diagonal_relaxed")
        derived = self._recipe.derive(
            newest,
            returns=pl.DataFrame(space.labels.load_returns(), schema=RETURNS, orient="row"),
            beginnings=self._beginnings.frame,
            replaced=self._new_sensors,
            events=self._events_until(now, newest["window_end"].to_list()),
            machines=machine_attributes(
                newest["machine_id"], self._recipe, space.machines, space.settings.machine_classes
            ),
        )
        space.work.online_written += space.newest.offer_all(_rows(derived), updated_at=now)
        self._beginnings.keep()

    def _events_until(self, now: datetime, window_ends: Sequence[datetime]) -> pl.DataFrame | None:
        if not self._recipe.events:
            return None
        space = self._workspace
        events = EventHistory(space.lake, self._recipe, space.labels, space.records)
        events.take_in_new(now)
        return events.for_windows(min(window_ends, default=now))

    def _take_into_account(self, features: pl.DataFrame, *, replaced: pl.Expr) -> None:
        self._beginnings.note(self._recipe, features, replaced=replaced, new_sensors=self._new_sensors)
        self._note_newest(features)

    def _buckets(self, window_range: WindowRange, shard: int, checkpoint: Checkpoint) -> pl.DataFrame:
        """Return the buckets that the rows of one shard follow from, wherever they lie."""
        count = self._layout.shards_of(window_range.hours[0])
        keys: list[str] = []
        committed: set[str] = set()
        is_divided_alike = True
        for hour in window_range.bucket_hours(max(self._workspace.settings.feature_lengths)):
            is_alike = self._layout.shards_of(hour) == count
            is_divided_alike &= is_alike
            shards = [shard] if is_alike else range(self._layout.shards_of(hour))
            keys += (wanted := [buckets_key(hour, number) for number in shards])
            if built := checkpoint.built(hour_text(hour)):
                committed |= {key for key, number in zip(wanted, shards, strict=True) if built.shards >> number & 1}
        read = self._partitions.read(keys, committed=committed, schema=BUCKETS)
        for key, frame in read.items():
            if not is_of_hop(frame, self._hop):
                raise OutdatedPartitionError(key)
        buckets = pl.concat([pl.DataFrame(schema=BUCKETS), *read.values()])
        if window_range.machines is not None:
            buckets = buckets.filter(pl.col("machine_id").is_in(sorted(window_range.machines)))
        if not is_divided_alike or window_range.machines is not None:
            own = [name for name in buckets["machine_id"].unique() if shard_of(name, count) == shard]
            buckets = buckets.filter(pl.col("machine_id").is_in(own))
        return buckets

    def _replaced(self, window_range: WindowRange, shard: int) -> pl.Expr:
        """Return which rows the rows of a range and shard replace."""
        count = self._layout.shards_of(window_range.hours[0])
        known = self._beginnings.frame
        machines: Iterable[str] = () if known is None else known["machine_id"].unique()
        if window_range.machines is not None:
            machines = window_range.machines
        own = [name for name in machines if shard_of(name, count) == shard]
        after, until = pl.col("window_end") > window_range.start, pl.col("window_end") <= window_range.end
        return after & until & pl.col("machine_id").is_in(own)

    def _whole(self, features: pl.DataFrame, window_range: WindowRange, shard: int) -> dict[str, pl.DataFrame]:
        """Return whole partitions: rows of the last one that lie after the range are kept."""
        columns = features.columns
        last = features_key(window_range.hours[-1], shard)
        if window_range.end + self._hop < window_range.hours[-1] + HOUR:
            after = pl.col("window_end") > window_range.end
            stored = [frame.filter(after) for frame in self._stored([last], is_replaced=False).values()]
            features = pl.concat([features, *stored], how="diagonal").sort("machine_id", "window_end")
        frames = _by_hour(features, window_range.hours, shard, columns)
        return {key: frame for key, frame in frames.items() if frame.height or self._partitions.under_any([key])}

    def _beside_others(
        self, features: pl.DataFrame, stored: Mapping[str, pl.DataFrame], window_range: WindowRange, shard: int
    ) -> dict[str, pl.DataFrame]:
        """Return the partitions with the rows of some machines computed anew and those of others kept."""
        is_replaced = pl.col("machine_id").is_in(sorted(window_range.machines or ())) & (
            pl.col("window_end") <= window_range.end
        )
        frames: dict[str, pl.DataFrame] = {}
        for first in range(0, len(window_range.hours), _HOURS_AT_ONCE):  # bounds how many hours are held twice
            hours = window_range.hours[first : first + _HOURS_AT_ONCE]
            new = features.filter(pl.col("window_end").is_between(hours[0], hours[-1] + HOUR, closed="left"))
            known = [stored[key] for hour in hours if (key := features_key(hour, shard)) in stored]
            old = pl.concat([new.clear(), *known], how="diagonal_relaxed")
            together = pl.concat([old.filter(~is_replaced), new], how="diagonal_relaxed")
            before = _by_hour(old, hours, shard, features.columns)
            after = _by_hour(together.sort("machine_id", "window_end"), hours, shard, features.columns)
            frames |= {key: frame for key, frame in after.items() if not frame.equals(before[key])}
        return frames

    def _of_hour(self, hour: datetime) -> dict[str, pl.DataFrame]:
        return self._stored(self._partitions.under(features_prefix(hour)), is_replaced=False)

    def _stored(self, keys: Sequence[str], *, is_replaced: bool) -> dict[str, pl.DataFrame]:
        """Return the partitions that can be read, by key; replaced: those that cannot are written anew."""
        frames, damaged = self._partitions.read_undamaged(keys)
        for error in damaged:
            self._workspace.records.note(error.key, error.version, error.problem, is_mended=is_replaced)
        return frames

    def _note_newest(self, features: pl.DataFrame) -> None:
        both = features if self._newest is None else pl.concat([self._newest, features], how="diagonal_relaxed")
        self._newest = both.sort("window_end", "revision").unique("machine_id", keep="last", maintain_order=True)


def _by_hour(
    features: pl.DataFrame, hours: Sequence[datetime], shard: int, columns: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Return rows by partition: the `columns` of today, and of earlier ones those that a row of the partition has."""
    tagged = features.with_columns(hour=pl.col("window_end").dt.truncate("1h"))
    parts = tagged.partition_by("hour", as_dict=True, maintain_order=True, include_key=False)
    frames = {features_key(hour, shard): parts.get((hour,), features.clear()) for hour in hours}
    return {key: frame[_used(frame, set(columns))] for key, frame in frames.items()}


def _used(frame: pl.DataFrame, known: Container[str]) -> list[str]:
    return [name for name in frame.columns if name in known or frame[name].null_count() < frame.height]


def _rows(newest: pl.DataFrame) -> Iterator[FeatureRow]:
    names = [name for name in newest.columns if name not in {"machine_id", "window_end", "revision"}]
    for row in newest.iter_rows(named=True):
        features = {name: row[name] for name in names}
        yield FeatureRow(row["machine_id"], row["window_end"], row["revision"], features)
