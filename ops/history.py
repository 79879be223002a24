"""Someone's own history as readings: what a file's rows become, and which of them are none and why."""

import csv
import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from mlops_core.errors import QuarantineReason
from mlops_core.telemetry import CHANNELS, MACHINE_ID_PATTERN, Channels
from mlops_core.time import FUTURE_TOLERANCE
from ops.errors import OpsError, OptionError
from ops.instants import read_instants
from ops.mapping import HistoryMapping

# The ingestion function's: what it would quarantine is not sent.
HISTORICAL_REACH = timedelta(days=10950)


class HistoryUnreadableError(OpsError):
    """The file is no CSV or Parquet file of the form that the options describe."""


@dataclass(frozen=True)
class History:
    """What a file holds.

    ``readings``: READINGS columns, each distinct row once, in order of time. ``rejects``: row (1 is the first of the
    data), machine_id, channel, time and value as text, reason. ``values`` counts the values seen, ``empty`` the
    cells of wide data without one, ``repeated`` the values equal to another in identity and value.
    """

    readings: pl.DataFrame
    rejects: pl.DataFrame
    values: int
    empty: int
    repeated: int

    def reasons(self) -> dict[str, int]:
        """How many rows were refused for each reason, the most frequent first."""
        counts = self.rejects.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
        return dict(counts.iter_rows())


def content_digest(file: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise HistoryUnreadableError(
            f"{file} cannot be read: {error.strerror}.", "Give the path of a CSV or Parquet file."
        ) from None


def read_history(file: Path, mapping: HistoryMapping, *, now: datetime, channels: Channels = CHANNELS) -> History:
    """The readings of a CSV (``.gz`` too) or Parquet file; ``now`` bounds their times, ``channels`` their values.

    The rules are those of ingestion, so that what is sent is what will be accepted. Raises HistoryUnreadableError,
    OptionError.
    """
    columns = _columns(file, mapping)
    cells, empty = _cells(columns, mapping, channels)
    judged = cells.with_columns(
        read_instants(cells["time"], mapping).alias("event_timestamp"),
        _numbers(cells["value"], mapping).alias("number"),
    ).with_columns(_reason(now, channels))
    accepted = judged.filter(pl.col("reason").is_null()).select(
        "machine_id", "channel", "event_timestamp", pl.col("number").alias("value")
    )
    readings = accepted.unique().sort("event_timestamp", "machine_id", "channel", "value")
    rejects = judged.filter(pl.col("reason").is_not_null()).select(
        "row", "machine_id", "channel", pl.col("time", "value").cast(pl.String), "reason"
    )
    return History(readings, rejects.sort("row", "channel"), cells.height, empty, accepted.height - readings.height)


def _trimmed(text: pl.Expr) -> pl.Expr:
    """Text without white space around it, as Unicode defines White_Space.

    Control characters are none of it: an identifier that ends in U+001F is no identifier, as for ingestion.
    """
    return text.cast(pl.String).str.strip_chars()


def _columns(file: Path, mapping: HistoryMapping) -> pl.DataFrame:
    wanted = list(mapping.columns)
    try:
        if _is_parquet(file):
            return pl.read_parquet(file, columns=wanted)
        _refuse_ambiguous_names(file, mapping)
        # Everything as text: how it is to be read is the mapping's to say, not guessed from the first rows.
        return pl.read_csv(file, columns=wanted, infer_schema=False, separator=mapping.separator)
    except pl.exceptions.ColumnNotFoundError:
        if any("\ufffd" in name or "\x00" in name for name in _column_names(file, mapping)):
            raise _not_utf8(file) from None
        names = (name if name == name.strip() else repr(name) for name in _column_names(file, mapping))
        raise HistoryUnreadableError(
            f"{file} lacks one of the columns {', '.join(wanted)}.", f"It has: {', '.join(names)}"
        ) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        why = str(error).strip().splitlines()[0].rstrip(".")
        if "utf" in why.lower():
            raise _not_utf8(file) from None
        if "more fields" in why:
            return _ragged(file, mapping)
        raise HistoryUnreadableError(
            f"{file} cannot be read: {why}.",
            "It must be CSV with a header line (gzip allowed), or Parquet named *.parquet",
        ) from None


def _not_utf8(file: Path) -> HistoryUnreadableError:
    return HistoryUnreadableError(
        f"The encoding of {file} is not UTF-8.", "Convert it first: iconv -f LATIN1 -t UTF-8 (or -f UTF-16), say."
    )


def _ragged(file: Path, mapping: HistoryMapping) -> pl.DataFrame:
    """Read rows one by one: of one with another number of fields than the header nothing can be read, so it says so."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, delimiter=mapping.separator)
        names = next(rows)
        places = [names.index(column) for column in mapping.columns]
        cells = [
            [row[place] for place in places]
            if len(row) == len(names)
            else [f"{len(row)} fields, not {len(names)}"] * len(places)
            for row in rows
            if row
        ]
    return pl.DataFrame(cells, schema=dict.fromkeys(mapping.columns, pl.String), orient="row")


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() in {".parquet", ".pq"}


def _refuse_ambiguous_names(file: Path, mapping: HistoryMapping) -> None:
    """Refuse a column that is wanted and stands there twice: polars would take the first and rename the other."""
    names = _column_names(file, mapping)
    for wanted in mapping.columns:
        if f"{wanted}_duplicated_0" in names:
            raise HistoryUnreadableError(f"{file} has two columns called {wanted!r}.", "Rename one of them.")


def _column_names(file: Path, mapping: HistoryMapping) -> list[str]:
    if _is_parquet(file):
        return list(pl.read_parquet_schema(file))
    return pl.read_csv(file, n_rows=0, infer_schema=False, separator=mapping.separator).columns


def _cells(columns: pl.DataFrame, mapping: HistoryMapping, channels: Channels) -> tuple[pl.DataFrame, int]:
    """One row a value: row, machine_id, channel, time, value; and how many cells of wide data are empty."""
    machine = pl.lit(mapping.machine) if mapping.machine_column is None else _trimmed(pl.col(mapping.machine_column))
    shared = (
        pl.int_range(1, pl.len() + 1).alias("row"),
        machine.alias("machine_id"),
        pl.col(mapping.time_column).alias("time"),
    )
    if mapping.channel_column is not None and mapping.value_column is not None:
        channel = _trimmed(pl.col(mapping.channel_column))
        return columns.select(*shared, channel.alias("channel"), pl.col(mapping.value_column).alias("value")), 0
    for column, channel in mapping.channels:
        if channel not in channels:
            raise OptionError(
                f"Column {column!r} is mapped to {channel!r}, which is no channel.",
                f"The channels are: {', '.join(channels)}",
            )
    parts = [
        columns.select(*shared, pl.lit(channel).alias("channel"), pl.col(column).alias("value"))
        for column, channel in mapping.channels
    ]
    cells = pl.concat(parts, how="vertical_relaxed")
    # Sensors of one row need not all have reported; a file of one channel has no such excuse.
    present = cells.filter(~_is_empty(cells["value"])) if len(parts) > 1 else cells
    return present, cells.height - present.height


def _is_empty(values: pl.Series) -> pl.Series:
    return (
        values.is_null() | (values.str.strip_chars() == "").fill_null(value=True)
        if values.dtype == pl.String
        else values.is_null()
    )


def _numbers(values: pl.Series, mapping: HistoryMapping) -> pl.Series:
    if values.dtype == pl.String:
        texts = values.str.strip_chars()
        return (texts.str.replace(",", ".", literal=True) if mapping.decimal_comma else texts).cast(
            pl.Float64, strict=False
        )
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    return pl.Series([None], dtype=pl.Float64).new_from_index(0, values.len())


def _reason(now: datetime, channels: Channels) -> pl.Expr:
    """The first rule that a value breaks, as ingestion names it; null for a valid reading.

    Columns as ``_cells`` made them.
    """
    least = pl.col("channel").replace_strict(
        {name: channel.minimum for name, channel in channels.items()}, default=None, return_dtype=pl.Float64
    )
    most = pl.col("channel").replace_strict(
        {name: channel.maximum for name, channel in channels.items()}, default=None, return_dtype=pl.Float64
    )
    text = pl.col("value").cast(pl.String).str.strip_chars()
    rules = {
        QuarantineReason.BAD_MACHINE_ID: ~pl.col("machine_id")
        .fill_null("")
        .str.contains(f"^(?:{MACHINE_ID_PATTERN})$"),
        QuarantineReason.UNKNOWN_SENSOR: ~pl.col("channel").is_in(list(channels)).fill_null(value=False),
        QuarantineReason.MISSING_FIELD: text.is_null() | (text == ""),
        QuarantineReason.BAD_TYPE: pl.col("number").is_null(),
        QuarantineReason.NOT_FINITE: ~pl.col("number").is_finite(),
        QuarantineReason.OUT_OF_RANGE: ~pl.col("number").is_between(least, most),
        QuarantineReason.BAD_TIMESTAMP: pl.col("event_timestamp").is_null(),
        QuarantineReason.TOO_LATE: pl.col("event_timestamp") < now - HISTORICAL_REACH,
        QuarantineReason.FUTURE: pl.col("event_timestamp") > now + FUTURE_TOLERANCE,
    }
    return pl.coalesce(pl.when(broken).then(pl.lit(str(reason))) for reason, broken in rules.items()).alias("reason")
