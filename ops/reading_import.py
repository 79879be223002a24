"""Readings of a file into the lake, published or in bulk, each acknowledged before the journal moves."""

import hashlib
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Literal

import polars as pl
from botocore.exceptions import BotoCoreError, ClientError

from contract.environment import HISTORICAL_REACH
from handlers.stores import Publisher
from mlops_core.files import LayoutOptions, read_readings
from mlops_core.telemetry import CHANNELS, Channels
from ops import journal as journals, lookout_import
from ops.console import print_json, progress_bar
from ops.delivery import BulkWriting, LivePublishing, Way, deliver
from ops.errors import LakeAbsentError, NoReadingsError, OpsError, OptionError, ReadingsMissingError
from ops.import_report import contents, print_report, write_rejects
from ops.journal import Journal, open_journal
from ops.label_import import record_labels
from ops.lookout_import import Found
from ops.ranges import process_range, reach
from ops.reconciliation import Reconciliation
from ops.stack import Stack, load_stack


def import_readings(
    file: Path,
    layout: LayoutOptions,
    *,
    is_lookout: bool,
    via: Literal["live", "bulk"],
    correct: bool,
    rate: float | None,
    wait: bool,
    process: bool,
    patience: float,
    chunk: timedelta,
    dry_run: bool,
    stack: str,
    outputs: Path | None,
    as_json: bool,
) -> None:
    """Read a file by the rules of ingestion, report what was refused, and send the rest unless it is a dry run.

    With ``is_lookout`` it is a folder, and its labels are recorded as failures. The other arguments are the
    options of ``mlops import``.
    """
    now = datetime.now(UTC)
    try:
        loaded = load_stack(stack, outputs)
        channels = loaded.channels
    except (OpsError, BotoCoreError, ClientError):
        if not dry_run:
            raise
        loaded, channels = None, CHANNELS  # a file can be looked at before there is a stack
    found = (lookout_import.read if is_lookout else _read)(file, layout, channels, now)
    readings = found.readings
    if readings.is_empty() and not (dry_run and found.unconfigured):
        raise NoReadingsError(file, found.report.refused)
    if loaded is not None and via == "live" and not dry_run:
        _refuse_what_ingestion_would(readings, loaded.outputs.historical_reach_days, now)
    source = source_digest(file, layout, channels, *(["correction"] if correct else []))
    report = {
        "file": str(file),
        "stack": stack,
        "via": via,
        "is_correction": correct,
        **contents(readings, found.report, channels),
        "unconfigured": found.unconfigured,
        "labels": found.labels.height,
        "rejects_file": write_rejects(found.report, journals.FOLDER / f"{source[:24]}.rejects.csv"),
    }
    if loaded is not None and not dry_run:
        journal = open_journal(journals.FOLDER, source=source, lake=lake_identity(loaded), via=via, now=now)
        way = _way(loaded, journal, rate, is_correction=correct)
        report |= send(readings, journal, way, unit="readings", quiet=as_json)
        if not found.labels.is_empty():
            report |= record_labels(loaded, found.labels, is_failure=True, correct=False, now=now, quiet=as_json)
        if wait:
            report |= _find(readings, loaded, patience, quiet=as_json)
        if process:
            report |= _process(readings, loaded, chunk, now=now, quiet=as_json)
    if as_json:
        print_json(report)
    else:
        print_report(report)


def _read(file: Path, layout: LayoutOptions, channels: Channels, now: datetime) -> Found:
    if file.is_dir():
        raise OptionError(f"{file} is a folder.", "Give a file; --format lookout reads a folder.")
    return Found(*read_readings(file, channels=channels, only_known=True, latest=now, **layout))


def _refuse_what_ingestion_would(readings: pl.DataFrame, reach: int | None, now: datetime) -> None:
    """Say before anything is published that a device's messages may not be as old as some readings."""
    oldest = now - (HISTORICAL_REACH if reach is None else timedelta(days=reach))
    if too_old := readings.filter(pl.col("event_timestamp") < oldest).height:
        raise OptionError(
            f"{too_old:,} readings are older than the {(now - oldest).days:,} days that ingestion takes of history.",
            "Write them into the lake: --via bulk. Or raise historicalReachDays.",
        )


def source_digest(file: Path, layout: LayoutOptions, channels: Channels, *marks: str) -> str:
    """Hash of all that determines a file's rows: content, options, channels of the stack, and what it is read as."""
    content: list[str] = []
    for each in sorted(file.rglob("*")) if file.is_dir() else [file]:
        if each.is_file():
            with each.open("rb") as stream:
                content.append(hashlib.file_digest(stream, "sha256").hexdigest())
    options = sorted(((name, value) for name, value in layout.items() if value), key=itemgetter(0))
    decisive = (content, options, channels.hash, *marks)
    return hashlib.sha256(repr(decisive).encode()).hexdigest()


def lake_identity(stack: Stack) -> str:
    """The lake and when it was made: a journal is of no use for another that later has the same name."""
    bucket = stack.outputs.data_lake_bucket
    for page in stack.s3.get_paginator("list_buckets").paginate(Prefix=bucket):
        for found in page.get("Buckets", ()):
            if found.get("Name") == bucket:
                return f"{bucket} {found.get('CreationDate')}"
    raise LakeAbsentError(bucket)


def _way(stack: Stack, journal: Journal, rate: float | None, *, is_correction: bool) -> Way:
    if journal.entry.via == "live":
        return LivePublishing(
            Publisher(stack.iot_data), topic_prefix=stack.topic_prefix, channels=stack.channels, rate=rate
        )
    return BulkWriting(stack.lake, received_at=journal.entry.received_at, is_correction=is_correction)


def send(rows: pl.DataFrame, journal: Journal, way: Way, *, unit: str, quiet: bool) -> dict[str, object]:
    """Send the rows that are not acknowledged yet; returns what an import reports of it."""
    acknowledged = min(journal.acknowledged, rows.height)
    began = time.monotonic()
    with progress_bar("Sending", rows.height - acknowledged, unit=unit, quiet=quiet) as advance:
        sent = deliver(rows, journal, way, advance)
    seconds = time.monotonic() - began
    return {
        "journal": str(journal.file),
        "acknowledged_before": acknowledged,
        "sent": sent,
        "send_seconds": round(seconds, 3),
    }


def _find(readings: pl.DataFrame, stack: Stack, patience: float, *, quiet: bool) -> dict[str, object]:
    began = time.monotonic()
    reconciliation = Reconciliation(stack.lake, readings)
    with progress_bar("Finding in the lake", readings.height, unit="readings", quiet=quiet) as advance:
        complete = reconciliation.wait(advance, patience_seconds=patience)
    if not complete:
        raise ReadingsMissingError(reconciliation.missing.height, readings.height, patience)
    return {"in_lake": readings.height, "wait_seconds": round(time.monotonic() - began, 3)}


def _process(
    readings: pl.DataFrame, stack: Stack, length: timedelta, *, now: datetime, quiet: bool
) -> dict[str, object]:
    times: list[datetime] = readings["event_timestamp"].to_list()
    longest = timedelta(hours=max(stack.outputs.feature_lengths_hours))
    start, end = reach(times[0], times[-1], longest, now=now)
    began = time.monotonic()
    done = process_range(stack, start, end, length, quiet=quiet)
    return {"processed": {"start": start, "end": end, **asdict(done), "seconds": round(time.monotonic() - began, 3)}}
