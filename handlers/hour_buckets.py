"""One hour of readings: its raw objects taken into the compacted one, its buckets built.

Compaction is safe to stop anywhere and to do twice or at once. The bytes of the raw objects are kept first; the hour's
compacted object is replaced only as it was seen, by a superset; it is read back, and only where it holds every reading
of the raw objects are they removed. A run that finds them again takes them in again and finds nothing new.

Of readings that do not fit in memory together as many are compacted as fit; the others stay raw objects, and the
buckets of such an hour are built machine by machine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
from aws_lambda_powertools import Logger

from contract.environment import ProcessingSettings
from handlers.bucket_partitions import BucketPartitions
from handlers.crowded_hours import CrowdedHourError, RawBodies, by_machines
from handlers.stores.damage import DamageRecords
from handlers.stores.lake import DataLake
from handlers.stores.partitions import (
    DamagedPartitionError,
    Partitions,
    decode_parquet,
    encode_parquet,
    rows_of,
    slices_of,
)
from mlops_core.errors import MalformedObjectError, MlopsError
from mlops_core.features import BUCKETS, bucket_readings
from mlops_core.lake import (
    OVERSIZE_PREFIX,
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
_PORTIONS = 4  # of what fits in memory, where readings are read to be sorted out

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
    No more than `most_readings` are in memory at once.
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
        most_readings: int,
    ) -> None:
        self._rules = rules
        self._most = most_readings
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
            if is_late and not is_to_be_compacted(sources):
                late[hour] = sources
                continue
            buckets = changed = None
            with suppress(CrowdedHourError):
                readings, changed = self._of_hour(hour, sources)
                buckets = self._bucketed(readings)
                del readings
            if buckets is None:  # by now the frames that the error's traceback held are gone
                buckets = self._crowded(hour)
            shards = self._buckets.write([hour], buckets, replaced=None)[hour]
            results[hour] = Rebuilt(Built.of(self._undamaged(hour), shards), changed if is_late else None)
        built = None
        try:
            built = self._late(late)
        except CrowdedHourError:
            pass
        except DamagedPartitionError as error:
            # The buckets of the machines beside the late ones are lost: the hours are built from all their readings.
            self._records.note(error.key, error.version, error.problem, is_mended=True)
        if built is None:
            return results | self.build(dict.fromkeys(late, False))
        results |= built
        self._work.hours_changed += len(results)
        return results

    def _of_hour(self, hour: datetime, sources: Sources) -> tuple[pl.DataFrame, frozenset[str]]:
        """Return the readings of an hour, compacted where that is due, and the machines of the raw objects taken in.

        Raises CrowdedHourError.
        """
        if is_to_be_compacted(sources):
            return self._compacted(hour, sources)
        base = self._base(hour)
        bodies = RawBodies(self._lake, sources.raw)
        _, late = self._decoded(bodies.take(self._most - (0 if base is None else base.height)))
        if bodies.left:
            raise CrowdedHourError(self._most)
        return late if base is None else union_readings([base, late]), frozenset()

    def _crowded(self, hour: datetime) -> pl.DataFrame:
        """Return the buckets of an hour whose readings do not fit in memory together."""
        malformed: set[int] = set()

        def portions() -> Iterator[pl.DataFrame]:
            yield from self._portions(hour)
            malformed.add(self._work.malformed_lines)
            self._work.malformed_lines = min(malformed)  # each pass meets the same

        def leave_out(machine_id: str, count: int) -> None:
            problem = (
                f"{count:,} readings in one hour, and processing holds {self._most:,} distinct ones: they stay where"
                f" they are and count in no window. Raise processingMemoryMb, then mlops backfill the hour"
            )
            key = f"{OVERSIZE_PREFIX}{hour_path(hour)}/{machine_id}"
            self._records.note(key, "", problem, is_mended=False)

        pieces = by_machines(portions, self._most, leave_out)
        return pl.concat([pl.DataFrame(schema=BUCKETS), *map(self._bucketed, pieces)])

    def _portions(self, hour: datetime) -> Iterator[pl.DataFrame]:
        sources, most = self._undamaged(hour), max(1, self._most // _PORTIONS)
        if sources.compacted is not None:
            key = compacted_key(hour)
            (body,) = self._lake.read_listed([key])
            try:
                yield from slices_of(body, most)
            except MalformedObjectError as error:
                self._records.note(key, sources.compacted, error.message.partition(": ")[2], is_mended=False)
        bodies = RawBodies(self._lake, sources.raw)
        while bodies.left:
            yield self._decoded(bodies.take(most, at_least_one=True))[1]

    def _late(self, hours: Mapping[datetime, Sources]) -> dict[datetime, Rebuilt]:
        """Build again the buckets of the machines that have raw objects beside the compacted ones, all in one pass.

        Raises CrowdedHourError.
        """
        if not hours:
            return {}
        bodies = RawBodies(self._lake, [key for sources in hours.values() for key in sources.raw])
        room, parts = self._most, list[pl.DataFrame]()
        while bodies.left:
            if not (taken := bodies.take(room)):
                raise CrowdedHourError(self._most)
            parts.append(self._decoded(taken)[1])
            room -= parts[-1].height
        late = union_readings(parts)
        machines = late["machine_id"].unique()
        readings = [late]
        names = list(hours)
        for first in range(0, len(names), _HOURS_AT_ONCE):  # few whole hours in memory at once
            readings += self._bases_of(names[first : first + _HOURS_AT_ONCE], machines)
            if sum(frame.height for frame in readings) > self._most:
                raise CrowdedHourError(self._most)
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
            if max(map(rows_of, bodies)) > self._most:
                raise CrowdedHourError(self._most)
            # One by one: only some of them may have the column of corrections.
            return [decode_parquet(body).filter(is_wanted) for body in bodies]
        except MalformedObjectError:
            bases = [base for hour in hours if (base := self._base(hour)) is not None]
            return [base.filter(is_wanted) for base in bases]

    def _bucketed(self, readings: pl.DataFrame) -> pl.DataFrame:
        rules = self._rules(readings["machine_id"].unique())
        return bucket_readings(readings, hop=self._hop, running=rules)

    def _compacted(self, hour: datetime, sources: Sources) -> tuple[pl.DataFrame, frozenset[str]]:
        """Take the raw objects of an hour into its compacted object.

        Returns the hour's readings then, and the machines of those that were taken in. Raises CrowdedHourError once no
        more fit; `listing` then says which raw objects stay.
        """
        key, machines = compacted_key(hour), set[str]()
        base = self._base(hour)
        version = self._listing[hour].compacted
        raw = RawBodies(self._lake, sources.raw)
        while raw.left:
            taken = raw.take(self._most - (0 if base is None else base.height))
            if not taken:
                raise CrowdedHourError(self._most)
            bodies, readings = self._decoded(taken)
            if bodies:
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
            self._listing[hour] = Sources(version, raw.left)
        return pl.DataFrame(schema=READINGS) if base is None else base, frozenset(machines)

    def _base(self, hour: datetime) -> pl.DataFrame | None:
        """Return the compacted readings of an hour; where they are damaged, made again of the bytes that are kept.

        Raises CrowdedHourError.
        """
        version, key = self._listing[hour].compacted, compacted_key(hour)
        if version is None:
            return None
        (body,) = self._lake.read_listed([key])
        try:
            if rows_of(body) > self._most:
                raise CrowdedHourError(self._most)
            return decode_parquet(body)
        except MalformedObjectError as error:
            self._records.note(key, version, error.message.partition(": ")[2], is_mended=True)
        kept = self._lake.versions(f"{REPLACED_PREFIX}{hour_path(hour)}/")
        _, readings = self._decoded(self._bodies(kept), kept)
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

    def _bodies(self, keys: Iterable[str]) -> dict[str, bytes]:
        names = list(keys)
        return dict(zip(names, self._lake.read_listed(names), strict=True))

    def _decoded(
        self, bodies: dict[str, bytes], versions: Mapping[str, str] | None = None
    ) -> tuple[dict[str, bytes], pl.DataFrame]:
        """Return the bodies of the objects that can be read, by key, and their readings; the others are set aside."""
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
