"""The readings of the lake wherever they lie: in the raw objects of an hour, or in its compacted one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date

import polars as pl

from handlers.stores.lake import DataLake, ObjectMovedError
from handlers.stores.partitions import decode_parquet
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import COMPACTED_PREFIX, RAW_PREFIX, OnMalformed, decode_readings
from mlops_core.telemetry import split_corrected, union_readings

_LOOKS = 5
OnDamagedObject = Callable[[str, str], object]
"""Takes the key of an object that cannot be read, and why."""


def stored_versions(lake: DataLake, paths: Iterable[str]) -> dict[str, str]:
    """Return the versions (ETags) of all objects with readings under some paths (`date=2026-11-21/hour=10/`)."""
    paths = list(paths)
    raw = lake.versions_under(f"{RAW_PREFIX}{path}" for path in paths)
    return raw | lake.versions_under(
        f"{COMPACTED_PREFIX}{path}" for path in paths
    )  # what has left raw/ is there by now


def stored_dates(lake: DataLake) -> set[date]:
    """Return the days (UTC, of event time) that the lake holds readings of."""
    folders = [name for prefix in (RAW_PREFIX, COMPACTED_PREFIX) for name in lake.folders(prefix)]
    return {date.fromisoformat(name.removeprefix("date=")) for name in folders if name.startswith("date=")}


def read_objects(
    lake: DataLake,
    keys: Iterable[str],
    *,
    on_malformed: OnMalformed | None = None,
    on_damaged: OnDamagedObject | None = None,
) -> pl.DataFrame:
    """Return the readings of listed objects, raw or compacted, without those that a correction among them replaces.

    A damaged object is handed to `on_damaged`, key and problem, and affects no other; without that argument it is a
    MalformedObjectError that names the key. Raises ObjectMovedError where an object was taken in since.
    """
    keys = sorted(keys)
    raw = [key for key in keys if key.startswith(RAW_PREFIX)]
    compacted = [key for key in keys if not key.startswith(RAW_PREFIX)]

    def parquet(bodies: Sequence[bytes]) -> pl.DataFrame:
        return union_readings([decode_parquet(body) for body in bodies])

    def lines(bodies: Sequence[bytes]) -> pl.DataFrame:
        return decode_readings(bodies, on_malformed=on_malformed)

    frames: list[pl.DataFrame] = []
    for named, decode in ((compacted, parquet), (raw, lines)):
        bodies = lake.read_listed(named)
        try:
            frames += [decode(bodies)] if bodies else []
        except MalformedObjectError:
            frames += _each(dict(zip(named, bodies, strict=True)), decode, on_damaged)
    return split_corrected(union_readings(frames))[0]


def _each(
    bodies: Mapping[str, bytes], decode: Callable[[Sequence[bytes]], pl.DataFrame], on_damaged: OnDamagedObject | None
) -> Iterator[pl.DataFrame]:
    for key, body in bodies.items():
        try:
            yield decode([body])
        except MalformedObjectError as error:
            if on_damaged is None:
                raise MalformedObjectError(key, error.problem, "See what can be done: mlops doctor") from error
            on_damaged(key, error.problem)


def stored_readings(
    lake: DataLake,
    paths: Iterable[str] = ("",),
    *,
    on_malformed: OnMalformed | None = None,
    on_damaged: OnDamagedObject | None = None,
) -> pl.DataFrame:
    """Return all readings under some paths, looking again where objects are compacted meanwhile."""
    paths = list(paths)

    def read() -> pl.DataFrame:
        return read_objects(lake, stored_versions(lake, paths), on_malformed=on_malformed, on_damaged=on_damaged)

    for _ in range(_LOOKS - 1):
        with suppress(ObjectMovedError):
            return read()
    return read()
