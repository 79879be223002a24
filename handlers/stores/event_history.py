"""The events that features count: one Parquet object a day, and of what lies further back only the last of each code.

    events/date=D/hour=HH/*.jsonl.gz  ->  processed/events/date=D.parquet  ->  processed/events/earlier.parquet
    as received                           by the object that brought it        the last of each code before `until`

A day's object names the objects that it was made of, so only new ones are read, and one that is delivered again changes
nothing. Days from `until` on are looked at in every run; an event that comes for an earlier day (a device may mark it
as historical) is taken in by the next training. Failures are read from the label history, where people correct them.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
from aws_lambda_powertools import Logger

from handlers.stores.damage import DamageRecords
from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from handlers.stores.partitions import DamagedPartitionError, Partitions
from mlops_core.errors import MalformedObjectError
from mlops_core.features import FeatureRecipe, last_events
from mlops_core.lake import (
    EARLIER_EVENTS_KEY,
    EVENT_DAYS_PREFIX,
    EVENTS_PREFIX,
    MalformedLine,
    decode_events,
    event_day_key,
)
from mlops_core.telemetry import EVENTS, FAILURE_KIND, FAILURES, TIMESTAMP
from mlops_core.time import parse_duration

logger = Logger(child=True)

_DAY: Final = timedelta(days=1)
_DAYS_AT_ONCE: Final = 32
_LATE: Final = timedelta(days=4)
_MOST_OBJECTS: Final = 3000
"""What one run of processing reads of a history that it meets for the first time; the next goes on."""
_SOURCE: Final = "source"
_UNTIL: Final = "until"
_IDENTITY: Final = list(EVENTS)


class EventHistory:
    """The events as they were when this run looked at the lake, and as it has taken them in since."""

    def __init__(
        self, lake: DataLake, recipe: FeatureRecipe, labels: LabelHistory, records: DamageRecords | None = None
    ) -> None:
        self._lake = lake
        self._labels = labels
        self._records = records
        self._kinds = {name.partition("/")[0] for name in recipe.events}
        self._longest = max(map(parse_duration, recipe.event_lengths))
        self._partitions = Partitions(lake, [EVENT_DAYS_PREFIX], held=EVENT_DAYS_PREFIX)

    def take_in_new(self, now: datetime) -> None:
        """Take in the new events of the days that are looked at, and let days that no window reaches pass out of them.

        Raises ObjectMovedError where another run was faster.
        """
        earlier = self._earlier()
        days = self._days() if earlier is None else [day for day in self._days() if day >= _day(_until(earlier))]
        if not self._take_in(days, most=_MOST_OBJECTS):
            return
        until = datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC) - _whole_days(self._longest)
        if earlier is None or _until(earlier) < until:
            self._keep_earlier(earlier, until)

    def take_in_all(self) -> None:
        """Take in whatever events there are, those of earlier days too. Raises ObjectMovedError."""
        self._take_in(self._days(), most=None)
        earlier = self._earlier()
        if earlier is not None:
            self._keep_earlier(earlier, _until(earlier))

    def for_windows(self, first: datetime) -> pl.DataFrame:
        """Return the frame EVENTS that rows need whose earliest window ends at `first`."""
        earlier = self._earlier()
        days = self._stored_days()
        frames: list[pl.DataFrame] = []
        if earlier is not None and _until(earlier) <= first - self._longest:
            frames = [earlier]
            days = [day for day in days if day >= _day(_until(earlier))]
        frames += self._read(days).values()
        is_counted = pl.col("kind").is_in(sorted(self._kinds - {FAILURE_KIND}))
        known = [pl.DataFrame(schema=EVENTS), *(frame.select(_IDENTITY).filter(is_counted) for frame in frames)]
        if FAILURE_KIND in self._kinds:
            failures = pl.DataFrame(self._labels.load_all(), schema=FAILURES)
            known.append(failures.with_columns(kind=pl.lit(FAILURE_KIND)).select(_IDENTITY))
        return pl.concat(known).unique()

    def _days(self) -> list[str]:
        """Return the days, `date=YYYY-MM-DD`, of which events were received, in order."""
        return self._lake.folders(EVENTS_PREFIX)

    def _stored_days(self) -> list[str]:
        days = self._partitions.under(f"{EVENT_DAYS_PREFIX}date=")
        return [key.removeprefix(EVENT_DAYS_PREFIX).removesuffix(".parquet") for key in days]

    def _take_in(self, days: Sequence[str], *, most: int | None) -> bool:
        """Read the objects of days that those days' own do not name; returns whether none is left."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for key, version in self._lake.versions_under(f"{EVENTS_PREFIX}{day}/" for day in days).items():
            if self._records is None or not self._records.is_set_aside(key, version):
                found[key.split("/")[1]].append(key)
        left = most
        names = list(found)
        for first in range(0, len(names), _DAYS_AT_ONCE):
            some = names[first : first + _DAYS_AT_ONCE]
            stored = self._read(some, is_made_again=True)
            for day in some:
                known = stored.get(day, pl.DataFrame(schema={**EVENTS, _SOURCE: pl.String()}))
                named = set(known[_SOURCE].unique())
                new = [key for key in found[day] if _source(key) not in named][:left]
                if new:
                    rows = pl.concat([known, *map(self._decoded, new, self._lake.read_all(new))])
                    self._partitions.write({event_day_key(day): rows.sort(_SOURCE, *_IDENTITY)})
                if left is not None:
                    left -= len(new)
                    if left == 0:
                        return False
        return True

    def _decoded(self, key: str, body: bytes) -> pl.DataFrame:
        def log(line: MalformedLine) -> None:
            logger.error("A line is no event", extra={"key": key, "line": line.line_number, "problem": line.problem})

        try:
            events = decode_events([body], on_malformed=log)
        except MalformedObjectError as error:
            logger.error("Events that cannot be read: mlops doctor", extra={"key": key, "problem": error.message})  # noqa: TRY400 - the message says it all
            events = pl.DataFrame(schema=EVENTS)
        return events.select(_IDENTITY).with_columns(pl.lit(_source(key)).alias(_SOURCE))

    def _read(self, days: Sequence[str], *, is_made_again: bool = False) -> dict[str, pl.DataFrame]:
        """Return the objects of days, without damaged ones; of a day that is looked at it is made again at once."""
        by_key = {event_day_key(day): day for day in days}
        existing = {key: by_key[key] for key in self._partitions.under_any(by_key)}
        try:
            frames = self._partitions.read(existing)
        except DamagedPartitionError:
            frames, damaged = self._partitions.read_undamaged(existing)
            self._note(damaged, is_made_again=is_made_again)
        return {existing[key]: frame for key, frame in frames.items()}

    def _earlier(self) -> pl.DataFrame | None:
        frames, damaged = self._partitions.read_undamaged([EARLIER_EVENTS_KEY])
        self._note(damaged, is_made_again=True)
        return frames.get(EARLIER_EVENTS_KEY)

    def _note(self, damaged: Sequence[DamagedPartitionError], *, is_made_again: bool) -> None:
        for error in damaged:
            if self._records is None:
                logger.error("Damaged: mlops doctor", extra={"key": error.key, "problem": error.problem})
            else:
                self._records.note(error.key, error.version, error.problem, is_mended=is_made_again)

    def _keep_earlier(self, earlier: pl.DataFrame | None, until: datetime) -> None:
        """Write the last events before `until`, of its days and of what is known, where that is any news."""
        days = [day for day in self._stored_days() if day < _day(until)]
        known = [pl.DataFrame(schema=EVENTS), *([] if earlier is None else [earlier]), *self._read(days).values()]
        last = last_events(pl.concat(frame.select(_IDENTITY) for frame in known), until)
        rows = last.select(_IDENTITY).sort(_IDENTITY).with_columns(pl.lit(until, dtype=TIMESTAMP).alias(_UNTIL))
        if rows.height and (earlier is None or not rows.equals(earlier)):
            self._partitions.write({EARLIER_EVENTS_KEY: rows})


def _source(key: str) -> str:
    """Return a short name of an object of events: the beginning of its content's hash."""
    return key.rpartition("/")[2][:16]


def _until(earlier: pl.DataFrame) -> datetime:
    return earlier[_UNTIL][0]


def _day(at: datetime) -> str:
    return f"date={at:%Y-%m-%d}"


def _whole_days(span: timedelta) -> timedelta:
    """Return whole days that hold a span before rows of some days ago, which late readings make anew."""
    return -(-(span + _LATE) // _DAY) * _DAY
