"""The readings of the lake wherever they lie: in the raw objects of an hour, or in its compacted one."""

from collections.abc import Iterable
from datetime import date

import polars as pl

from handlers.stores.lake import DataLake, ObjectMovedError
from mlops_core.lake import COMPACTED_PREFIX, RAW_PREFIX, OnMalformed, decode_readings
from mlops_core.telemetry import split_corrected, union_readings

_LOOKS = 5


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


def read_objects(lake: DataLake, keys: Iterable[str], *, on_malformed: OnMalformed | None = None) -> pl.DataFrame:
    """Return the readings of listed objects, raw or compacted, without those that a correction among them replaces.

    Raises ObjectMovedError where one was taken in since.
    """
    keys = sorted(keys)
    raw = [key for key in keys if key.startswith(RAW_PREFIX)]
    compacted = [key for key in keys if not key.startswith(RAW_PREFIX)]
    frames = [pl.read_parquet(body) for body in lake.read_listed(compacted)]
    if raw:
        frames.append(decode_readings(lake.read_listed(raw), on_malformed=on_malformed))
    return split_corrected(union_readings(frames))[0]


def stored_readings(
    lake: DataLake, paths: Iterable[str] = ("",), *, on_malformed: OnMalformed | None = None
) -> pl.DataFrame:
    """Return all readings under some paths, looking again where objects are compacted meanwhile."""
    paths = list(paths)
    for _ in range(_LOOKS - 1):
        try:
            return read_objects(lake, stored_versions(lake, paths), on_malformed=on_malformed)
        except ObjectMovedError:
            continue
    return read_objects(lake, stored_versions(lake, paths), on_malformed=on_malformed)
