"""The buckets of hours in their partitions: what is written takes the place of what was built from less."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import polars as pl

from handlers.logs import logger
from handlers.stores import DamagedPartitionError, Partitions
from handlers.workspace import Workspace
from mlops_core.features import BUCKETS, RUNNING
from mlops_core.lake import Layout, buckets_key, buckets_prefix, shard_of

_BUCKET = ["machine_id", "channel", "bucket_start"]


class BucketPartitions:
    """The stored buckets of a hop. A damaged partition is noted and replaced."""

    def __init__(self, workspace: Workspace, partitions: Partitions, layout: Layout) -> None:
        self._records = workspace.records
        self._hop = workspace.settings.feature_hop
        self._partitions = partitions
        self._layout = layout

    def write(self, hours: Sequence[datetime], new: pl.DataFrame, *, replaced: pl.Series | None) -> dict[datetime, int]:
        """Write the buckets of hours: of all machines, or in the place of those of the machines `replaced`.

        Buckets that were built from more stay: what an hour is built from only grows, unless readings expired or were
        lost. Returns the shards that each hour's buckets lie in, as bits.
        """
        existing, damaged = self._existing(hours)
        if damaged and replaced is not None:
            raise damaged[0]
        for error in damaged:
            self._records.note(error.key, error.version, error.problem, is_mended=True)
        if existing:
            old = pl.concat(existing.values())
            others = old.clear()
            if replaced is not None:
                is_replaced = pl.col("machine_id").is_in(replaced.implode())
                others, old = old.filter(~is_replaced), old.filter(is_replaced)
            fuller = _fuller(old, new)
            if fuller.height:
                logger.warning("Readings are gone that buckets were built from", extra={"buckets": fuller.height})
                new = new.join(fuller.select(_BUCKET), on=_BUCKET, how="anti")
            new = pl.concat([new, others, fuller]).sort(_BUCKET)
        # One that is damaged or outdated is replaced by another, empty where nothing is left to lie in it.
        keys = (key for hour in hours for key in self._partitions.under(buckets_prefix(hour)))
        placed = {key: pl.DataFrame(schema=BUCKETS) for key in keys if key not in existing} | self._placed(hours, new)
        self._partitions.write(
            {key: frame for key, frame in placed.items() if key not in existing or not frame.equals(existing[key])}
        )
        shards = dict.fromkeys(hours, 0)
        for hour in hours:
            prefix = buckets_prefix(hour)
            for key in self._partitions.under(prefix):
                shards[hour] |= 1 << int(key.removeprefix(f"{prefix}shard=").partition(".")[0])
        return shards

    def _existing(self, hours: Iterable[datetime]) -> tuple[dict[str, pl.DataFrame], list[DamagedPartitionError]]:
        """Return the stored buckets of this hop and of today's columns, and the damaged partitions.

        All others are replaced whole.
        """
        keys = [key for hour in hours for key in self._partitions.under(buckets_prefix(hour))]
        frames, damaged = self._partitions.read_undamaged(keys)
        return {
            key: frame for key, frame in frames.items() if frame.schema == BUCKETS and is_of_hop(frame, self._hop)
        }, damaged

    def _placed(self, hours: Sequence[datetime], buckets: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Return buckets by the partition that they lie in; an hour that has none has an empty first one."""
        counts = {self._layout.shards_of(hour) for hour in hours}
        placed: dict[str, pl.DataFrame] = {}
        if len(hours) == 1 and counts == {1}:
            return {buckets_key(hours[0], 0): buckets}
        tagged = buckets.with_columns(hour=pl.col("bucket_start").dt.truncate("1h"))
        names = buckets["machine_id"].unique().to_list()
        for count in counts:
            alike = [hour for hour in hours if self._layout.shards_of(hour) == count]
            shard = {name: shard_of(name, count) for name in names}
            part = tagged.filter(pl.col("hour").is_in(alike)).with_columns(
                shard=pl.col("machine_id").replace_strict(shard, return_dtype=pl.Int64, default=0)
            )
            by_key = part.partition_by(["hour", "shard"], as_dict=True, maintain_order=True, include_key=False)
            placed |= {buckets_key(hour, number): frame for (hour, number), frame in by_key.items()}
        return placed


def is_of_hop(buckets: pl.DataFrame, hop: timedelta) -> bool:
    """Whether buckets have the width of a hop; those of one partition were built at once."""
    return buckets.is_empty() or buckets["bucket_end"][0] - buckets["bucket_start"][0] == hop


def _fuller(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return the old buckets that were built from more readings than the new ones.

    Of a machine with a rule for running a reading may move between kept and left out as others arrive: there the sum
    over its channels shows. A rule that was added or removed replaces what is stored.
    """
    hop_of_machine = ["machine_id", "bucket_start"]

    def sums(buckets: pl.DataFrame, name: str) -> pl.DataFrame:
        ruled = (pl.col("channel") == RUNNING).any().alias(f"{name}_ruled")
        return buckets.group_by(hop_of_machine).agg(pl.col("revision").sum().alias(name), ruled)

    compared = old.join(new.select(*_BUCKET, now="revision"), on=_BUCKET, how="left")
    compared = compared.join(sums(old, "old"), on=hop_of_machine).join(sums(new, "new"), on=hop_of_machine, how="left")
    is_gone, is_alike = pl.col("new").is_null(), pl.col("old_ruled") == pl.col("new_ruled")
    channel_tells = ~pl.col("old_ruled") & (pl.col("revision") > pl.col("now").fill_null(0))
    sum_tells = pl.col("old_ruled") & (pl.col("old") > pl.col("new"))
    return compared.filter(is_gone | (is_alike & (channel_tells | sum_tells))).select(old.columns)
