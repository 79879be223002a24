"""The quarantine of a lake: refused messages, counted and read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from heapq import nlargest
from typing import NamedTuple

from handlers.stores.lake import DataLake
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import QUARANTINE_PREFIX, QuarantineRecord, decode_quarantine

AT_ONCE = 500
UNREADABLE = "UNREADABLE"
"""Counted in the place of a reason: an object under quarantine/ that is no record of a refused message."""


class Refused(NamedTuple):
    """A message in quarantine and the key of the object that holds it."""

    key: str
    record: QuarantineRecord


class Unreadable(NamedTuple):
    """An object of the quarantine that holds no record: damaged, or not ours."""

    key: str
    problem: str


class Quarantine:
    """The quarantine of one lake."""

    def __init__(self, lake: DataLake) -> None:
        self._lake = lake

    def keys(self, days: Iterable[date]) -> list[str]:
        """The keys of what was received on these days, in order."""
        return list(self._lake.versions_under(f"{QUARANTINE_PREFIX}date={day:%Y-%m-%d}/" for day in days))

    def records(self, keys: list[str]) -> Iterator[Refused | Unreadable]:
        """The messages under ``keys``, read in parallel, so many at a time that memory stays bounded."""
        for first in range(0, len(keys), AT_ONCE):
            part = keys[first : first + AT_ONCE]
            for key, body in zip(part, self._lake.read_all(part), strict=True):
                yield _opened(key, body)

    def newest(self, days: Iterable[date], count: int, wanted: Callable[[QuarantineRecord], bool]) -> list[Refused]:
        """The last ``count`` messages of these days that are ``wanted``, the latest received first."""
        found: list[Refused] = []
        for day in sorted(days, reverse=True):
            records = self.records(self.keys([day]))
            matching = (one for one in records if isinstance(one, Refused) and wanted(one.record))
            found += nlargest(count - len(found), matching, key=lambda one: (one.record.received_at, one.key))
            if len(found) == count:
                break
        return found

    def reasons(self, days: Iterable[date]) -> dict[str, int]:
        """How many readings and events of these days were refused for each reason, the most frequent first."""
        counts: Counter[str] = Counter()
        for one in self.records(self.keys(days)):
            if isinstance(one, Refused):
                counts[one.record.reason] += one.record.readings
            else:
                counts[UNREADABLE] += 1
        return dict(counts.most_common())


def _opened(key: str, body: bytes) -> Refused | Unreadable:
    try:
        return Refused(key, decode_quarantine(body))
    except MalformedObjectError as error:
        return Unreadable(key, error.message)


def days_until(last: datetime, count: int) -> list[date]:
    """The ``count`` UTC days up to the one of ``last``, oldest first."""
    today = last.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
