"""Events in bulk: a log of errors, operators' actions and changes of state, as the lake keeps what machines publish."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from mlops_core.files import LayoutOptions, read_events
from mlops_core.telemetry import CHANNELS, FAILURE_KIND, FAILURES
from ops import journal as journals
from ops.console import print_json, print_line, print_table
from ops.delivery import EventWriting
from ops.errors import NoReadingsError
from ops.import_report import log_contents, print_recorded, print_sent
from ops.journal import open_journal
from ops.label_import import record_labels
from ops.reading_import import lake_identity, send, source_digest
from ops.stack import Stack, load_stack


def import_events(
    file: Path, layout: LayoutOptions, *, dry_run: bool, stack: str, outputs: Path | None, as_json: bool
) -> None:
    """Write each event of a file into the lake; those of the kind `failure` are recorded as failures instead."""
    now = datetime.now(UTC)
    found = read_events(file, latest=now, **layout)
    if found.events.is_empty():
        raise NoReadingsError(file, found.report.refused, what="event")
    source = source_digest(file, layout, CHANNELS, "events")
    report: dict[str, object] = {
        "file": str(file),
        "stack": stack,
        "events": found.events.height,
        **log_contents(found.events, found.report, journals.FOLDER / f"{source[:24]}.rejects.csv"),
        "kinds": _kinds(found.events),
    }
    if not dry_run:
        report |= _keep(load_stack(stack, outputs), found.events, source, now=now, quiet=as_json)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _keep(stack: Stack, events: pl.DataFrame, source: str, *, now: datetime, quiet: bool) -> dict[str, object]:
    is_failure = pl.col("kind") == FAILURE_KIND
    journal = open_journal(journals.FOLDER, source=source, lake=lake_identity(stack), via="bulk", now=now)
    way = EventWriting(stack.lake, received_at=journal.entry.received_at)
    report = send(events.filter(~is_failure), journal, way, unit="events", quiet=quiet)
    failures = events.filter(is_failure).with_columns(returned_to_service_at=pl.lit(None)).select(FAILURES.names())
    if not failures.is_empty():
        report |= record_labels(stack, failures, is_failure=True, correct=False, now=now, quiet=quiet)
    counted = {name.partition("/")[0] for name in stack.outputs.event_features or ()}
    return report | {"not_counted": sorted({*events["kind"]} - counted - {FAILURE_KIND})}


def _kinds(events: pl.DataFrame) -> list[dict[str, object]]:
    at = pl.col("event_timestamp")
    counts = events.group_by("kind").agg(
        pl.len().alias("events"),
        pl.col("event_code").n_unique().alias("codes"),
        pl.col("machine_id").n_unique().alias("machines"),
        at.min().alias("first"),
        at.max().alias("last"),
    )
    return counts.sort("kind").to_dicts()


def _print(report: Mapping[str, Any]) -> None:
    columns = ["kind", "events", "codes", "machines", "first (UTC)", "last (UTC)"]
    print_table(f"Events of {report['file']}", columns, [list(row.values()) for row in report["kinds"]])
    print_line(
        f"{report['rows']:,} rows: {report['events']:,} events of {report['machines']:,} machines,"
        f" {report['repeated']:,} repeated, {sum(report['rejected'].values()):,} refused."
    )
    for reason, count in report["rejected"].items():
        print_line(f"  {reason}: {count:,}")
    if report["rejects_file"] is not None:
        print_line(f"What was refused, and why: {report['rejects_file']}")
    if "sent" not in report:
        print_line(f"Dry run: nothing was written. {report['events']:,} events would go to stack {report['stack']}.")
        return
    print_sent(report, "events written")
    if "recorded" in report:
        print_line("Failures among them are recorded as failures:")
        print_recorded(report)
    if report["not_counted"]:
        print_line(f"No feature counts these kinds (eventFeatures): {', '.join(report['not_counted'])}")
