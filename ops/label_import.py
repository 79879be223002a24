"""Failures and maintenance in bulk: a file's rows as records of technicians, the same again changes nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Any

import polars as pl

from handlers.stores import MaintenanceConflictError
from mlops_core.files import LayoutOptions, read_failures
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord
from ops import journal as journals
from ops.concurrency import in_parallel
from ops.console import print_json, print_line, progress_bar
from ops.errors import NoReadingsError
from ops.import_report import log_contents, print_recorded
from ops.stack import Stack, load_stack


def import_labels(
    file: Path,
    layout: LayoutOptions,
    *,
    is_failure: bool,
    correct: bool,
    dry_run: bool,
    stack: str,
    outputs: Path | None,
    as_json: bool,
) -> None:
    """Record each failure, or each repair, of a file; an existing record wins unless it is to be corrected."""
    now, kind = datetime.now(UTC), MaintenanceKind.FAILURE if is_failure else MaintenanceKind.REPAIR
    found = read_failures(file, latest=now, **layout)
    if found.failures.is_empty():
        raise NoReadingsError(file, found.report.refused, what=kind.value)
    report: dict[str, object] = {
        "file": str(file),
        "stack": stack,
        "kind": kind.value,
        "records": found.failures.height,
        "without_return": found.failures["returned_to_service_at"].null_count(),
        **log_contents(found.failures, found.report, journals.FOLDER / f"{file.stem}.rejects.csv"),
    }
    if not dry_run:
        loaded = load_stack(stack, outputs)
        report |= record_labels(loaded, found.failures, is_failure=is_failure, correct=correct, now=now, quiet=as_json)
    if as_json:
        print_json(report)
    else:
        print_labels(report)


def record_labels(
    stack: Stack, failures: pl.DataFrame, *, is_failure: bool, correct: bool, now: datetime, quiet: bool
) -> dict[str, object]:
    """Record each row of a frame FAILURES; returns how many were recorded and known, and what contradicts a record."""
    kind, who = MaintenanceKind.FAILURE if is_failure else MaintenanceKind.REPAIR, getuser()
    history = stack.label_history  # one client, made before the threads: a session does not make them side by side

    def keep(row: dict[str, Any]) -> bool | str:
        """Record a row; returns whether it is new, or in what it contradicts the record."""
        record = MaintenanceRecord.model_validate(
            {
                "machine_id": row["machine_id"],
                "kind": kind,
                "at": row["event_timestamp"],
                "returned_to_service_at": row["returned_to_service_at"],
                "recorded_by": who,
            }
        )
        code = row["event_code"] if is_failure else None
        try:
            return history.record_maintenance(record, recorded_at=now, correct=correct, event_code=code)
        except MaintenanceConflictError as error:
            return str(error)

    outcomes: list[bool | str] = []
    with progress_bar("Recording", failures.height, unit="records", quiet=quiet) as advance:

        def count(outcome: bool | str) -> None:
            outcomes.append(outcome)
            advance(1)

        in_parallel(keep, failures.to_dicts(), count)
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, str)]
    return {"recorded": outcomes.count(True), "known": outcomes.count(False), "conflicts": conflicts}


def print_labels(report: Mapping[str, Any]) -> None:
    """Print what a file of failures or maintenance held, and what became of it."""
    print_line(
        f"{report['file']}: {report['records']:,} {report['kind']} records of {report['machines']:,} machines,"
        f" {report['without_return']:,} without a return to service, {report['repeated']:,} repeated."
    )
    for reason, count in report["rejected"].items():
        print_line(f"  refused, {reason}: {count:,}")
    if report["rejects_file"] is not None:
        print_line(f"What was refused, and why: {report['rejects_file']}")
    if "recorded" not in report:
        print_line(f"Dry run: nothing was recorded on stack {report['stack']}.")
        return
    print_recorded(report)
