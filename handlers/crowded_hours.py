"""Hours that hold more readings than memory does: what they are stored in is read in portions, machine by machine.

Readings are read once to count them by machine, and once for each group of machines that fits. A machine that alone
does not fit is left out by name; its readings stay where they are.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from handlers.stores import DataLake
from mlops_core.errors import MlopsError
from mlops_core.lake import OBJECTS_AT_ONCE, distinct_readings
from mlops_core.processing import machines_together, readings_in_object

_READ_AT_ONCE: Final = 64  # raw objects: what is read too much for a portion stays in memory


class CrowdedHourError(MlopsError):
    """The readings of an hour do not fit in memory together."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are more than {most:,} readings", "They are read in portions")


class RawBodies:
    """The bodies of raw objects in their order, read some at once."""

    def __init__(self, lake: DataLake, keys: Sequence[str]) -> None:
        self._lake = lake
        self._left = list(keys)
        self._read: dict[str, bytes] = {}

    @property
    def left(self) -> tuple[str, ...]:
        """The keys of what has not been taken."""
        return (*self._read, *self._left)

    def take(self, most: int, *, at_least_one: bool = False) -> dict[str, bytes]:
        """Return the next bodies, which hold at most so many readings together; none where the next does not fit."""
        taken: dict[str, bytes] = {}
        while len(taken) < OBJECTS_AT_ONCE and (self._read or self._left):
            if not self._read:
                names, self._left = self._left[:_READ_AT_ONCE], self._left[_READ_AT_ONCE:]
                self._read = dict(zip(names, self._lake.read_listed(names), strict=True))
            key, body = next(iter(self._read.items()))
            most -= readings_in_object(body)
            if most < 0 and (taken or not at_least_one):
                break
            taken[key] = self._read.pop(key)
        return taken


def count_by_machine(portions: Iterable[pl.DataFrame]) -> Mapping[str, int]:
    """Return the number of readings of each machine, duplicates included."""
    counts: Counter[str] = Counter()
    for portion in portions:
        counts.update(dict(portion["machine_id"].value_counts().iter_rows()))
    return counts


def by_machines(
    counts: Mapping[str, int],
    portions: Callable[[], Iterator[pl.DataFrame]],
    most: int,
    leave_out: Callable[[str, int], None],
) -> Iterator[pl.DataFrame]:
    """Yield the distinct readings of groups of machines, in the order of machines, at most so many at once.

    Args:
        counts: readings by machine, `count_by_machine` of the same portions.
        portions: reads everything anew, some readings at a time.
        most: distinct readings that fit in memory at once.
        leave_out: takes each machine that alone has more, and its number of readings, duplicates included.

    """
    for group in machines_together(counts, most):
        readings = _distinct_of(group, portions(), most)
        if readings is None:
            leave_out(group[0], counts[group[0]])
        else:
            yield readings


def _distinct_of(group: Sequence[str], portions: Iterator[pl.DataFrame], most: int) -> pl.DataFrame | None:
    """Return the distinct readings of some machines; None where there are more than fit."""
    parts: list[pl.DataFrame] = []
    for portion in portions:
        parts.append(portion.filter(pl.col("machine_id").is_in(group)))
        if sum(part.height for part in parts) > most:
            parts = [distinct_readings(parts)]
            if parts[0].height > most:
                return None
    return distinct_readings(parts)
