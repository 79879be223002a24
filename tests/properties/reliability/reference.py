"""Feature rows as their definition reads, for the few statistics that histories look at: exact in any arithmetic."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests.properties.reliability.messages import FIELDS, ReadingFact

STATISTICS = ("count", "max", "last")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def feature_rows(
    readings: Iterable[ReadingFact],
    lengths: tuple[timedelta, ...],
    hop: timedelta,
    start: datetime,
    end: datetime,
    channels: Iterable[str] = tuple(FIELDS),
) -> dict[tuple[str, datetime], Row]:
    """The rows with start < window_end <= end that have any reading in the longest window, by machine and window end.

    Of two values for one identity the larger counts; the revision counts both.
    """
    rows: dict[tuple[str, datetime], Row] = {}
    facts = [(each.machine_id, each.channel, moment(each.event_timestamp), each.value) for each in readings]
    window_end = start + hop - (start - EPOCH) % hop
    while window_end <= end:
        inside = [reading for reading in facts if window_end - max(lengths) <= reading[2] < window_end]
        for machine_id in {reading[0] for reading in inside}:
            own = [reading for reading in inside if reading[0] == machine_id]
            row: Row = {"machine_id": machine_id, "window_end": window_end, "revision": len(own)}
            for channel in channels:
                for length in lengths:
                    largest: dict[datetime, float] = {}
                    for _, of, at, value in own:
                        if of == channel and at >= window_end - length:
                            largest[at] = max(value, largest.get(at, value))
                    name = f"{length // timedelta(hours=1)}h"
                    row[f"{channel}_count_{name}"] = len(largest)
                    row[f"{channel}_max_{name}"] = max(largest.values(), default=None)
                    row[f"{channel}_last_{name}"] = largest[max(largest)] if largest else None
            rows[machine_id, window_end] = row
        window_end += hop
    return rows


@cache
def moment(text: str) -> datetime:
    """The moment that a text of the lake names."""
    return datetime.fromisoformat(text)
