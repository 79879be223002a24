"""Compaction: the many small raw objects of a closed hour become one sorted Parquet object of its distinct readings.

Readings that come after that lie beside it as raw objects, and are taken in when there are many. What is taken in is a
set union, so an hour holds the same readings however often, and in whatever portions, its objects were taken in. The
bytes of the raw objects are kept, as one object: gzip members one behind the other are a gzip stream.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import polars as pl

from mlops_core.lake.keys import RawObject, Sources, replaced_key
from mlops_core.telemetry import union_readings

# An hour of one object is compact as it is. Late objects are taken in by eights: each makes the whole hour be written.
_FEWEST: Final = 2
_FEWEST_LATE: Final = 8

OBJECTS_AT_ONCE: Final = 20_000
"""Raw objects that are read and taken in together: what bounds the memory and the time that one step takes."""

_ORDER: Final = ("machine_id", "channel", "event_timestamp", "value")


def is_to_be_compacted(sources: Sources) -> bool:
    """Tell whether the raw objects of a closed hour are worth taking in."""
    return len(sources.raw) >= (_FEWEST if sources.compacted is None else _FEWEST_LATE)


def distinct_readings(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the union of readings, corrections among them, each distinct row once, by machine, channel, time, value.

    Two values for one identity are two rows: which of them counts is decided where they are used.
    """
    together = union_readings(frames)
    return together.unique(maintain_order=False).sort([*_ORDER, *together.columns[len(_ORDER) :]])


def replaced_object(hour: datetime, bodies: Sequence[bytes]) -> RawObject:
    """Return the object that keeps the bytes of raw objects which compaction took in, named by its content."""
    content = b"".join(bodies)
    return RawObject(replaced_key(hour, sha256(content).hexdigest()), content)
