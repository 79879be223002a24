"""Times as other systems write them, as moments in UTC."""

from datetime import UTC, datetime, timedelta

import polars as pl

from ops.errors import OptionError
from ops.mapping import PER_MICROSECOND, HistoryMapping

INSTANT = pl.Datetime("us", "UTC")
_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST, _LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def read_instants(times: pl.Series, mapping: HistoryMapping) -> pl.Series:
    """``times`` as Datetime('us', 'UTC'), in their order; null where one cannot be read or does not exist in the zone.

    Raises OptionError where what the mapping says cannot be meant: numbers without an origin, times without an
    offset and no zone. A time that a change to winter makes ambiguous is null too: guessing would move the reading
    by an hour.
    """
    if mapping.time_origin is not None and mapping.time_unit in PER_MICROSECOND:
        return _counted_finely(times, mapping.time_origin, PER_MICROSECOND[mapping.time_unit])
    if mapping.time_origin is not None and mapping.step is not None:
        return _numbered(times, mapping.time_origin, mapping.step)
    if times.dtype == pl.String:
        return _written(times, mapping)
    if isinstance(times.dtype, pl.Datetime):
        if times.dtype.time_zone is not None:
            return times.cast(INSTANT)
        return _zoned(times.cast(pl.Datetime("us")), mapping.time_zone)
    if times.dtype == pl.Date:
        return _zoned(times.cast(pl.Datetime("us")), mapping.time_zone)
    raise _numbers_need_an_origin(mapping)


def _numbers_need_an_origin(mapping: HistoryMapping) -> OptionError:
    return OptionError(
        f"Column {mapping.time_column!r} holds numbers, not times.",
        "Say what they count from and in: --time-origin 1970-01-01T00:00:00Z --time-unit s, say.",
    )


def _numbered(times: pl.Series, origin: datetime, step: timedelta) -> pl.Series:
    steps = (
        times.str.strip_chars().cast(pl.Float64, strict=False) if times.dtype == pl.String else times.cast(pl.Float64)
    )
    return _since(origin, (steps * (step // _MICROSECOND)).round())


def _counted_finely(times: pl.Series, origin: datetime, per_microsecond: int) -> pl.Series:
    """As integers: of 18 digits a double would lose some. What lies between two microseconds is cut."""
    counts = times.str.strip_chars() if times.dtype == pl.String else times
    return _since(origin, counts.cast(pl.Int64, strict=False) // per_microsecond)


def _since(origin: datetime, microseconds: pl.Series) -> pl.Series:
    least, most = (_EARLIEST - origin) // _MICROSECOND, (_LATEST - origin) // _MICROSECOND
    offsets = pl.DataFrame({"us": microseconds}).select(
        pl.when(pl.col("us").is_between(least, most)).then("us").cast(pl.Int64).cast(pl.Duration("us"))
    )
    return offsets.select(pl.lit(origin, INSTANT) + pl.col("us")).to_series()


def _written(times: pl.Series, mapping: HistoryMapping) -> pl.Series:
    texts = times.str.strip_chars()
    if mapping.time_format is not None:
        # Python's %f follows a point and counts from the left; polars' own counts nanoseconds, and %z reads no Z.
        form = mapping.time_format.replace(".%f", "%.f")
        if form.endswith("%z"):
            texts = texts.str.replace("[Zz]$", "+00:00")
        read = texts.str.to_datetime(form, time_unit="us", strict=False)
        return read if read.dtype == INSTANT else _zoned(read, mapping.time_zone)
    # What live ingestion reads is read here: a fraction after a comma, and an offset of hours alone.
    isolike = pl.DataFrame(
        {
            "t": texts.str.replace(" ", "T")
            .str.replace("Z$", "+00:00")
            .str.replace(r"(:\d{2}),(\d)", "${1}.${2}")
            .str.replace(r"(T.*[+-]\d{2})$", "${1}:00")
        }
    )
    carries_offset = pl.col("t").str.contains(_OFFSET) & pl.col("t").str.contains("T")
    naive = isolike.select(pl.when(~carries_offset).then("t")).to_series()
    unzoned = _first_that_reads(naive, ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d"))
    if unzoned.null_count() == naive.len() and texts.cast(pl.Float64, strict=False).count() > 0:
        aware_only = isolike.select(carries_offset.any()).item()
        if not aware_only:
            raise _numbers_need_an_origin(mapping)
    aware = isolike.select(pl.when(carries_offset).then("t")).to_series()
    zoned = _first_that_reads(aware, ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z")).cast(INSTANT)
    return (
        zoned
        if unzoned.null_count() == unzoned.len()
        else pl.select(pl.coalesce(zoned, _zoned(unzoned, mapping.time_zone))).to_series()
    )


def _first_that_reads(texts: pl.Series, formats: tuple[str, ...]) -> pl.Series:
    return pl.select(
        pl.coalesce([texts.str.to_datetime(form, time_unit="us", strict=False) for form in formats])
    ).to_series()


def _zoned(times: pl.Series, zone: str | None) -> pl.Series:
    if zone is None:
        if times.count() == 0:
            return times.cast(INSTANT)
        raise OptionError(
            f"{times.count():,} times say no offset from UTC.",
            "Say which zone they are of: --time-zone UTC, or an IANA name such as America/Sao_Paulo.",
        )
    try:
        return times.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").cast(INSTANT)
    except pl.exceptions.ComputeError:
        raise OptionError(
            f"There is no time zone called {zone!r}.", "Pass UTC or an IANA name such as America/Sao_Paulo."
        ) from None
