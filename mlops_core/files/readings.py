"""A user's own history of readings, out of CSV or Parquet, long or wide."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import polars as pl

from mlops_core.errors import InvalidArgumentError, UnreadableFileError
from mlops_core.files.instants import read_instants
from mlops_core.files.judge import (
    first_broken,
    implausible_times,
    machine_ids,
    numbers,
    quality_of,
    reading_rules,
    trimmed,
)
from mlops_core.files.layout import FileLayout, LayoutOptions, channel_columns
from mlops_core.files.report import FileReport, conflicts_in, in_schema, rejects_of
from mlops_core.files.tables import ROW, Table, open_file
from mlops_core.telemetry import CHANNELS, READINGS, Channel
from mlops_core.time import EARLIEST_EVENT

_ROLES = ("time_column", "machine_column", "channel_column", "value_column", "quality_column")


class ReadingsFile(NamedTuple):
    """What a file of readings gave: frame `READINGS`, in order of time, and the report of what was refused."""

    readings: pl.DataFrame
    report: FileReport


def read_readings(
    path: str | Path,
    *,
    channels: Mapping[str, Channel] = CHANNELS,
    only_known: bool = False,
    earliest: datetime = EARLIEST_EVENT,
    latest: datetime | None = None,
    **layout: Unpack[LayoutOptions],
) -> ReadingsFile:
    r"""Return the readings of a CSV (`.gz` too) or Parquet file, and a report of what was refused.

    Each value is accepted or refused by the rules of ingestion (machine id, number, plausible range, time), so what is
    read here is what a platform accepts. Columns with usual names (`timestamp`, `machine_id`, `sensor`, `value` ...)
    are found; name others. Without a column of channels each further column is one (wide data).

        readings, report = read_readings("press.csv", machine="PRESS-1", time_zone="Europe/Berlin")
        readings, report = read_readings("pi.csv.gz", channel_names={"TE-101": "temperature"}, time_unit="filetime")

    Args:
        path: the file; what is not called `.parquet` or `.pq` is CSV with a header line.
        channels: plausible ranges, in each channel's unit. A sentinel such as 1254.005 lies outside: OUT_OF_RANGE.
        only_known: whether a channel that is not among `channels` is refused (UNKNOWN_SENSOR), as a platform does.
        earliest: of event times (else TOO_LATE). Readings more than five years away from most of their machine's are
            refused, too: a clock that jumped.
        latest: when the file is read; what lies five minutes behind it is FUTURE. None: no bound.
        layout: which column holds what, and how it is written: the arguments of `FileLayout`.

    Returns:
        `.readings` (frame READINGS) and `.report`: what was refused and why, and how columns were understood.

    Raises:
        UnreadableFileError: it is no CSV or Parquet, or has no such columns; the message names those that it has.
        InvalidArgumentError: the layout contradicts itself, or does not say what is needed, such as the zone of times
            without an offset.

    Example:
        >>> lines = "time,sensor,value\n2026-01-01T00:00Z,temperature,61.5\n2026-01-01T00:01Z,temperature,1254\n"
        >>> _ = Path("press.csv").write_text(lines)
        >>> readings, report = mc.read_readings("press.csv", machine="PRESS-1")
        >>> readings["value"].to_list()
        [61.5]

    """
    table, found = open_file(path, FileLayout(**layout), roles=_ROLES)
    if found.channel_column is not None and found.value_column is None:
        raise UnreadableFileError(
            str(path), f"has channels in {found.channel_column!r} and no column that is known to hold values",
            f"It has: {', '.join(table.names)}. Name it: value_column=",
        )  # fmt: skip
    words = _words(channels)
    columns: dict[str, str] = {}
    if found.channel_column is None:
        columns = channel_columns(str(path), found, table.names, words if only_known else None)
        _refuse_unknown(columns, channels if only_known else {*columns.values()})
    elif only_known:
        found = replace(found, channel_names={**words, **found.channel_names})
    cells, empty, columns = _cells(table, found, columns)
    judged = cells.with_columns(
        read_instants(cells["time"], found).alias("event_timestamp"),
        numbers(cells["value"], found).alias("number"),
        quality_of(cells["quality"]).alias("quality"),
    )
    rules = reading_rules(channels, only_known=only_known, earliest=earliest, latest=latest)
    judged = implausible_times(judged.with_columns(first_broken(rules)))
    is_measured = pl.col("quality") != "BAD"
    accepted = judged.filter(pl.col("reason").is_null()).select(
        "machine_id", "channel", "event_timestamp", pl.when(is_measured).then("number").alias("value")
    )
    readings = accepted.unique().sort("event_timestamp", "machine_id", "channel", "value")
    report = replace(
        FileReport.of(table, found, columns),
        values=cells.height,
        accepted=readings.height,
        empty=empty,
        not_measured=readings["value"].null_count(),
        repeated=accepted.height - readings.height,
        conflicting=conflicts_in(readings),
        rejects=rejects_of(judged),
    )
    return ReadingsFile(in_schema(readings, READINGS), report)


def _words(channels: Mapping[str, Channel]) -> dict[str, str]:
    """What a message calls each channel: its name, or its payload's field where that is its own."""
    fields = [channel.payload_field for channel in channels.values()]
    own = {each.payload_field: name for name, each in channels.items() if fields.count(each.payload_field) == 1}
    return own | {name: name for name in channels}


def _refuse_unknown(columns: Mapping[str, str], known: Collection[str]) -> None:
    for column, channel in columns.items():
        if channel not in known:
            raise InvalidArgumentError(
                "channel_names", column, f"is mapped to {channel!r}, which is no channel",
                f"The channels are: {', '.join(known)}",
            )  # fmt: skip


def _cells(table: Table, layout: FileLayout, columns: dict[str, str]) -> tuple[pl.DataFrame, int, dict[str, str]]:
    """One row a value (row, machine_id, channel, time, value, quality), how many cells are empty, columns of values."""
    frame = table.read([*layout.columns().values(), *columns])
    shared: list[Any] = [
        pl.col(ROW).alias("row"),
        machine_ids(layout),
        pl.col(layout.time_column or "").alias("time"),
        (pl.lit(None, pl.String) if layout.quality_column is None else pl.col(layout.quality_column)).alias("quality"),
    ]
    if layout.channel_column is not None:
        channel = trimmed(pl.col(layout.channel_column)).replace(layout.channel_names).alias("channel")
        return frame.select(*shared, channel, pl.col(layout.value_column or "").alias("value")), 0, {}
    if not layout.channel_names:  # a column of words, such as remarks, is no channel
        columns = {name: channel for name, channel in columns.items() if numbers(frame[name], layout).count()}
    parts = [
        frame.select(*shared, pl.lit(channel).alias("channel"), pl.col(column).alias("value"))
        for column, channel in columns.items()
    ]
    if not parts:
        raise UnreadableFileError(
            str(table.path), "has no column of numbers",
            f"It has: {', '.join(table.names)}. Where numbers are written 1,5 say decimal_comma=True",
        )  # fmt: skip
    cells = pl.concat(parts, how="vertical_relaxed")
    # Sensors of one row need not all have reported; a file of one channel has no such excuse.
    present = cells.filter(trimmed(pl.col("value")).fill_null("") != "") if len(parts) > 1 else cells
    return present, cells.height - present.height, columns
