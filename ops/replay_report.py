"""What a replay says about a file and about what became of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ops.console import print_line, print_table
from ops.grades import graded_rows, print_grades
from ops.history import History


def contents(history: History) -> dict[str, object]:
    """What the file holds, as part of the report."""
    readings = history.readings
    return {
        "values": history.values,
        "readings": readings.height,
        "rejected": history.reasons(),
        "empty_cells": history.empty,
        "repeated": history.repeated,
        "first": readings["event_timestamp"].min(),
        "last": readings["event_timestamp"].max(),
        "grades": graded_rows(readings),
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


def write_rejects(history: History, file: Path) -> str | None:
    """Write what was refused as CSV, one row a value, and return the file's name; None where nothing was."""
    if history.rejects.is_empty():
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    history.rejects.write_csv(file)
    return str(file)


def print_report(report: Mapping[str, Any]) -> None:
    """Print the report of a replay, or of a dry run (one that says nothing of sending)."""
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
    print_grades("Sensors, by what the file holds", report["grades"])
    if report["empty_cells"]:
        print_line(f"{report['empty_cells']:,} empty cells hold no reading.")
    for reason, count in report["rejected"].items():
        print_line(f"  {reason}: {count:,}")
    if report["rejects_file"] is not None:
        print_line(f"What was refused, and why: {report['rejects_file']}")
    if "sent" not in report:
        print_line(
            f"Dry run: nothing was sent. {report['readings']:,} readings would go {report['via']} to stack"
            f" {report['stack']}."
        )
        return
    if report["acknowledged_before"]:
        print_line(
            f"{report['acknowledged_before']:,} readings were acknowledged in an earlier run ({report['journal']})."
        )
    print_line(
        f"{report['sent']:,} readings sent {report['via']} in {report['send_seconds']:,.1f}"
        f" s{_rate(report['sent'], report['send_seconds'])}."
    )
    if "in_lake" in report:
        print_line(f"All {report['in_lake']:,} are in the lake, found {report['wait_seconds']:,.1f} s later.")
    if "processed" in report:
        done = report["processed"]
        print_line(
            f"{done['feature_rows']:,} feature rows of {done['start']:%Y-%m-%d %H:%M} to"
            f" {done['end']:%Y-%m-%d %H:%M} UTC computed"
            f" in {done['seconds']:,.1f} s; the online store took {done['online_written']:,} newer ones."
        )


def _rate(items: int, seconds: float) -> str:
    return f" ({items / seconds:,.0f} a second)" if items and seconds else ""
