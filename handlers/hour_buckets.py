"""One hour of readings: its raw objects taken into the compacted one, its buckets built and written.

Compaction is safe to stop anywhere and to do twice or at once. The bytes of the raw objects are kept first; the hour's
compacted object is replaced only as it was seen, by a superset; it is read back, and only where it holds every reading
of the raw objects are they removed. Whoever finds them again takes them in again and finds nothing new.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

import polars as pl
from aws_lambda_powertools import Logger

from contract.environment import ProcessingSettings
from handlers.stores.lake import DataLake
from handlers.stores.partitions import Partitions, encode_parquet
from mlops_core.errors import MlopsError
from mlops_core.features import BUCKETS, bucket_readings
from mlops_core.lake import (
    OBJECTS_AT_ONCE,
    Built,
    Layout,
    MalformedLine,
    Sources,
    buckets_key,
    buckets_prefix,
    compacted_key,
    decode_readings,
    distinct_readings,
    is_to_be_compacted,
    replaced_object,
    shard_of,
)
from mlops_core.processing import Rebuilt
from mlops_core.telemetry import READINGS

logger = Logger(child=True)

_ROW = ["machine_id", "channel", "event_timestamp", "value"]
_BUCKET = ["machine_id", "channel", "bucket_start"]


class ReadingsLostError(MlopsError):
    """A compacted object lacks readings of the raw objects that it was made from."""

    def __init__(self, key: str, missing: int) -> None:
        super().__init__(f"{key} lacks {missing} readings of raw objects, which therefore stay", "Report it")


@dataclass
class Work:
    """What has been done so far, for people and metrics."""

    feature_rows: int = 0
    online_written: int = 0
    hours_changed: int = 0
    malformed_lines: int = 0
    windows: set[datetime] = field(default_factory=set[datetime])
    machines: set[str] = field(default_factory=set[str])


class HourBuilder:
    """Builds hours. `listing` says what their readings are stored in, and is kept up to date by compaction.

    `partitions` are as they were before the readings were listed.
    """

    def __init__(
        self,
        settings: ProcessingSettings,
        lake: DataLake,
        partitions: Partitions,
        layout: Layout,
        listing: dict[datetime, Sources],
        work: Work,
    ) -> None:
        self._hop = settings.feature_hop
        self._lake = lake
        self._partitions = partitions
        self._layout = layout
        self._listing = listing
        self._work = work

    def build(self, hours: Mapping[datetime, bool]) -> dict[datetime, Rebuilt]:
        """Build hours: True, where only the machines of their raw objects have changed."""
        results: dict[datetime, Rebuilt] = {}
        late: dict[datetime, Sources] = {}
        for hour, is_late in hours.items():
            sources = self._listing[hour]
            changed: frozenset[str] | None = None
            if is_to_be_compacted(sources):
                sources, readings, taken = self._compacted(hour, sources)
                self._listing[hour] = sources
                changed = taken if is_late else None
            elif is_late:
                late[hour] = sources
                continue
            else:
                readings = pl.concat([*self._bases([hour]).values(), self._decoded(sources.raw)])
            shards = self._write({hour: bucket_readings(readings, hop=self._hop)}, replaced=None)[hour]
            results[hour] = Rebuilt(Built.of(sources, shards), changed)
        results |= self._late(late)
        self._work.hours_changed += len(results)
        return results

    def _late(self, hours: Mapping[datetime, Sources]) -> dict[datetime, Rebuilt]:
        """Build again the buckets of the machines that have raw objects beside the compacted ones."""
        if not hours:
            return {}
        late = self._decoded([key for sources in hours.values() for key in sources.raw])
        machines = late["machine_id"].unique()
        bases = [base.filter(pl.col("machine_id").is_in(machines.implode())) for base in self._bases(hours).values()]
        buckets = bucket_readings(pl.concat([late, *bases]), hop=self._hop)
        of_hour = pl.col("bucket_start").dt.truncate("1h")
        named = late.group_by(pl.col("event_timestamp").dt.truncate("1h")).agg(pl.col("machine_id").unique())
        changed = {hour: frozenset(names) for hour, names in named.iter_rows()}
        shards = self._write({hour: buckets.filter(of_hour == hour) for hour in hours}, replaced=machines)
        return {
            hour: Rebuilt(Built.of(sources, shards[hour]), changed.get(hour, frozenset()))
            for hour, sources in hours.items()
        }

    def _compacted(self, hour: datetime, sources: Sources) -> tuple[Sources, pl.DataFrame, frozenset[str]]:
        """Take the raw objects of an hour into its compacted object.

        Returns what its readings are stored in then, all of them, and the machines of those that were taken in.
        """
        key, version, machines = compacted_key(hour), sources.compacted, set[str]()
        base = self._bases([hour]).get(hour)
        for first in range(0, len(sources.raw), OBJECTS_AT_ONCE):
            keys = sources.raw[first : first + OBJECTS_AT_ONCE]
            bodies = self._lake.read_listed(keys)
            readings = self._readings(keys, bodies)
            union = distinct_readings([readings] if base is None else [base, readings])
            self._lake.create(*replaced_object(hour, bodies))
            if base is None or union.height > base.height:
                version = self._lake.replace(key, encode_parquet(union), seen=version)
            stored = pl.read_parquet(self._lake.read(key))
            if missing := readings.join(stored, on=_ROW, how="anti", nulls_equal=True).height:
                raise ReadingsLostError(key, missing)
            self._lake.remove(keys)
            machines |= set(readings["machine_id"].unique())
            base = union
        return Sources(version), pl.DataFrame(schema=READINGS) if base is None else base, frozenset(machines)

    def _bases(self, hours: Iterable[datetime]) -> dict[datetime, pl.DataFrame]:
        """Return the compacted readings of those hours that have them."""
        compacted = [hour for hour in hours if self._listing[hour].compacted is not None]
        bodies = self._lake.read_listed([compacted_key(hour) for hour in compacted])
        return {hour: pl.read_parquet(BytesIO(body)) for hour, body in zip(compacted, bodies, strict=True)}

    def _decoded(self, keys: Sequence[str]) -> pl.DataFrame:
        return self._readings(keys, self._lake.read_listed(keys))

    def _readings(self, keys: Sequence[str], bodies: Sequence[bytes]) -> pl.DataFrame:
        def left_out(line: MalformedLine) -> None:
            self._work.malformed_lines += 1
            where = {"key": keys[line.object_index], "line_number": line.line_number, "problem": line.problem}
            logger.warning("A line of a raw object is no reading", extra=where)

        return decode_readings(bodies, on_malformed=left_out) if keys else pl.DataFrame(schema=READINGS)

    def _write(self, buckets: Mapping[datetime, pl.DataFrame], *, replaced: pl.Series | None) -> dict[datetime, int]:
        """Write the buckets of hours: of all machines, or in the place of those of the machines `replaced`.

        Returns the shards that each hour's buckets lie in, as bits.
        """
        standing = self._standing(buckets)
        frames: dict[str, pl.DataFrame] = {}
        shards = dict.fromkeys(buckets, 0)
        for hour, of_hour in buckets.items():
            for shard, new in self._by_shard(hour, of_hour).items():
                key = buckets_key(hour, shard)
                old = standing.get(key)
                if old is not None:
                    new = self._kept(old, replaced, key, new)
                if old is None or not new.equals(old):
                    frames[key] = new
        self._partitions.write(frames)
        for hour in buckets:
            prefix = buckets_prefix(hour)
            for key in self._partitions.under(prefix):
                shards[hour] |= 1 << int(key.removeprefix(f"{prefix}shard=").partition(".")[0])
        return shards

    def _standing(self, hours: Iterable[datetime]) -> dict[str, pl.DataFrame]:
        """Return the buckets that stand, of this hop and of today's columns: others are replaced whole."""
        keys = [key for hour in hours for key in self._partitions.under(buckets_prefix(hour))]
        frames = zip(keys, self._partitions.read(keys, committed=()), strict=True)
        width = pl.col("bucket_end") - pl.col("bucket_start")
        return {
            key: frame
            for key, frame in frames
            if frame.schema == BUCKETS and frame.select((width == self._hop).all()).item()
        }

    def _by_shard(self, hour: datetime, buckets: pl.DataFrame) -> dict[int, pl.DataFrame]:
        count = self._layout.shards_of(hour)
        if count == 1:
            return {0: buckets}
        shard = {name: shard_of(name, count) for name in buckets["machine_id"].unique()}
        placed = buckets.with_columns(shard=pl.col("machine_id").replace_strict(shard, return_dtype=pl.UInt8))
        parts = placed.partition_by("shard", as_dict=True, maintain_order=True, include_key=False)
        return {int(number): part for (number,), part in parts.items()}

    @staticmethod
    def _kept(old: pl.DataFrame, replaced: pl.Series | None, key: str, new: pl.DataFrame) -> pl.DataFrame:
        """Return new buckets, with those of other machines as they stand, and those that were built from more.

        What an hour was built from only grows, unless objects expired or were lost: then buckets stay as they were.
        """
        if replaced is not None:
            others = old.filter(~pl.col("machine_id").is_in(replaced.implode()))
            old = old.filter(pl.col("machine_id").is_in(replaced.implode()))
        else:
            others = old.clear()
        fuller = old.join(new.select(*_BUCKET, now="revision"), on=_BUCKET, how="left", maintain_order="left")
        fuller = fuller.filter(pl.col("revision") > pl.col("now").fill_null(0)).drop("now")
        if fuller.height:
            logger.warning("Readings are gone that buckets were built from", extra={"key": key, "rows": fuller.height})
            new = new.join(fuller.select(_BUCKET), on=_BUCKET, how="anti", maintain_order="left")
        return pl.concat([new, others, fuller]).sort(_BUCKET)
