"""Are they all in the lake? Counts which of some readings the lake holds, reading each of its objects once."""

import time
from collections.abc import Callable

import polars as pl

from handlers.stores.lake import DataLake
from mlops_core.lake import RAW_PREFIX, decode_readings
from ops.console import Advance

_IDENTITY_AND_VALUE = ["machine_id", "channel", "event_timestamp", "value"]
OBJECTS_AT_ONCE = 500


class Reconciliation:
    """Readings looked for in the raw part of a lake. ``missing`` are those not found yet."""

    def __init__(self, lake: DataLake, readings: pl.DataFrame) -> None:
        self._lake = lake
        self._seen: set[str] = set()
        self.missing = readings

    def look(self) -> int:
        """Read what is new under the dates of what is missing; returns how many readings it brought to light."""
        before = self.missing.height
        dates = self.missing["event_timestamp"].dt.date().unique().sort()
        listed = self._lake.versions_under(f"{RAW_PREFIX}date={date:%Y-%m-%d}/" for date in dates)
        new = [key for key in listed if key not in self._seen]
        for first in range(0, len(new), OBJECTS_AT_ONCE):
            keys = new[first : first + OBJECTS_AT_ONCE]
            # A malformed line is none of the readings looked for.
            found = decode_readings(self._lake.read_all(keys), on_malformed=lambda _: None)
            self.missing = self.missing.join(found, on=_IDENTITY_AND_VALUE, how="anti")
            self._seen.update(keys)
        return before - self.missing.height

    def wait(
        self,
        advance: Advance,
        *,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> bool:
        """Look until nothing is missing: True; or until nothing more has arrived for ``patience_seconds``: False."""
        last_arrival = clock()
        while True:
            if found := self.look():
                advance(found)
                last_arrival = clock()
            if self.missing.is_empty():
                return True
            if clock() - last_arrival > patience_seconds:
                return False
            sleep(2)
