"""What a processing run has to do: which hours of readings changed, which feature rows follow, in which bounded steps.

Pure planning. The caller lists what each hour's readings are stored in (`Sources`) and keeps the checkpoint; from these
two a run is a sequence of steps. Hours that changed are built first, oldest first: `changed_hours` says which, and
`after_building` what is due then. Feature rows follow: `next_computation` gives the window ranges to compute from
buckets and the checkpoint to store once they are written. A run that stops anywhere, or a reading that arrives late,
costs work and never a gap.

The watermark `processed_until` follows the clock that the caller passes, whole hours only, and never the timestamps of
readings: no clock on a machine can move it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mlops_core.errors import InvalidArgumentError, MalformedObjectError, MlopsError
from mlops_core.lake import Built, Checkpoint, Sources, compacted_hour, hour_of_text, hour_text, raw_hour
from mlops_core.time import utc_text

HOUR: Final = timedelta(hours=1)

# Beyond so many machines an hour is computed whole: their names would fill the checkpoint and save little.
_MOST_MACHINES: Final = 50
# Hours of rows of few machines that are computed at once: little to compute, and each hour's buckets are read once.
_MOST_NARROW_HOURS: Final = 168

Listing = Mapping[datetime, Sources]


class FutureMomentError(MlopsError):
    """A moment that has not come yet, where processing goes by what has been."""

    def __init__(self, what: str, moment: datetime, now: datetime, hint: str = "") -> None:
        super().__init__(f"{what}, {utc_text(moment)}, lies in the future: it is {utc_text(now)} now", hint)


@dataclass(frozen=True, slots=True)
class ProcessingRules:
    """How features are windowed and how much is taken at once.

    hop and longest_length are those of the feature windows; the hop divides one hour, because the lake is partitioned
    by hours. `chunk` is the most event time that one step takes, in whole hours. Changes are noticed in hours up to
    `allowed_lateness + longest_length` before the watermark: the second term covers what waited in a queue. `features`
    names what is computed beside the hop, in any notation: where it changes, the watched hours are computed again.
    `running` names the rules by which machines run, which readings in buckets are of; empty without any.
    """

    hop: timedelta
    longest_length: timedelta
    chunk: timedelta
    allowed_lateness: timedelta
    features: str = ""
    running: str = ""

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
        """The most hours of event time that one step takes."""
        return self.chunk // HOUR

    @property
    def memory(self) -> timedelta:
        """How far before the watermark hours are watched for changes."""
        return _whole_hours(self.allowed_lateness) + self.lookback

    @property
    def made_with(self) -> dict[str, str]:
        """What gives stored buckets and features their meaning."""
        running = {"running": self.running} if self.running else {}
        return {"hop": f"{self.hop // timedelta(minutes=1)}m", "features": self.features} | running


class Rebuilt(NamedTuple):
    """What became of an hour: what its buckets are built from now, and whose changed (None: anybody's)."""

    built: Built
    machines: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class WindowRange:
    """Feature rows to compute: all whose window end lies in (`start`, `end`], of `machines` or of all (None).

    They lie in the feature partitions of `hours`, consecutive, and need the buckets of `[data_start, end)`.
    """

    hours: tuple[datetime, ...]
    start: datetime
    end: datetime
    machines: frozenset[str] | None = None

    def bucket_hours(self, longest_length: timedelta) -> tuple[datetime, ...]:
        """Return the hours whose buckets the rows are computed from."""
        first = closed_hour(self.hours[0] - longest_length)
        return tuple(_hours(first, self.end - timedelta(microseconds=1)))


class Computation(NamedTuple):
    """Feature rows to compute now, and the checkpoint to be stored after they are, and not before."""

    ranges: tuple[WindowRange, ...]
    checkpoint: Checkpoint

    @property
    def hours(self) -> int:
        """Hours of event time with rows of all machines in them: what the duration is proportional to."""
        return sum(len(each.hours) for each in self.ranges if each.machines is None)


def closed_hour(moment: datetime) -> datetime:
    """Return the end of the last whole hour at a moment: what lies before it is closed and may be processed."""
    return moment.replace(minute=0, second=0, microsecond=0)


def listed_sources(raw: Iterable[str], compacted: Mapping[str, str]) -> tuple[dict[datetime, Sources], list[str]]:
    """Return what each hour's readings are stored in, and apart from it the keys that are none of ours.

    Args:
        raw: the keys under raw/.
        compacted: the versions (ETags) under compacted/ by key, listed before.

    """
    foreign: list[str] = []
    versions: dict[datetime, str] = {}
    keys: dict[datetime, list[str]] = {}
    for key, version in compacted.items():
        try:
            versions[compacted_hour(key)] = version
        except MalformedObjectError:
            foreign.append(key)
    for key in raw:
        try:
            keys.setdefault(raw_hour(key), []).append(key)
        except MalformedObjectError:
            foreign.append(key)
    hours = sorted(versions.keys() | keys.keys())
    return {hour: Sources(versions.get(hour), tuple(sorted(keys.get(hour, ())))) for hour in hours}, foreign


def first_checkpoint(closed_until: datetime, rules: ProcessingRules) -> Checkpoint:
    """Return the checkpoint to begin with where there is none: one chunk before the last closed hour."""
    start = closed_until - rules.chunk
    return Checkpoint(version=0, processed_from=start, processed_until=start, hours={}, made_with=rules.made_with)


def range_checkpoint(start: datetime, end: datetime, closed_until: datetime) -> tuple[Checkpoint, datetime]:
    """Return the checkpoint and the closed hour by which a range is computed, whatever was done before.

    The steps then compute every window end in (start, end], widened to whole hours. The listing must reach from
    `rules.lookback` before the start; the checkpoints are not for storing.
    """
    begins = closed_hour(start)
    ends = min(begins + _whole_hours(end - begins), closed_until)
    return Checkpoint(version=0, processed_from=begins, processed_until=begins, hours={}), ends


def first_listed_hour(checkpoint: Checkpoint, rules: ProcessingRules) -> datetime:
    """Return the first hour whose sources a run must list; the last is the one before the last closed hour."""
    return max(checkpoint.processed_from - rules.lookback, checkpoint.processed_until - rules.memory)


def refuse_the_future(checkpoint: Checkpoint, now: datetime) -> None:
    """Raise FutureMomentError where a checkpoint reaches further than the clock, by more than clocks disagree.

    Otherwise every run until then would find nothing to do, and say that all is well.
    """
    if checkpoint.processed_until > now + HOUR:
        raise FutureMomentError(
            "the checkpoint",
            checkpoint.processed_until,
            now,
            "Restore the previous version of processed/checkpoint.json",
        )


def adapted(checkpoint: Checkpoint, rules: ProcessingRules) -> Checkpoint:
    """Return the checkpoint by the rules of today: where the hop or the features changed, watched hours are due anew.

    Buckets of another hop do not merge with those of this one, and those by other rules of running leave out other
    readings, so all watched ones are built again; rows of hours that are no longer watched stay as they were computed.
    """
    if checkpoint.made_with == rules.made_with:
        return checkpoint
    due = dict(checkpoint.due)
    hours = checkpoint.hours
    if checkpoint.made_with is not None:
        is_other_hop = checkpoint.made_with["hop"] != rules.made_with["hop"]
        # The first partition too, where rows on the grid of the other hop would stay.
        first = checkpoint.processed_from + (timedelta(0) if is_other_hop else rules.hop)
        first = max(first, checkpoint.processed_until - rules.memory)
        due |= {hour_text(hour): None for hour in _hours(closed_hour(first), checkpoint.processed_until)}
        is_other_rule = checkpoint.made_with.get("running", "") != rules.running
        hours = {} if is_other_hop or is_other_rule else hours
    update = {
        "version": checkpoint.version + 1,
        "made_with": rules.made_with,
        "due": dict(sorted(due.items())),
        "hours": hours,
    }
    return checkpoint.model_copy(update=update)


def changed_hours(
    listing: Listing, checkpoint: Checkpoint, rules: ProcessingRules, closed_until: datetime
) -> dict[datetime, bool]:
    """Return the watched, closed hours that hold other readings than their buckets were built from, oldest first.

    True: only the raw objects beside the compacted one are others, so that only their machines' buckets change.
    """
    watched_from = first_listed_hour(checkpoint, rules)
    changed: dict[datetime, bool] = {}
    for hour, sources in sorted(listing.items()):
        if not watched_from <= hour < closed_until:
            continue
        built = checkpoint.built(hour_text(hour))
        now = Built.of(sources, 0)
        if built is None or (sources.compacted is not None and built.compacted != now.compacted):
            changed[hour] = False
        elif sources.raw and built.raw_digest != now.raw_digest:
            # Without a compacted object it is unknown which of the raw objects are new.
            changed[hour] = sources.compacted is not None
    return changed


def after_building(checkpoint: Checkpoint, results: Mapping[datetime, Rebuilt], rules: ProcessingRules) -> Checkpoint:
    """Return the checkpoint once hours are built: what they were built from is noted, and what follows is due."""
    due = dict(checkpoint.due)
    hours = dict(checkpoint.hours)
    for hour, (built, machines) in sorted(results.items()):
        hours[hour_text(hour)] = built.text
        for affected in _affected(hour, checkpoint, rules):
            due[affected] = _united(due.get(affected, ()), machines)
    due = {text: machines for text, machines in due.items() if machines is None or machines}
    watched_from = hour_text(first_listed_hour(checkpoint, rules))
    kept = {text: hours[text] for text in sorted(hours) if text >= watched_from}
    return checkpoint.model_copy(
        update={"version": checkpoint.version + 1, "hours": kept, "due": dict(sorted(due.items()))}
    )


def next_computation(
    checkpoint: Checkpoint, rules: ProcessingRules, closed_until: datetime, *, hours: int | None = None
) -> Computation | None:
    """Return the oldest feature rows that remain to be computed; None where there are none.

    All changed hours must have been built. closed_until: `closed_hour` of the present. hours: the most event time to
    take, 1 to `rules.chunk_hours` (the default).
    """
    room = hours or rules.chunk_hours
    taken: dict[datetime, frozenset[str] | None] = {}
    for text, machines in checkpoint.due.items():
        if len(taken) == _MOST_NARROW_HOURS or (machines is None and room == 0):
            break
        room -= machines is None
        taken[hour_of_text(text)] = None if machines is None else frozenset(machines)
    remaining = {text: machines for text, machines in checkpoint.due.items() if hour_of_text(text) not in taken}
    until = checkpoint.processed_until
    limit = until
    if not remaining and room and until < closed_until:
        limit = _limit(checkpoint, rules, until, room, closed_until)
        taken |= dict.fromkeys(hours_with_rows(checkpoint, rules, limit))
    if not taken and limit == until:
        return None
    ranges = tuple(window_ranges(taken, limit, rules))
    unoffered = [window_range.hours[0] for window_range in ranges]
    unoffered += [checkpoint.unoffered_from] if checkpoint.unoffered_from else []
    update = {
        "version": checkpoint.version + 1,
        "processed_until": limit,
        "due": remaining,
        "unoffered_from": min(unoffered, default=None),
    }
    return Computation(ranges, checkpoint.model_copy(update=update))


def hours_with_rows(checkpoint: Checkpoint, rules: ProcessingRules, limit: datetime) -> list[datetime]:
    """Return the hours of the window ends after `checkpoint.processed_until`, up to `limit`, that can have rows."""
    first = closed_hour(checkpoint.processed_until + rules.hop)
    return [hour for hour in _hours(first, limit) if _has_data(hour, checkpoint, rules)]


def _limit(
    checkpoint: Checkpoint, rules: ProcessingRules, until: datetime, room: int, closed_until: datetime
) -> datetime:
    """Return up to when new rows are computed: `room` hours on, or as far as no window holds a reading."""
    limit = min(until + room * HOUR, closed_until)
    while limit < closed_until and not any(
        _has_data(hour, checkpoint, rules) for hour in _hours(closed_hour(until + rules.hop), limit + HOUR)
    ):
        limit += HOUR
    return limit


def _has_data(hour_of_window_ends: datetime, checkpoint: Checkpoint, rules: ProcessingRules) -> bool:
    """Whether any window that ends in an hour can hold a reading."""
    first, last = hour_text(hour_of_window_ends - rules.lookback), hour_text(hour_of_window_ends)
    return any(first <= text <= last for text in checkpoint.hours)


def _affected(changed: datetime, checkpoint: Checkpoint, rules: ProcessingRules) -> Iterator[str]:
    """Yield the hours with computed window ends that see readings of an hour."""
    first = max(changed + rules.hop, checkpoint.processed_from + rules.hop)
    last = min(changed + HOUR + rules.longest_length - rules.hop, checkpoint.processed_until)
    if first <= last:
        for hour in _hours(closed_hour(first), last):
            yield hour_text(hour)


def _united(one: Iterable[str] | None, other: frozenset[str] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return None
    both = frozenset(one) | other
    return tuple(sorted(both)) if len(both) <= _MOST_MACHINES else None


def window_ranges(
    taken: Mapping[datetime, frozenset[str] | None], limit: datetime, rules: ProcessingRules
) -> Iterator[WindowRange]:
    """Yield the window ranges of feature partitions: consecutive hours of all machines, or of few, in one."""
    hours = sorted(taken)
    first = 0
    for index in range(1, len(hours) + 1):
        is_whole = taken[hours[first]] is None
        if index < len(hours) and hours[index] - hours[index - 1] == HOUR and (taken[hours[index]] is None) == is_whole:
            continue
        names = [taken[hour] or frozenset() for hour in hours[first:index]]
        yield WindowRange(
            hours=tuple(hours[first:index]),
            start=hours[first] - rules.hop,
            end=min(hours[index - 1] + HOUR - rules.hop, limit),
            machines=None if is_whole else frozenset[str]().union(*names),
        )
        first = index


def _hours(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += HOUR


def _whole_hours(span: timedelta) -> timedelta:
    return -(-span // HOUR) * HOUR
