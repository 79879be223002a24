"""Units and epochs of times that are given as numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from mlops_core.time import EPOCH

_FILETIME_ORIGIN: Final = datetime(1601, 1, 1, tzinfo=UTC)
_EXCEL_ORIGIN: Final = datetime(1899, 12, 30, tzinfo=UTC)

PER_MICROSECOND: Final[Mapping[str, int]] = {"ns": 1000, "100ns": 10, "filetime": 10}
"""Units finer than a microsecond: InfluxDB counts nanoseconds, Windows (FILETIME) and PI hundreds of them."""

STEPS: Final[Mapping[str, timedelta]] = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "excel": timedelta(days=1),
}

DEFAULT_ORIGINS: Final[Mapping[str, datetime]] = {
    **dict.fromkeys(("s", "ms", "us", "ns"), EPOCH),
    "100ns": _FILETIME_ORIGIN,
    "filetime": _FILETIME_ORIGIN,
    "excel": _EXCEL_ORIGIN,
}
