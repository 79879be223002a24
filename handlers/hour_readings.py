"""The readings of hours: raw objects, the compacted object that takes them in, and the copies of what was taken in.

Compaction is safe to stop anywhere and to do twice or at once. The bytes of the raw objects are kept first; the hour's
compacted object is replaced only as it was seen, by a superset; it is read back, and only where it holds every reading
of the raw objects are they removed. A run that finds them again takes them in again and finds nothing new.

Of readings that do not fit in memory together as many are compacted as fit; the others stay raw objects.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import polars as pl

from handlers.crowded_hours import CrowdedHourError, RawBodies
from handlers.logs import logger
from handlers.stores import decode_each, decode_parquet, encode_parquet, rows_of, slices_of
from handlers.workspace import Workspace
from mlops_core.errors import MalformedObjectError, MlopsError
from mlops_core.lake import (
    REPLACED_PREFIX,
    MalformedLine,
    Sources,
    compacted_key,
    decode_readings,
    distinct_readings,
    hour_path,
    is_to_be_compacted,
    replaced_object,
)
from mlops_core.telemetry import READINGS, union_readings

_PORTIONS = 4  # a portion is a quarter of the readings that fit in memory


class ReadingsLostError(MlopsError):
    """A compacted object lacks readings of the raw objects that it was made from."""

    def __init__(self, key: str, missing: int) -> None:
        super().__init__(f"{key} lacks {missing} readings of raw objects, which therefore stay", "Report it")


class HourReadings:
    """Reads and compacts the readings of hours.

    `listing` says by hour in which objects they are; compaction keeps it up to date. `versions`: ETags of the raw
    objects when they were listed. An object that cannot be read is noted and set aside. No more readings are in memory
    at once than fit.
    """

    def __init__(self, workspace: Workspace, listing: dict[datetime, Sources], *, versions: Mapping[str, str]) -> None:
        self._lake = workspace.lake
        self._records = workspace.records
        self._work = workspace.work
        self._most = workspace.most_readings
        self._listing = listing
        self._versions = versions

    def sources(self, hour: datetime) -> Sources:
        """Return what an hour's readings are stored in."""
        return self._listing.setdefault(hour, Sources())

    def of_hour(self, hour: datetime) -> tuple[pl.DataFrame, frozenset[str]]:
        """Return the readings of an hour, compacted where that is due, and the machines of the raw objects taken in.

        Raises CrowdedHourError.
        """
        sources = self.sources(hour)
        if is_to_be_compacted(sources):
            return self._compacted(hour, sources)
        base = self._base(hour)
        bodies = RawBodies(self._lake, sources.raw)
        _, late = self._decoded(bodies.take(self._most - (0 if base is None else base.height)))
        if bodies.left:
            raise CrowdedHourError(self._most)
        return late if base is None else union_readings([base, late]), frozenset()

    def late(self, hours: Sequence[datetime]) -> pl.DataFrame:
        """Return the readings of the raw objects of hours. Raises CrowdedHourError."""
        raw = RawBodies(self._lake, [key for hour in hours for key in self.sources(hour).raw])
        room, parts = self._most, list[pl.DataFrame]()
        while raw.left:
            if not (taken := raw.take(room)):
                raise CrowdedHourError(self._most)
            parts.append(self._decoded(taken)[1])
            room -= parts[-1].height
        return union_readings(parts)

    def bases_of(self, hours: Sequence[datetime], machines: pl.Series) -> list[pl.DataFrame]:
        """Return the compacted readings of some machines in hours that have been compacted."""
        is_wanted = pl.col("machine_id").is_in(machines.implode())
        bodies = self._lake.read_listed([compacted_key(hour) for hour in hours])
        bases = [base for base in decode_each(bodies, is_wanted) if isinstance(base, pl.DataFrame)]
        if len(bases) == len(hours):
            return bases
        return [base.filter(is_wanted) for hour in hours if (base := self._base(hour)) is not None]

    def undamaged(self, hour: datetime) -> Sources:
        """Return what an hour is built from: its sources, but for those that are damaged."""
        sources = self._listing[hour]
        sound = (key for key in sources.raw if not self._records.is_set_aside(key, self._versions.get(key, "")))
        self._listing[hour] = sources._replace(raw=tuple(sound))
        return self._listing[hour]

    def portions(self, hour: datetime) -> Iterator[pl.DataFrame]:
        """Yield the stored readings of an hour, duplicates included, in portions that leave room to remove those."""
        sources, most = self.undamaged(hour), max(1, self._most // _PORTIONS)
        if sources.compacted is not None:
            key = compacted_key(hour)
            (body,) = self._lake.read_listed([key])
            try:
                yield from slices_of(body, most)
            except MalformedObjectError as error:
                self._records.note(key, sources.compacted, error.problem, is_mended=False)
        bodies = RawBodies(self._lake, sources.raw)
        while bodies.left:
            yield self._decoded(bodies.take(most, at_least_one=True))[1]

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
            self._records.note(key, version, error.problem, is_mended=True)
        kept = self._lake.versions(f"{REPLACED_PREFIX}{hour_path(hour)}/")
        bodies = dict(zip(kept, self._lake.read_listed(list(kept)), strict=True))
        _, readings = self._decoded(bodies, kept)
        base = distinct_readings([readings])
        stored = self._lake.replace(key, encode_parquet(base), seen=version)
        self._listing[hour] = self._listing[hour]._replace(compacted=stored)
        return base

    def _decoded(
        self, bodies: dict[str, bytes], versions: Mapping[str, str] | None = None
    ) -> tuple[dict[str, bytes], pl.DataFrame]:
        """Return the bodies of the objects that can be read, by key, and their readings; the others are set aside."""
        try:
            return bodies, self._readings(bodies)
        except MalformedObjectError:
            pass  # the next lines find out which of them it is
        whole: dict[str, bytes] = {}
        for key, body in bodies.items():
            try:
                whole[key] = self._readable(key, body)
            except MalformedObjectError as error:
                version = (versions or self._versions).get(key, "")
                self._records.note(key, version, error.problem, is_mended=False)
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
