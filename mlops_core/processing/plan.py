"""What a processing run has to do: which hours of raw data changed, which feature rows follow, in which bounded steps.

Pure planning. The caller lists the names of raw objects and keeps the checkpoint; from these two a run is a sequence
of chunks, oldest first. A chunk is done in this order: rebuild the buckets of its partitions from exactly the objects
that it names, recompute its window ranges from buckets, write the outputs, and only then store its checkpoint. A run
that stops anywhere, or a reading that arrives late, costs work and never a gap.

    while chunk := next_chunk(listing, checkpoint, rules, closed_until):
        ...                              # buckets, feature rows, online store
        checkpoint = chunk.checkpoint    # stored by compare and swap

The watermark `processed_until` follows the clock that the caller passes, whole hours only, and never the timestamps of
readings: no clock on a machine can move it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from mlops_core.errors import InvalidArgumentError, MalformedObjectError, MlopsError
from mlops_core.lake import Checkpoint, Partition, partition_of
from mlops_core.time import utc_text

__all__ = [
    "Checkpoint",
    "Chunk",
    "FutureMomentError",
    "Listing",
    "ProcessingRules",
    "WindowRange",
    "closed_hour",
    "first_checkpoint",
    "first_listed_hour",
    "next_chunk",
    "partition_keys",
    "range_checkpoint",
    "refuse_the_future",
]

HOUR: Final = timedelta(hours=1)


class FutureMomentError(MlopsError):
    """A moment that has not come yet, where processing goes by what has been."""

    def __init__(self, what: str, moment: datetime, now: datetime, hint: str = "") -> None:
        super().__init__(f"{what}, {utc_text(moment)}, lies in the future: it is {utc_text(now)} now", hint)


Listing = Mapping[Partition, Collection[str]]


@dataclass(frozen=True, slots=True)
class ProcessingRules:
    """How features are windowed and how much is taken at once.

    hop and longest_length are those of the feature windows; the hop divides one hour, because raw data is partitioned
    by hours. `chunk` is the most event time that one chunk takes, in whole hours. Changes are noticed in hours up to
    `allowed_lateness + longest_length` before the watermark: the second term covers what waited in a queue.
    """

    hop: timedelta
    longest_length: timedelta
    chunk: timedelta
    allowed_lateness: timedelta

    def __post_init__(self) -> None:
        if self.hop <= timedelta(0) or HOUR % self.hop:
            raise InvalidArgumentError("hop", str(self.hop), "does not divide one hour", "Choose 1h, 30m, 20m, 15m ...")
        if self.longest_length <= timedelta(0) or self.longest_length % self.hop:
            raise InvalidArgumentError("longest_length", str(self.longest_length), "is not a multiple of the hop")
        if self.chunk < HOUR or self.chunk % HOUR:
            raise InvalidArgumentError("chunk", str(self.chunk), "is not a whole number of hours, at least one")
        if self.allowed_lateness < timedelta(0):
            raise InvalidArgumentError("allowed_lateness", str(self.allowed_lateness), "is negative")

    @property
    def lookback(self) -> timedelta:
        """How far before a window end readings matter, in whole hours."""
        return _whole_hours(self.longest_length)

    @property
    def chunk_hours(self) -> int:
        """The most hours of event time that one chunk takes."""
        return self.chunk // HOUR

    @property
    def memory(self) -> timedelta:
        """How far before the watermark hours are watched for changes."""
        return _whole_hours(self.allowed_lateness) + self.lookback


@dataclass(frozen=True, slots=True)
class WindowRange:
    """Feature rows of one shard to compute: all whose window end lies in (`start`, `end`].

    They fill the feature partitions of `hours` and need the buckets of `[data_start, end)`.
    """

    shard: int
    hours: tuple[datetime, ...]
    start: datetime
    end: datetime
    data_start: datetime

    @property
    def bucket_hours(self) -> tuple[datetime, ...]:
        """The hours whose buckets the rows are computed from."""
        return tuple(_hours(closed_hour(self.data_start), self.end - timedelta(microseconds=1)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One bounded step of a run.

    `rebuild`: the partitions whose buckets are to be built, each from exactly these objects. `ranges`: the feature
    rows that follow. `checkpoint`: to be stored after all outputs are, and not before.
    """

    rebuild: Mapping[Partition, tuple[str, ...]]
    ranges: tuple[WindowRange, ...]
    checkpoint: Checkpoint

    @property
    def hours(self) -> int:
        """Hours of event time with work in them: what the duration of a chunk is proportional to."""
        rebuilt = {partition.hour for partition in self.rebuild}
        return max(len(rebuilt), len({hour for window_range in self.ranges for hour in window_range.hours}))


def closed_hour(moment: datetime) -> datetime:
    """Return the end of the last whole hour at a moment: what lies before it is closed and may be processed."""
    return moment.replace(minute=0, second=0, microsecond=0)


def partition_keys(keys: Iterable[str]) -> tuple[dict[Partition, list[str]], list[str]]:
    """Return the listed keys by partition, and apart from them those that are no raw objects of ours."""
    listing: dict[Partition, list[str]] = {}
    foreign: list[str] = []
    for key in keys:
        try:
            listing.setdefault(partition_of(key), []).append(key)
        except MalformedObjectError:
            foreign.append(key)
    return listing, foreign


def first_checkpoint(closed_until: datetime, rules: ProcessingRules) -> Checkpoint:
    """Return the checkpoint to begin with where there is none: one chunk before the last closed hour."""
    start = closed_until - rules.chunk
    return Checkpoint(version=0, processed_from=start, processed_until=start, hours={})


def first_listed_hour(checkpoint: Checkpoint, rules: ProcessingRules) -> datetime:
    """Return the first hour whose raw objects a run must list; the last is the one before the last closed hour."""
    return max(checkpoint.processed_from - rules.lookback, checkpoint.processed_until - rules.memory)


def refuse_the_future(checkpoint: Checkpoint, now: datetime) -> None:
    """Raise FutureMomentError where a checkpoint reaches further than the clock, by more than clocks disagree.

    Otherwise every run until then would find nothing to do, and say that all is well.
    """
    if checkpoint.processed_until > now + HOUR:
        hint = "Restore the previous version of processed/checkpoint.json"
        raise FutureMomentError("the checkpoint", checkpoint.processed_until, now, hint)


def next_chunk(
    listing: Listing,
    checkpoint: Checkpoint,
    rules: ProcessingRules,
    closed_until: datetime,
    *,
    hours: int | None = None,
) -> Chunk | None:
    """Return the oldest work that remains; None where there is none.

    listing: the object names of every partition from `first_listed_hour` on; others do no harm.
    closed_until: `closed_hour` of the present. Later hours are left alone, whatever they hold.
    hours: the most event time that the chunk takes, 1 to `rules.chunk_hours` (the default).

    Every window end in (processed_from, processed_until] of the returned checkpoint that is not due has then been
    computed from all objects that the listing names.
    """
    span = HOUR * (hours or rules.chunk_hours)
    chunk = _one_chunk(listing, checkpoint, rules, closed_until, span)
    while chunk and not chunk.rebuild and not chunk.ranges:
        following = _one_chunk(listing, chunk.checkpoint, rules, closed_until, span)
        if following is None:
            break
        chunk = following
    return chunk


def range_checkpoint(start: datetime, end: datetime, closed_until: datetime) -> tuple[Checkpoint, datetime]:
    """Return the checkpoint and the closed hour by which `next_chunk` computes a range, whatever was done before.

    The chunks then compute every window end in (start, end], widened to whole hours. The listing must reach from
    `rules.lookback` before the start; the chunks' checkpoints are not for storing.
    """
    begins = closed_hour(start)
    ends = min(begins + _whole_hours(end - begins), closed_until)
    return Checkpoint(version=0, processed_from=begins, processed_until=begins, hours={}), ends


def _one_chunk(
    listing: Listing, checkpoint: Checkpoint, rules: ProcessingRules, closed_until: datetime, span: timedelta
) -> Chunk | None:
    until = checkpoint.processed_until
    changed = _changed(listing, checkpoint, rules, closed_until)
    due = {Partition.from_text(text) for text in checkpoint.due}
    begins = [partition.hour for partition in changed]
    begins += [at - HOUR for partition in due if (at := _ready_at(partition, rules, until)) <= closed_until]
    if until < closed_until:
        begins.append(until)
    if not begins:
        return None
    limit = min(min(begins) + span, closed_until)

    rebuild = {partition: tuple(sorted(listing[partition])) for partition in changed if partition.hour < limit}
    due |= {late for partition in rebuild for late in _affected(partition, checkpoint, rules)}
    ready = {partition for partition in due if _ready_at(partition, rules, until) <= limit}
    advanced = checkpoint.model_copy(
        update={
            "version": checkpoint.version + 1,
            "processed_until": max(until, limit),
            "due": tuple(sorted(partition.text for partition in due - ready)),
        }
    )
    ranges = tuple(_ranges(ready | _new(listing, until, limit, rules), limit, rules))
    unoffered = [hour for window_range in ranges for hour in window_range.hours[:1]]
    unoffered += [checkpoint.unoffered_from] if checkpoint.unoffered_from else []
    watched_from = first_listed_hour(advanced, rules)
    hours = checkpoint.hours | {partition.text: changed[partition] for partition in rebuild}
    kept = {text: hours[text] for text in sorted(hours) if Partition.from_text(text).hour >= watched_from}
    return Chunk(
        rebuild=rebuild,
        ranges=ranges,
        checkpoint=advanced.model_copy(update={"hours": kept, "unoffered_from": min(unoffered, default=None)}),
    )


def _changed(
    listing: Listing, checkpoint: Checkpoint, rules: ProcessingRules, closed_until: datetime
) -> dict[Partition, str]:
    """Return the watched, closed partitions that hold other objects than their buckets were built from, in order."""
    watched_from = first_listed_hour(checkpoint, rules)
    changed: dict[Partition, str] = {}
    for partition in sorted(listing):
        if watched_from <= partition.hour < closed_until and listing[partition]:
            digest = _digest(listing[partition])
            if checkpoint.hours.get(partition.text) != digest:
                changed[partition] = digest
    return changed


def _affected(changed: Partition, checkpoint: Checkpoint, rules: ProcessingRules) -> Iterator[Partition]:
    """Yield the feature partitions with computed window ends that see readings of a raw partition."""
    first = max(changed.hour + rules.hop, checkpoint.processed_from + rules.hop)
    last = min(changed.hour + HOUR + rules.longest_length - rules.hop, checkpoint.processed_until)
    if first <= last:
        for hour in _hours(closed_hour(first), last):
            yield Partition(hour, changed.shard)


def _new(listing: Listing, until: datetime, limit: datetime, rules: ProcessingRules) -> set[Partition]:
    """Return the feature partitions with window ends in (until, limit], of the shards that hold readings for them."""
    if limit <= until:
        return set()
    shards = {partition.shard for partition in listing if until - rules.lookback <= partition.hour < limit}
    return {Partition(hour, shard) for hour in _hours(closed_hour(until + rules.hop), limit) for shard in shards}


def _ready_at(feature_partition: Partition, rules: ProcessingRules, until: datetime) -> datetime:
    """Return up to when raw data must be closed to recompute those window ends of a partition that are computed yet."""
    last_window_end = feature_partition.hour + HOUR - rules.hop
    return min(feature_partition.hour + _whole_hours(last_window_end - feature_partition.hour), until)


def _ranges(partitions: Iterable[Partition], limit: datetime, rules: ProcessingRules) -> Iterator[WindowRange]:
    """Yield the window ranges of feature partitions, consecutive hours of a shard in one."""
    by_shard: dict[int, list[datetime]] = {}
    for partition in sorted(partitions):
        by_shard.setdefault(partition.shard, []).append(partition.hour)
    for shard, hours in sorted(by_shard.items()):
        first = 0
        for index in range(1, len(hours) + 1):
            if index == len(hours) or hours[index] - hours[index - 1] > HOUR:
                yield WindowRange(
                    shard=shard,
                    hours=tuple(hours[first:index]),
                    start=hours[first] - rules.hop,
                    end=min(hours[index - 1] + HOUR - rules.hop, limit),
                    data_start=hours[first] - rules.longest_length,
                )
                first = index


def _digest(keys: Iterable[str]) -> str:
    return sha256("\n".join(sorted(keys)).encode()).hexdigest()[:32]


def _hours(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += HOUR


def _whole_hours(span: timedelta) -> timedelta:
    return -(-span // HOUR) * HOUR
