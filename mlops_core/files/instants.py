"""Times as other systems write them, as instants in UTC; what is no time, or not one, is null."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from mlops_core.errors import InvalidArgumentError
from mlops_core.files.layout import FileLayout
from mlops_core.files.units import PER_MICROSECOND
from mlops_core.telemetry import TIMESTAMP
from mlops_core.time import MICROSECOND

# The profile that messages are read by, and dates and times without an offset, which a zone completes.
_ISO: Final = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$"
_CARRIES_OFFSET: Final = r"T.*[+-]\d{2}:?\d{2}$"
_FIXED_OFFSET: Final = re.compile(r"([+-])(0\d|1[0-4]):?([0-5]\d)")
_EARLIEST, _LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def read_instants(times: pl.Series, layout: FileLayout) -> pl.Series:
    """Return `times` as Datetime('us', 'UTC'), in their order; null where one cannot be read.

    A time that a change of clocks skips or repeats in its zone is null, too: guessing would move it by an hour. Digits
    beyond the microsecond are cut.

    Raises:
        InvalidArgumentError: the layout does not say what is needed: the unit of numbers, the zone of times without
            an offset.

    """
    if isinstance(times.dtype, pl.Categorical | pl.Enum):
        times = times.cast(pl.String)
    if layout.origin is not None:
        return _numbered(times, layout, layout.origin)
    if times.dtype == pl.String:
        return _written(times, layout)
    if isinstance(times.dtype, pl.Null) or (isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone is not None):
        return times.cast(TIMESTAMP)
    if isinstance(times.dtype, pl.Date | pl.Datetime):
        return _zoned(times.cast(pl.Datetime("us")), layout.time_zone)
    raise _unit_missing(times)


def _unit_missing(times: pl.Series) -> InvalidArgumentError:
    return InvalidArgumentError(
        "time_unit", None, f"column {times.name!r} holds numbers, not times",
        'Say what they count: time_unit="ms" since 1970; or time_origin=2024-01-01T00:00:00Z with time_unit="10m"',
    )  # fmt: skip


def _numbered(times: pl.Series, layout: FileLayout, origin: datetime) -> pl.Series:
    if times.dtype == pl.String:
        times = times.str.strip_chars()
        if layout.decimal_comma:
            times = times.str.replace(",", ".", literal=True)
    elif not times.dtype.is_numeric():
        raise InvalidArgumentError(
            "time_unit", layout.time_unit, f"is of numbers, and column {times.name!r} is {times.dtype}", "Leave it out"
        )
    step = layout.step
    if step is None:  # as integers: of 18 digits a double would lose some
        return _since(origin, times.cast(pl.Int64, strict=False) // PER_MICROSECOND[layout.time_unit or "ns"])
    return _since(origin, (times.cast(pl.Float64, strict=False) * (step // MICROSECOND)).round())


def _since(origin: datetime, microseconds: pl.Series) -> pl.Series:
    least, most = (_EARLIEST - origin) // MICROSECOND, (_LATEST - origin) // MICROSECOND
    offsets = pl.DataFrame({"us": microseconds}).select(
        pl.when(pl.col("us").is_between(least, most)).then("us").cast(pl.Int64).cast(pl.Duration("us"))
    )
    return offsets.select(pl.lit(origin, TIMESTAMP) + pl.col("us")).to_series()


def _written(times: pl.Series, layout: FileLayout) -> pl.Series:
    texts = times.str.strip_chars()
    if layout.time_format is not None:
        # Python's %f follows a point and counts from the left; polars' own counts nanoseconds, and %z reads no Z.
        form = layout.time_format.replace(".%f", "%.f")
        if form.endswith("%z"):
            texts = texts.str.replace("[Zz]$", "+00:00")
        try:
            read = texts.str.to_datetime(form, time_unit="us", strict=False)
        except pl.exceptions.ComputeError as error:
            why = str(error).splitlines()[0].rstrip(".")
            raise InvalidArgumentError("time_format", layout.time_format, f"reads no times: {why}") from None
        return read if read.dtype == TIMESTAMP else _zoned(read, layout.time_zone)
    text = pl.col("text")
    notation = pl.DataFrame({"text": texts}).select(
        pl.when(text.str.contains(_ISO)).then(
            text.str.replace(" ", "T", literal=True)
            .str.replace("Z", "+00:00", literal=True)
            .str.replace(",", ".", literal=True)
            .str.replace(r"(T.*[+-]\d{2})$", "${1}:00")
        )
    )
    carries_offset = text.str.contains(_CARRIES_OFFSET)
    naive = notation.select(pl.when(~carries_offset).then(text)).to_series()
    if notation["text"].count() == 0 and texts.cast(pl.Float64, strict=False).count() > 0:
        raise _unit_missing(times)
    unzoned = _first_that_reads(naive, ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d"))
    aware = notation.select(pl.when(carries_offset).then(text)).to_series()
    zoned = _first_that_reads(aware, ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z")).cast(TIMESTAMP)
    if unzoned.count() == 0:
        return zoned
    return pl.select(pl.coalesce(zoned, _zoned(unzoned, layout.time_zone))).to_series()


def _first_that_reads(texts: pl.Series, formats: tuple[str, ...]) -> pl.Series:
    return pl.select(
        pl.coalesce([texts.str.to_datetime(form, time_unit="us", strict=False) for form in formats])
    ).to_series()


def _zoned(times: pl.Series, zone: str | None) -> pl.Series:
    if not zone:
        if times.count() == 0:
            return times.cast(TIMESTAMP)
        raise InvalidArgumentError(
            "time_zone", zone, f"{times.count():,} times say no offset from UTC",
            'Say which zone they are of: time_zone="UTC", or an IANA name such as America/Sao_Paulo',
        )  # fmt: skip
    if (fixed := _FIXED_OFFSET.fullmatch(zone)) is not None:
        offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        return times.dt.replace_time_zone("UTC").cast(TIMESTAMP) - (offset if fixed[1] == "+" else -offset)
    try:
        return times.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").cast(TIMESTAMP)
    except pl.exceptions.ComputeError:
        raise InvalidArgumentError(
            "time_zone",
            zone,
            "There is no time zone of this name",
            "Give UTC, an IANA name such as America/Sao_Paulo, or an offset such as +02:00",
        ) from None
