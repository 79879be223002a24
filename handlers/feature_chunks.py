"""One chunk of processing, done: buckets rebuilt from raw objects, feature rows from buckets.

The online store is offered one row a machine, its newest, however many chunks a run has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl
from aws_lambda_powertools import Logger

from contract.environment import ProcessingSettings
from handlers.stores.lake import DataLake
from handlers.stores.online_features import FeatureRow, OnlineFeatures
from handlers.stores.partitions import Partitions
from mlops_core.features import BUCKETS, bucket_readings, features_from_buckets
from mlops_core.lake import Checkpoint, MalformedLine, Partition, buckets_key, decode_readings, features_key
from mlops_core.lake.keys import features_prefix
from mlops_core.processing import Chunk, WindowRange
from mlops_core.telemetry import CHANNELS

logger = Logger(child=True)


@dataclass
class Work:
    """What has been done so far, for people and metrics."""

    feature_rows: int = 0
    online_written: int = 0
    hours_changed: int = 0
    malformed_lines: int = 0
    windows: set[datetime] = field(default_factory=set[datetime])
    machines: set[str] = field(default_factory=set[str])


class ChunkWorker:
    """Does chunks against one lake and one online store; `partitions` are as they were before raw data was listed."""

    def __init__(
        self, settings: ProcessingSettings, lake: DataLake, online: OnlineFeatures, partitions: Partitions
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._online = online
        self._partitions = partitions
        self._newest: pl.DataFrame | None = None

    def do(self, chunk: Chunk, work: Work) -> None:
        """Write what follows from a chunk to the lake. An error leaves the rest for the next run."""
        self._partitions.write(
            {buckets_key(*partition): self._buckets(keys, work) for partition, keys in chunk.rebuild.items()}
        )
        for window_range in chunk.ranges:
            features = self._features(window_range, chunk.checkpoint)
            self._partitions.write(self._by_partition(features, window_range))
            self._note_newest(features)
            work.feature_rows += features.height
            work.windows |= set(features["window_end"])
            work.machines |= set(features["machine_id"])
        work.hours_changed += len(chunk.rebuild)

    def recall(self, first: datetime, last: datetime) -> None:
        """Take note of the stored rows of some hours, which an earlier run ended without offering."""
        hour = first
        while hour <= last:
            stored = self._partitions.under(features_prefix(hour))
            for features in self._partitions.read(stored, committed=()):
                self._note_newest(features)
            hour += timedelta(hours=1)

    def offer(self, work: Work, *, now: datetime) -> None:
        """Offer each machine's newest row, of those computed since the last offer, to the online store."""
        if self._newest is not None:
            work.online_written += self._online.offer_all(_rows(self._newest), updated_at=now)
        self._newest = None

    def _note_newest(self, features: pl.DataFrame) -> None:
        both = features if self._newest is None else pl.concat([self._newest, features], how="diagonal")
        self._newest = both.sort("window_end", "revision").unique("machine_id", keep="last", maintain_order=True)

    def _buckets(self, keys: tuple[str, ...], work: Work) -> pl.DataFrame:
        def left_out(line: MalformedLine) -> None:
            work.malformed_lines += 1
            where = {"key": keys[line.object_index], "line_number": line.line_number, "problem": line.problem}
            logger.warning("A line of a raw object is no reading", extra=where)

        readings = decode_readings(self._lake.read_all(keys), on_malformed=left_out)
        return bucket_readings(readings, hop=self._settings.feature_hop)

    def _features(self, window_range: WindowRange, checkpoint: Checkpoint) -> pl.DataFrame:
        """Return the feature rows of a range; a window without any reading, even in its longest length, has none."""
        sources = [Partition(hour, window_range.shard) for hour in window_range.bucket_hours]
        committed = {buckets_key(*source) for source in sources if source.text in checkpoint.hours}
        buckets = self._partitions.read((buckets_key(*source) for source in sources), committed=committed)
        return features_from_buckets(
            pl.concat([pl.DataFrame(schema=BUCKETS), *buckets]),
            lengths=self._settings.feature_lengths,
            hop=self._settings.feature_hop,
            start=window_range.start,
            end=window_range.end,
            channels=tuple(CHANNELS),
        ).filter(pl.col("revision") > 0)

    def _by_partition(self, features: pl.DataFrame, window_range: WindowRange) -> dict[str, pl.DataFrame]:
        """Return whole partitions: rows of the last one that lie after the range stay as they stand."""
        last = features_key(window_range.hours[-1], window_range.shard)
        if window_range.end + self._settings.feature_hop < window_range.hours[-1] + timedelta(hours=1):
            after = pl.col("window_end") > window_range.end
            standing = [frame.filter(after) for frame in self._partitions.read([last], committed=())]
            features = pl.concat([features, *standing]).sort("machine_id", "window_end")
        hour = pl.col("window_end").dt.truncate("1h")
        frames = {features_key(at, window_range.shard): features.filter(hour == at) for at in window_range.hours}
        return {key: frame for key, frame in frames.items() if frame.height}


def _rows(newest: pl.DataFrame) -> Iterator[FeatureRow]:
    names = [name for name in newest.columns if name not in {"machine_id", "window_end", "revision"}]
    for row in newest.iter_rows(named=True):
        features = {name: row[name] for name in names}
        yield FeatureRow(row["machine_id"], row["window_end"], row["revision"], features)
