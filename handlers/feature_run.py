"""One run of processing: it looks, does chunk after chunk while time allows, and looks again where it was overtaken.

The first chunk is one hour of event time; those after it are as long as the time left allows, up to the rules' chunk.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from aws_lambda_powertools import Logger

from contract.environment import ProcessingSettings
from handlers import runtime
from handlers.deadline import Pace
from handlers.feature_chunks import ChunkWorker, Work
from handlers.stores.checkpoint import CheckpointFile
from handlers.stores.lake import ObjectMovedError
from handlers.stores.partitions import Partitions
from mlops_core.lake import RAW_PREFIX, Checkpoint, Partition, hour_path
from mlops_core.processing import (
    Chunk,
    Listing,
    ProcessingRules,
    closed_hour,
    first_checkpoint,
    first_listed_hour,
    next_chunk,
    partition_keys,
)
from mlops_core.processing.plan import range_checkpoint, refuse_the_future

logger = Logger(child=True)

_OUTPUT_PREFIXES = ("processed/buckets/", "processed/features/")
_ATTEMPTS = 3


class Run:
    """One invocation: what it works on, what it has done, and how far it got."""

    def __init__(self, chosen: ProcessingSettings, pace: Pace, now: datetime, *, chunks: int | None = None) -> None:
        self._settings = chosen
        self._pace = pace
        self._most_chunks = chunks
        self._is_complete = False
        self._now = now
        self._closed_until = closed_hour(now.astimezone(UTC))
        self._rules = ProcessingRules(
            hop=chosen.feature_hop,
            longest_length=max(chosen.feature_lengths),
            chunk=chosen.time_window,
            allowed_lateness=chosen.allowed_lateness,
        )
        self._lake = runtime.lake(chosen)
        self._online = runtime.online_features(chosen)
        self.work = Work()
        self.reached: datetime | None = None
        self.overtaken = 0

    @property
    def is_progress(self) -> bool:
        """Whether anything was done."""
        return self._pace.pieces > 0

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
        file = CheckpointFile(self._lake)
        # Where to begin is settled before any work: the hours of a first run that fails are left for the next, however
        # late that comes.
        stored = file.load() or file.move(first_checkpoint(self._closed_until, self._rules), after=None)
        checkpoint = stored.checkpoint
        refuse_the_future(checkpoint, self._now)
        begins = [first_listed_hour(checkpoint, self._rules)]
        begins += [Partition.from_text(text).hour for text in checkpoint.due]
        unoffered = checkpoint.unoffered_from
        worker, listing = self._look(min([*begins, unoffered or begins[0]]), self._closed_until)
        if unoffered is not None:
            worker.recall(unoffered, checkpoint.processed_until)
        chunk = self._next(listing, checkpoint, self._closed_until)
        while chunk:
            worker.do(chunk, self.work)
            checkpoint = chunk.checkpoint
            chunk = self._next(listing, checkpoint, self._closed_until, done=chunk)
            if chunk:
                stored = file.move(checkpoint, after=stored)
                self.reached = checkpoint.processed_until
        worker.offer(self.work, now=self._now)
        if checkpoint != stored.checkpoint or checkpoint.unoffered_from:
            file.move(checkpoint.offered(version=stored.checkpoint.version + 1), after=stored)
        self.reached = checkpoint.processed_until
        return self._is_complete

    def _over(self, start: datetime, end: datetime) -> bool:
        start = max(start, self.reached or start)
        worker, listing = self._look(start - self._rules.lookback, end)
        checkpoint, ends = range_checkpoint(start, end, self._closed_until)
        chunk = self._next(listing, checkpoint, ends)
        while chunk:
            worker.do(chunk, self.work)
            checkpoint = chunk.checkpoint
            chunk = self._next(listing, checkpoint, ends, done=chunk)
        worker.offer(self.work, now=self._now)
        self.reached = checkpoint.processed_until if checkpoint.version else self.reached
        return self._is_complete

    def _next(
        self, listing: Listing, checkpoint: Checkpoint, until: datetime, *, done: Chunk | None = None
    ) -> Chunk | None:
        """Return the chunk to do now; None where no work remains (`_is_complete`), or no time for it."""
        if done:
            self._pace.ended(done.hours)
        room = 0 if self._pace.pieces == self._most_chunks else self._pace.room(self._rules.chunk_hours)
        chunk = next_chunk(listing, checkpoint, self._rules, until, hours=max(room, 1))
        self._is_complete = chunk is None
        return chunk if room else None

    def _look(self, first: datetime, last: datetime) -> tuple[ChunkWorker, Listing]:
        """See which outputs stand and, only then, which raw objects: so outputs never know more than this run does."""
        days = [hour_path(day).split("/")[0] for day in _days(first - self._rules.lookback, last + timedelta(hours=1))]
        partitions = Partitions(self._lake, [f"{prefix}{day}/" for prefix in _OUTPUT_PREFIXES for day in days])
        listing, foreign = partition_keys(self._lake.versions_under(f"{RAW_PREFIX}{day}/" for day in days))
        if foreign:
            logger.warning("Objects under raw/ that no function wrote", extra={"keys": foreign[:10]})
        return ChunkWorker(self._settings, self._lake, self._online, partitions), listing


def _days(first: datetime, last: datetime) -> Iterator[datetime]:
    day = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= last:
        yield day
        day += timedelta(days=1)
