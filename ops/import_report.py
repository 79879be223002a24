"""What an import says about a file of readings and about what became of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mlops_core.files import FileReport
from mlops_core.telemetry import Channels
from ops.console import print_line, print_table
from ops.grades import graded_rows, print_grades


def contents(readings: pl.DataFrame, found: FileReport, channels: Channels) -> dict[str, object]:
    """What the file holds, as part of the report."""
    return {
        "values": found.values,
        "readings": readings.height,
        "rejected": found.refused,
        "empty_cells": found.empty,
        "repeated": found.repeated,
        "conflicting": found.conflicting,
        "not_measured": found.not_measured,
        "columns": dict(found.columns),
        "ignored_columns": list(found.ignored),
        "encoding": found.encoding,
        "first": readings["event_timestamp"].min(),
        "last": readings["event_timestamp"].max(),
        "grades": graded_rows(readings, channels),
        "series": [
            {"machine_id": machine_id, "channel": channel, "readings": count, "first": first, "last": last}
            for machine_id, channel, count, first, last in readings.group_by("machine_id", "channel")
            .agg(
                pl.len(), pl.col("event_timestamp").min().alias("first"), pl.col("event_timestamp").max().alias("last")
            )
            .sort("machine_id", "channel")
            .iter_rows()
        ],
    }


def log_contents(records: pl.DataFrame, found: FileReport, rejects: Path) -> dict[str, object]:
    """What a log of failures or events holds, as part of the report; what was refused is written to `rejects`."""
    return {
        "rows": found.values,
        "machines": records["machine_id"].n_unique(),
        "repeated": found.repeated,
        "rejected": found.refused,
        "rejects_file": write_rejects(found, rejects),
        "columns": dict(found.columns),
    }


def write_rejects(found: FileReport, file: Path) -> str | None:
    """Write what was refused as CSV, one row a value, and return the file's name; None where nothing was."""
    if found.rejects.is_empty():
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    found.rejects.write_csv(file)
    return str(file)


def print_report(report: Mapping[str, Any]) -> None:
    """Print the report of an import, or of a dry run (one that says nothing of sending)."""
    series = [
        [row["machine_id"], row["channel"], row["readings"], row["first"], row["last"]] for row in report["series"]
    ]
    print_table(
        f"Readings of {report['file']}", ["machine", "channel", "readings", "first (UTC)", "last (UTC)"], series
    )
    print_line(
        f"{report['values']:,} values: {report['readings']:,} readings, {report['repeated']:,} repeated,"
        f" {sum(report['rejected'].values()):,} refused."
    )
    if report["unconfigured"]:
        print_line(
            f"{len(report['unconfigured'])} sensors are no channels of stack {report['stack']}. Add to channels:"
        )
        for line in report["unconfigured"]:
            print_line(f"  {line}")
    if report["labels"]:
        print_line(f"{report['labels']:,} labelled times, which are recorded as failures.")
    print_grades("Sensors, by what the file holds", report["grades"])
    _print_left_out(report)
    if report["rejects_file"] is not None:
        print_line(f"What was refused, and why: {report['rejects_file']}")
    if "sent" not in report:
        print_line(
            f"Dry run: nothing was sent. {report['readings']:,} readings would go {report['via']} to stack"
            f" {report['stack']}."
        )
        return
    print_sent(report, f"readings sent {report['via']}")
    if "recorded" in report:
        print_recorded(report)
    if "in_lake" in report:
        print_line(f"All {report['in_lake']:,} are in the lake, found {report['wait_seconds']:,.1f} s later.")
    if "processed" in report:
        done = report["processed"]
        print_line(
            f"{done['feature_rows']:,} feature rows of {done['start']:%Y-%m-%d %H:%M} to"
            f" {done['end']:%Y-%m-%d %H:%M} UTC computed"
            f" in {done['seconds']:,.1f} s; the online store took {done['online_written']:,} newer ones."
        )


def _print_left_out(report: Mapping[str, Any]) -> None:
    if report["empty_cells"]:
        print_line(f"{report['empty_cells']:,} empty cells hold no reading.")
    if report["conflicting"]:
        print_line(f"{report['conflicting']:,} readings have another value of the same identity; the larger counts.")
    if report["not_measured"]:
        print_line(f"{report['not_measured']:,} values of BAD quality are no measurement; they are stored and counted.")
    if report["ignored_columns"]:
        print_line(f"Columns that hold none: {', '.join(report['ignored_columns'])}")
    for reason, count in report["rejected"].items():
        print_line(f"  {reason}: {count:,}")


def _rate(items: int, seconds: float) -> str:
    return f" ({items / seconds:,.0f} a second)" if items and seconds else ""


def print_sent(report: Mapping[str, Any], what: str) -> None:
    """Print how many rows were sent now, and in earlier runs; `what` was done with them."""
    if report["acknowledged_before"]:
        print_line(
            f"{report['acknowledged_before']:,} {what.split()[0]} were acknowledged in an earlier run"
            f" ({report['journal']})."
        )
    seconds = report["send_seconds"]
    print_line(f"{report['sent']:,} {what} in {seconds:,.1f} s{_rate(report['sent'], seconds)}.")


def print_recorded(report: Mapping[str, Any]) -> None:
    """Print what became of records."""
    print_line(f"{report['recorded']:,} recorded, {report['known']:,} known already.")
    if conflicts := report["conflicts"]:
        print_line(f"{len(conflicts):,} contradict what is on record, and were left out (--correct replaces it):")
        for problem in conflicts[:10]:
            print_line(f"  {problem}")
