"""One hour of readings: its raw objects taken into the compacted one, its buckets built.

Compaction is safe to stop anywhere and to do twice or at once. The bytes of the raw objects are kept first; the hour's
compacted object is replaced only as it was seen, by a superset; it is read back, and only where it holds every reading
of the raw objects are they removed. A run that finds them again takes them in again and finds nothing new.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
from aws_lambda_powertools import Logger

from contract.environment import ProcessingSettings
from handlers.bucket_partitions import BucketPartitions
from handlers.stores.damage import DamageRecords
from handlers.stores.lake import DataLake
from handlers.stores.partitions import DamagedPartitionError, Partitions, decode_parquet, encode_parquet
from mlops_core.errors import MalformedObjectError, MlopsError
from mlops_core.features import bucket_readings
from mlops_core.lake import (
    OBJECTS_AT_ONCE,
    REPLACED_PREFIX,
    Built,
    Layout,
    MalformedLine,
    Sources,
    compacted_key,
    decode_readings,
    distinct_readings,
    hour_path,
    is_to_be_compacted,
    replaced_object,
)
from mlops_core.processing import Rebuilt
from mlops_core.telemetry import READINGS, RunningRule, union_readings

logger = Logger(child=True)

_HOURS_AT_ONCE = 6

RunningRules = Callable[[Iterable[str]], Mapping[str, RunningRule]]
"""Gives for machines when they run."""


class ReadingsLostError(MlopsError):
    """A compacted object lacks readings of the raw objects that it was made from."""

    def __init__(self, key: str, missing: int) -> None:
        super().__init__(f"{key} lacks {missing} readings of raw objects, which therefore stay", "Report it")


@dataclass
class Work:
    """What has been done so far, for logs and metrics."""

    feature_rows: int = 0
    online_written: int = 0
    hours_changed: int = 0
    malformed_lines: int = 0
    windows: set[datetime] = field(default_factory=set[datetime])
    machines: set[str] = field(default_factory=set[str])


class HourBuilder:
    """Builds hours. `listing` says what their readings are stored in, and is kept up to date by compaction.

    `partitions` are as they were before the readings were listed, `versions` those of the raw objects. What cannot be
    read is noted in `records` and set aside; the hour is built from the rest, or from what the damaged came from.
    """

    def __init__(
        self,
        settings: ProcessingSettings,
        lake: DataLake,
        partitions: Partitions,
        layout: Layout,
        listing: dict[datetime, Sources],
        work: Work,
        *,
        versions: Mapping[str, str],
        records: DamageRecords,
        rules: RunningRules,
    ) -> None:
        self._rules = rules
        self._hop = settings.feature_hop
        self._lake = lake
        self._buckets = BucketPartitions(partitions, layout, records, self._hop)
        self._listing = listing
        self._work = work
        self._versions = versions
        self._records = records

    def build(self, hours: Mapping[datetime, bool]) -> dict[datetime, Rebuilt]:
        """Build hours: True, where only the machines of their raw objects have changed."""
        results: dict[datetime, Rebuilt] = {}
        late: dict[datetime, Sources] = {}
        for hour, is_late in hours.items():
            sources = self._listing.setdefault(hour, Sources())
            changed: frozenset[str] | None = None
            if is_to_be_compacted(sources):
                sources, readings, taken = self._compacted(hour, sources)
                self._listing[hour] = sources
                changed = taken if is_late else None
            elif is_late:
                late[hour] = sources
                continue
            else:
                base = self._base(hour)
                _, late_readings = self._decoded(sources.raw)
                readings = late_readings if base is None else union_readings([base, late_readings])
                sources = self._undamaged(hour)
            shards = self._buckets.write([hour], self._bucketed(readings), replaced=None)[hour]
            results[hour] = Rebuilt(Built.of(sources, shards), changed)
        try:
            results |= self._late(late)
        except DamagedPartitionError as error:
            # The buckets of the machines beside the late ones are lost: the hours are built from all their readings.
            self._records.note(error.key, error.version, error.problem, is_mended=True)
            return results | self.build(dict.fromkeys(late, False))
        self._work.hours_changed += len(results)
        return results

    def _late(self, hours: Mapping[datetime, Sources]) -> dict[datetime, Rebuilt]:
        """Build again the buckets of the machines that have raw objects beside the compacted ones, all in one pass."""
        if not hours:
            return {}
        _, late = self._decoded([key for sources in hours.values() for key in sources.raw])
        machines = late["machine_id"].unique()
        readings = [late]
        names = list(hours)
        for first in range(0, len(names), _HOURS_AT_ONCE):  # few whole hours in memory at once
            readings += self._bases_of(names[first : first + _HOURS_AT_ONCE], machines)
        shards = self._buckets.write(names, self._bucketed(union_readings(readings)), replaced=machines)
        named = late.group_by(pl.col("event_timestamp").dt.truncate("1h")).agg(pl.col("machine_id").unique())
        changed = {hour: frozenset(names) for hour, names in named.iter_rows()}
        return {
            hour: Rebuilt(Built.of(self._undamaged(hour), shards[hour]), changed.get(hour, frozenset()))
            for hour in hours
        }

    def _bases_of(self, hours: Sequence[datetime], machines: pl.Series) -> list[pl.DataFrame]:
        """Return the compacted readings of some machines in hours that have been compacted."""
        is_wanted = pl.col("machine_id").is_in(machines.implode())
        bodies = self._lake.read_listed([compacted_key(hour) for hour in hours])
        try:
            # One by one: only some of them may have the column of corrections.
            return [decode_parquet(body).filter(is_wanted) for body in bodies]
        except MalformedObjectError:
            bases = [base for hour in hours if (base := self._base(hour)) is not None]
            return [base.filter(is_wanted) for base in bases]

    def _bucketed(self, readings: pl.DataFrame) -> pl.DataFrame:
        rules = self._rules(readings["machine_id"].unique())
        return bucket_readings(readings, hop=self._hop, running=rules)

    def _compacted(self, hour: datetime, sources: Sources) -> tuple[Sources, pl.DataFrame, frozenset[str]]:
        """Take the raw objects of an hour into its compacted object.

        Returns what its readings are stored in then, all of them, and the machines of those that were taken in.
        """
        key, machines = compacted_key(hour), set[str]()
        base = self._base(hour)
        version = self._listing[hour].compacted
        for first in range(0, len(sources.raw), OBJECTS_AT_ONCE):
            bodies, readings = self._decoded(sources.raw[first : first + OBJECTS_AT_ONCE])
            if not bodies:
                continue
            union = distinct_readings([readings] if base is None else [base, readings])
            self._lake.create(*replaced_object(hour, list(bodies.values())))
            if base is None or union.height > base.height:
                version = self._lake.replace(key, encode_parquet(union), seen=version)
            stored = decode_parquet(self._lake.read(key))
            if missing := readings.join(stored, on=readings.columns, how="anti", nulls_equal=True).height:
                raise ReadingsLostError(key, missing)
            self._lake.remove(list(bodies))
            machines |= set(readings["machine_id"].unique())
            base = union
        return Sources(version), pl.DataFrame(schema=READINGS) if base is None else base, frozenset(machines)

    def _base(self, hour: datetime) -> pl.DataFrame | None:
        """Return the compacted readings of an hour; where they are damaged, made again of the bytes that are kept."""
        version, key = self._listing[hour].compacted, compacted_key(hour)
        if version is None:
            return None
        (body,) = self._lake.read_listed([key])
        try:
            return decode_parquet(body)
        except MalformedObjectError as error:
            self._records.note(key, version, error.message.partition(": ")[2], is_mended=True)
        kept = self._lake.versions(f"{REPLACED_PREFIX}{hour_path(hour)}/")
        _, readings = self._decoded(list(kept), kept)
        base = distinct_readings([readings])
        stored = self._lake.replace(key, encode_parquet(base), seen=version)
        self._listing[hour] = self._listing[hour]._replace(compacted=stored)
        return base

    def _undamaged(self, hour: datetime) -> Sources:
        """Return what an hour is built from: its sources, but for those that are damaged."""
        sources = self._listing[hour]
        sound = (key for key in sources.raw if not self._records.is_set_aside(key, self._versions.get(key, "")))
        self._listing[hour] = sources._replace(raw=tuple(sound))
        return self._listing[hour]

    def _decoded(
        self, keys: Sequence[str], versions: Mapping[str, str] | None = None
    ) -> tuple[dict[str, bytes], pl.DataFrame]:
        """Return the bodies of the objects that can be read, by key, and their readings; the others are set aside."""
        bodies = dict(zip(keys, self._lake.read_listed(keys), strict=True))
        try:
            return bodies, self._readings(bodies)
        except MalformedObjectError:
            pass  # which of them it is, the next line finds out
        whole: dict[str, bytes] = {}
        for key, body in bodies.items():
            try:
                whole[key] = self._readable(key, body)
            except MalformedObjectError as error:
                version = (versions or self._versions).get(key, "")
                self._records.note(key, version, error.message.partition(": ")[2], is_mended=False)
        return whole, self._readings(whole)

    def _readable(self, key: str, body: bytes) -> bytes:
        """Return the body of an object, read again where it cannot be read: it may have been cut off on its way."""
        try:
            self._readings({key: body})
        except MalformedObjectError:
            (body,) = self._lake.read_listed([key])
            self._readings({key: body})
        return body

    def _readings(self, bodies: Mapping[str, bytes]) -> pl.DataFrame:
        keys = list(bodies)

        def left_out(line: MalformedLine) -> None:
            self._work.malformed_lines += 1
            where = {"key": keys[line.object_index], "line_number": line.line_number, "problem": line.problem}
            logger.warning("A line of a raw object is no reading", extra=where)

        return decode_readings(list(bodies.values()), on_malformed=left_out) if keys else pl.DataFrame(schema=READINGS)
