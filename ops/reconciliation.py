"""Are they all in the lake? Counts which of some readings the lake holds, reading each of its objects once."""

import time

import polars as pl

from handlers.stores import DataLake, ObjectMovedError, read_objects, stored_versions
from ops.console import Advance

_IDENTITY_AND_VALUE = ["machine_id", "channel", "event_timestamp", "value"]
OBJECTS_AT_ONCE = 500


class Reconciliation:
    """Readings looked for in a lake, raw or compacted. ``missing`` are those not found yet."""

    def __init__(self, lake: DataLake, readings: pl.DataFrame) -> None:
        self._lake = lake
        self._seen: set[tuple[str, str]] = set()
        self.missing = readings

    def look(self) -> int:
        """Read what is new under the dates of what is missing; returns how many readings it brought to light."""
        before = self.missing.height
        dates = self.missing["event_timestamp"].dt.date().unique().sort()
        listed = stored_versions(self._lake, (f"date={date:%Y-%m-%d}/" for date in dates))
        new = [item for item in listed.items() if item not in self._seen]
        for first in range(0, len(new), OBJECTS_AT_ONCE):
            items = new[first : first + OBJECTS_AT_ONCE]
            try:  # a malformed line is none of the readings looked for
                found = read_objects(self._lake, (key for key, _ in items), on_malformed=lambda _: None)
            except ObjectMovedError:  # compacted since: the next look finds them there
                continue
            self.missing = self.missing.join(found, on=_IDENTITY_AND_VALUE, how="anti", nulls_equal=True)
            self._seen.update(items)
        return before - self.missing.height

    def wait(self, advance: Advance, *, patience_seconds: float) -> bool:
        """Look until nothing is missing: True; or until nothing more has arrived for ``patience_seconds``: False."""
        last_arrival = time.monotonic()
        while True:
            if found := self.look():
                advance(found)
                last_arrival = time.monotonic()
            if self.missing.is_empty():
                return True
            if time.monotonic() - last_arrival > patience_seconds:
                return False
            time.sleep(2)
