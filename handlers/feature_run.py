"""One run of processing: it looks, does step after step while time allows, and looks again where it was overtaken.

The first step is one hour of event time; those after it are as long as the time left allows, up to the rules' chunk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from contract.environment import ProcessingSettings
from handlers import runtime
from handlers.deadline import Pace
from handlers.feature_rows import FeatureWriter
from handlers.hour_buckets import HourBuilder
from handlers.hour_readings import HourReadings
from handlers.logs import logger
from handlers.stores import (
    DamagedPartitionError,
    DamageRecords,
    Machines,
    NewestFeatures,
    ObjectMovedError,
    OutdatedPartitionError,
    Partitions,
    checkpoint_object,
    clients,
    current_layout,
    recipe_of,
    recovered_checkpoint,
)
from handlers.workspace import Workspace
from mlops_core.lake import (
    BEGINNINGS_KEY,
    BUCKETS_PREFIX,
    CHECKPOINT_KEY,
    COMPACTED_PREFIX,
    FEATURES_PREFIX,
    RAW_PREFIX,
    Checkpoint,
    Layout,
    buckets_hour,
    day_paths,
    hour_text,
)
from mlops_core.processing import (
    Listing,
    ProcessingRules,
    adapted,
    after_building,
    changed_hours,
    closed_hour,
    first_checkpoint,
    first_listed_hour,
    listed_sources,
    next_computation,
    range_checkpoint,
    refuse_the_future,
)

_OUTPUT_PREFIXES = (BUCKETS_PREFIX, FEATURES_PREFIX)
_ATTEMPTS = 3
_MOST_HOURS = 48


class Run:
    """One invocation: what it works on, what it has done, and how far it got."""

    def __init__(
        self, chosen: ProcessingSettings, pace: Pace, now: datetime, *, most_readings: int, chunks: int | None = None
    ) -> None:
        lake = runtime.lake(chosen)
        self._workspace = Workspace(
            chosen,
            lake,
            newest=NewestFeatures(lake, runtime.online_features(chosen)),
            labels=runtime.label_history(chosen),
            recipe=recipe_of(chosen, runtime.channels(chosen)),
            machines=Machines(clients.dynamodb(), chosen.machines_table).load_all(),
            records=DamageRecords(lake, noticed_by="processing", now=now),
            most_readings=most_readings,
        )
        self.work = self._workspace.work
        self.records = self._workspace.records
        self.rules = ProcessingRules(
            hop=chosen.feature_hop,
            longest_length=max(chosen.feature_lengths),
            chunk=chosen.time_window,
            allowed_lateness=chosen.allowed_lateness,
            features=self._workspace.recipe.columns_id,
            running=self._workspace.recipe.running_id(self._workspace.assigned_classes),
        )
        self.pace = pace
        self._most_chunks = chunks
        self.now = now
        """The moment that this run takes for the present."""
        self.closed_until = closed_hour(now.astimezone(UTC))
        """The end of the last whole hour."""
        self.watermark: datetime | None = None
        """Up to when rows are committed; None where this run has not looked at the checkpoint."""
        self.reached: datetime | None = None
        """Up to when this run has computed rows."""
        self.overtaken = 0
        self._is_complete = False
        self._made_again: set[str] = set()

    def until_not_overtaken(self, start: datetime | None, end: datetime | None) -> bool:
        """Process, and look again where another run was faster; returns whether all is done.

        Raises ObjectMovedError where that happens time after time.
        """
        while True:
            try:
                return self._over(start, end) if start and end else self._since_checkpoint()
            except ObjectMovedError as error:
                self.overtaken += 1
                if self.overtaken == _ATTEMPTS:
                    raise
                logger.warning("Overtaken by another run", extra={"key": error.key})

    def _since_checkpoint(self) -> bool:
        lake, grace = self._workspace.lake, timedelta(seconds=self._workspace.settings.closing_grace_seconds)
        self.closed_until = closed_hour(self.now.astimezone(UTC) - grace)
        file = checkpoint_object(lake)
        # Where to begin is settled before any work: the hours of a first run that fails are left for the next, however
        # late that comes.
        lost = first_checkpoint(self.closed_until, replace(self.rules, chunk=self.rules.memory))
        stored = recovered_checkpoint(lake, self.records, otherwise=lost) or file.save(
            first_checkpoint(self.closed_until, self.rules), after=None
        )
        refuse_the_future(stored.value, self.now)
        self.watermark = stored.value.processed_until
        checkpoint = adapted(stored.value, self.rules)
        unoffered = checkpoint.unoffered_from
        begins = [first_listed_hour(checkpoint, self.rules), checkpoint.first_due, unoffered]
        look = self.look(self.days(min(filter(None, begins)), self.closed_until))
        if unoffered is not None:
            look.writer.recall(unoffered, checkpoint.processed_until)
        for after, is_to_be_saved in self._steps(look, checkpoint, self.closed_until):
            checkpoint = after
            if is_to_be_saved:
                stored = file.save(checkpoint, after=stored)
                self.watermark = self.reached = checkpoint.processed_until
        look.writer.offer(now=self.now)
        is_damaged = self.records.is_set_aside(CHECKPOINT_KEY, stored.seen)
        if checkpoint != stored.value or checkpoint.unoffered_from or is_damaged:
            file.save(checkpoint.offered(version=stored.value.version + 1), after=stored)
        self.watermark = self.reached = checkpoint.processed_until
        return self._is_complete

    def _over(self, start: datetime, end: datetime) -> bool:
        start = max(start, self.reached or start)
        look = self.look(self.days(start - self.rules.lookback, end))
        checkpoint, ends = range_checkpoint(start, end, self.closed_until)
        begins = reached = checkpoint.processed_until
        look.writer.drop_off_grid(begins)
        for after, _ in self._steps(look, checkpoint, ends):
            reached = after.processed_until
        look.writer.offer(now=self.now)
        if reached > begins or self._is_complete:
            self.reached = reached
        return self._is_complete

    def _steps(self, look: "Look", checkpoint: Checkpoint, until: datetime) -> Iterator[tuple[Checkpoint, bool]]:
        """Do step after step while time allows: hours are built, then rows computed. `_is_complete`: nothing is left.

        Yields the checkpoint after each step, and whether it is to be saved: where another step follows, unless that
        computes what this one, a short one, built. No hour is built more than a chunk ahead of the rows.
        """
        has_computed: bool | None = None  # of the last step
        while True:
            room = 0 if self.pace.pieces == self._most_chunks else self.pace.room(self.rules.chunk_hours)
            changed = changed_hours(look.listing, checkpoint, self.rules, until)
            soon = checkpoint.processed_until + self.rules.chunk
            near = [hour for hour in changed if hour < soon]
            bound = min([hour for hour in changed if hour >= soon], default=until)
            computation = next_computation(checkpoint, self.rules, bound, hours=max(room, 1))
            self._is_complete = not changed and computation is None
            is_over = self._is_complete or not room
            if has_computed is not None:
                is_worth_it = has_computed or bool(near) or self.pace.was_slow
                yield checkpoint, is_worth_it and not is_over
            if is_over:
                return
            if near:
                hours = _within(room, {hour: changed[hour] for hour in near})
                checkpoint = after_building(checkpoint, look.builder.build(hours), self.rules)
                self.pace.ended(sum(not is_late for is_late in hours.values()))
                has_computed = False
            elif computation:
                try:
                    for window_range in computation.ranges:
                        look.writer.write(window_range, checkpoint)
                except (DamagedPartitionError, OutdatedPartitionError) as error:
                    checkpoint = self._built_again(error, look, checkpoint)
                    has_computed = None  # the step before has been saved, if it was to be
                    continue
                checkpoint = computation.checkpoint
                self.pace.ended(computation.hours)
                has_computed = True

    def _built_again(
        self, error: DamagedPartitionError | OutdatedPartitionError, look: "Look", checkpoint: Checkpoint
    ) -> Checkpoint:
        """Have the hour of a bucket partition built again that is damaged, gone or of another hop.

        By the checkpoint that is returned a watched hour is not built, and what follows from it is due. An hour that is
        no longer watched is built at once: its rows stay. One whose readings are gone is built from none.

        Raises the error where it was built already.
        """
        if error.key in self._made_again:
            raise error
        self._made_again.add(error.key)
        hour = buckets_hour(error.key)
        if isinstance(error, DamagedPartitionError):
            self.records.note(error.key, error.version, error.problem, is_mended=hour in look.listing)
        if hour not in look.listing or hour < first_listed_hour(checkpoint, self.rules):
            look.builder.build({hour: False})
        hours = {text: built for text, built in checkpoint.hours.items() if text != hour_text(hour)}
        return checkpoint.model_copy(update={"hours": hours})

    def days(self, first: datetime, last: datetime) -> list[str]:
        """Return the paths of the days that hold what the rows of some hours follow from, and the rows."""
        return day_paths(first - self.rules.lookback, last + timedelta(hours=1))

    def look(self, paths: Sequence[str]) -> "Look":
        """List output ETags under the paths of days or hours, then compacted hours, then raw objects.

        That order is what optimistic concurrency needs: an output listed first cannot depend on readings that this run
        has not seen, and what is missing from raw/ because it was taken in meanwhile is missed by the version of the
        compacted object, too.
        """
        self.records.look()
        lake, shards = self._workspace.lake, self._workspace.settings.lake_shards
        layout = current_layout(lake, shards, closed_until=self.closed_until, records=self.records)
        outputs = [BEGINNINGS_KEY, *(f"{prefix}{path}/" for prefix in _OUTPUT_PREFIXES for path in paths)]
        partitions = Partitions(lake, outputs, held=BUCKETS_PREFIX)
        compacted = lake.versions_under(f"{COMPACTED_PREFIX}{path}/" for path in paths)
        raw = lake.versions_under(f"{RAW_PREFIX}{path}/" for path in paths)
        sound = [key for key, version in raw.items() if not self.records.is_set_aside(key, version)]
        listing, foreign = listed_sources(sound, compacted)
        if foreign:
            logger.warning("Objects of the lake that no function wrote", extra={"keys": foreign[:10]})
        builder = HourBuilder(self._workspace, HourReadings(self._workspace, listing, versions=raw), partitions, layout)
        return Look(builder, FeatureWriter(self._workspace, partitions, layout), listing, layout)


class Look(NamedTuple):
    """The lake as a run saw it: what its readings lie in, and what builds its hours and computes its rows."""

    builder: HourBuilder
    writer: FeatureWriter
    listing: Listing
    layout: Layout


def _within(room: int, hours: Mapping[datetime, bool]) -> dict[datetime, bool]:
    """Return the first hours, as many as `room` whole ones; those of which only a little is built count for nothing."""
    chosen: dict[datetime, bool] = {}
    for hour, is_late in hours.items():
        room -= not is_late
        if room < 0 or len(chosen) == _MOST_HOURS:
            break
        chosen[hour] = is_late
    return chosen
