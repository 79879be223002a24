"""How many readings a run of processing holds at once, and which machines are taken together where an hour has more."""

from collections.abc import Mapping
from typing import Final

_RUN_MB: Final = 190  # the process with its libraries, listings and buckets
_READING_BYTES: Final = 500  # while an hour is compacted, the copies that sorting and encoding make included
_FEWEST: Final = 100_000  # as many as one raw object of a bulk import may hold

_LINE_BYTES: Final = 132  # a line of a raw object without machine, channel and value
_MOST_TIMES_SMALLER: Final = 64  # beyond that, what the trailer says of the length is damage and no compression


def readings_that_fit(memory_mb: int) -> int:
    """Return how many readings of one hour a function with so much memory holds while it compacts and builds it."""
    return max(_FEWEST, (memory_mb - _RUN_MB) * 1_000_000 // _READING_BYTES)


def readings_in_object(body: bytes) -> int:
    """Return how many readings a raw object holds at most, by the length that its gzip trailer states (RFC 1952)."""
    length = int.from_bytes(body[-4:], "little")
    return min(length, _MOST_TIMES_SMALLER * len(body)) // _LINE_BYTES


def machines_together(counts: Mapping[str, int], most: int) -> list[tuple[str, ...]]:
    """Return all machines in order, in groups that have at most `most` readings each; one that has more stands alone.

    Args:
        counts: readings by machine.
        most: readings that fit at once.

    """
    groups: list[list[str]] = []
    room = 0
    for name, count in sorted(counts.items()):
        if count > room or not groups:
            groups.append([])
            room = most
        groups[-1].append(name)
        room -= count
    return [tuple(group) for group in groups]
