"""``mlops grades``: what is wrong with sensors, detected from their readings."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.console import print_json, print_table
from ops.options import AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    import polars as pl

    from mlops_core.telemetry import Channels


def grades(
    machine: Annotated[str | None, typer.Option("--machine", help="Only this machine.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Readings of the last days, so many.")] = 7,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Grade each sensor by its readings: missing, implausible, stuck, gapped, drifting. Before a model learns of them.

    GOOD: nothing is wrong. POOR: learn from it, and look at what is named. UNUSABLE: mend it first.
    """
    from handlers.stores import days_until, stored_readings

    loaded = open_stack(stack, outputs)
    paths = [f"date={day:%Y-%m-%d}/" for day in days_until(datetime.now(UTC), days)]
    readings = stored_readings(loaded.lake, paths, on_malformed=lambda _: None)
    if machine is not None:
        readings = readings.filter(machine_id=machine)
    graded = graded_rows(readings, loaded.channels)
    if as_json:
        print_json({"stack": stack, "days": days, "grades": graded})
        return
    print_grades(f"Sensors of {stack}, {days} days", graded, if_empty=f"No reading of the last {days} days.")


def graded_rows(readings: "pl.DataFrame", channels: "Channels") -> list[dict[str, Any]]:
    """The grade of each machine's channel, as part of a report."""
    from mlops_core.telemetry import grade_sensors

    return grade_sensors(readings, channels=channels).to_dicts()


def print_grades(title: str, graded: list[dict[str, Any]], *, if_empty: str | None = None) -> None:
    """Print grades, what is wrong first; `if_empty` in place of a table without rows."""
    worst_first = ["UNUSABLE", "POOR", "GOOD"]
    rows = sorted(graded, key=lambda row: (worst_first.index(row["grade"]), row["machine_id"], row["channel"]))
    print_table(
        title,
        ["machine", "channel", "grade", "what is wrong", "readings", "every (s)", "missing"],
        [
            [
                row["machine_id"],
                row["channel"],
                row["grade"],
                ", ".join(row["findings"]) or "-",
                row["readings"],
                row["interval_seconds"],
                f"{row['missing_share']:.1%}",
            ]
            for row in rows
        ],
        unbroken=["machine", "channel", "grade"],
        if_empty=if_empty,
    )
