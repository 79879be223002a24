"""The buckets of hours, built from their readings: all of an hour, those of late machines, or portion by portion."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import polars as pl

from handlers.bucket_partitions import BucketPartitions
from handlers.crowded_hours import CrowdedHourError, by_machines, count_by_machine
from handlers.hour_readings import HourReadings
from handlers.stores import DamagedPartitionError, Partitions
from handlers.workspace import Workspace
from mlops_core.features import BUCKETS, bucket_readings
from mlops_core.lake import OVERSIZE_PREFIX, Built, Layout, hour_path, is_to_be_compacted
from mlops_core.processing import Rebuilt
from mlops_core.telemetry import union_readings

_HOURS_AT_ONCE = 6


class HourBuilder:
    """Builds hours from their `readings`.

    `partitions` are as they were before the readings were listed. An hour is built without what cannot be read, which
    `readings` sets aside or recovers. Of an hour with more readings than fit, buckets are built machine by machine.
    """

    def __init__(self, workspace: Workspace, readings: HourReadings, partitions: Partitions, layout: Layout) -> None:
        self._workspace = workspace
        self._assigned = workspace.assigned_classes
        self._most = workspace.most_readings
        self._buckets = BucketPartitions(workspace, partitions, layout)
        self._readings = readings

    def build(self, hours: Mapping[datetime, bool]) -> dict[datetime, Rebuilt]:
        """Build hours: True, where only the machines of their raw objects have changed."""
        results: dict[datetime, Rebuilt] = {}
        late: list[datetime] = []
        for hour, is_late in hours.items():
            if is_late and not is_to_be_compacted(self._readings.sources(hour)):
                late.append(hour)
                continue
            buckets, changed = self._whole(hour)
            shards = self._buckets.write([hour], buckets, replaced=None)[hour]
            results[hour] = Rebuilt(Built.of(self._readings.undamaged(hour), shards), changed if is_late else None)
        built = None
        try:
            built = self._late(late)
        except CrowdedHourError:
            pass
        except DamagedPartitionError as error:
            # The buckets of the machines beside the late ones are lost: the hours are built from all their readings.
            self._workspace.records.note(error.key, error.version, error.problem, is_mended=True)
        if built is None:
            return results | self.build(dict.fromkeys(late, False))
        results |= built
        self._workspace.work.hours_changed += len(results)
        return results

    def _whole(self, hour: datetime) -> tuple[pl.DataFrame, frozenset[str] | None]:
        """Return the buckets of an hour, and the machines of the raw objects that compaction took in, if known."""
        with suppress(CrowdedHourError):
            readings, machines = self._readings.of_hour(hour)
            return self._bucketed(readings), machines
        return self._crowded(hour), None  # by now the frames that the error's traceback held are gone

    def _crowded(self, hour: datetime) -> pl.DataFrame:
        """Return the buckets of an hour whose readings do not fit in memory together."""

        def leave_out(machine_id: str, count: int) -> None:
            problem = (
                f"{count:,} readings in one hour, and processing holds {self._most:,} distinct ones: they stay where"
                f" they are and count in no window. Raise processingMemoryMb, then mlops backfill the hour"
            )
            key = f"{OVERSIZE_PREFIX}{hour_path(hour)}/{machine_id}"
            self._workspace.records.note(key, "", problem, is_mended=False)

        portions = partial(self._readings.portions, hour)
        counts, malformed = count_by_machine(portions()), self._workspace.work.malformed_lines
        pieces = by_machines(counts, portions, self._most, leave_out)
        buckets = pl.concat([pl.DataFrame(schema=BUCKETS), *map(self._bucketed, pieces)])
        self._workspace.work.malformed_lines = malformed  # later passes have counted the same lines again
        return buckets

    def _late(self, hours: Sequence[datetime]) -> dict[datetime, Rebuilt]:
        """Build again the buckets of the machines that have raw objects beside the compacted ones, all in one pass.

        Raises CrowdedHourError.
        """
        if not hours:
            return {}
        late = self._readings.late(hours)
        machines = late["machine_id"].unique()
        readings = [late]
        for first in range(0, len(hours), _HOURS_AT_ONCE):  # few whole hours in memory at once
            readings += self._readings.bases_of(hours[first : first + _HOURS_AT_ONCE], machines)
            if sum(frame.height for frame in readings) > self._most:
                raise CrowdedHourError(self._most)
        shards = self._buckets.write(hours, self._bucketed(union_readings(readings)), replaced=machines)
        named = late.group_by(pl.col("event_timestamp").dt.truncate("1h")).agg(pl.col("machine_id").unique())
        changed = {hour: frozenset(names) for hour, names in named.iter_rows()}
        return {
            hour: Rebuilt(Built.of(self._readings.undamaged(hour), shards[hour]), changed.get(hour, frozenset()))
            for hour in hours
        }

    def _bucketed(self, readings: pl.DataFrame) -> pl.DataFrame:
        rules = self._workspace.recipe.running_rules(readings["machine_id"].unique(), assigned=self._assigned)
        return bucket_readings(readings, hop=self._workspace.settings.feature_hop, running=rules)
