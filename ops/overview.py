"""``mlops fleet`` and ``mlops machine``: what the page shows, in a terminal, worst first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.console import print_json, print_line, print_table
from ops.errors import OptionError
from ops.options import TABLES_AS_CSV, AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    from mlops_core.page import FleetPage, Machine


def fleet(
    show_all: Annotated[bool, typer.Option("--all", help="Also the machines that run as usual.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """List the machines, worst first: state, why, hours left. Those that run as usual are counted only."""
    page = _page(stack, outputs)
    if as_json:
        print_json(
            {"stack": stack, "machines": [machine.model_dump(exclude={"channels"}) for machine in page.machines]}
        )
        return
    shown = page.machines if show_all else exceptions(page)
    if shown:
        title = f"Fleet of {stack} at {page.made_at:%Y-%m-%d %H:%M} UTC"
        names, rows = columns(page), [row(machine, page) for machine in shown]
        if TABLES_AS_CSV.get():
            names, rows = [*names, "why"], [[*row(machine, page), _reason(machine)] for machine in shown]
        print_table(title, names, rows, unbroken=UNBROKEN)
    for line in [*reasons(page), as_usual(page)]:
        print_line(line)
    if not page.model.ready:
        print_line(page.model.text)


def machine(
    machine_id: Annotated[str, typer.Argument(help="The machine.")],
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one machine: its state, the reasons and since when, its figures, failures, repairs and alarms."""
    page = _page(stack, outputs)
    found = next((each for each in page.machines if each.id == machine_id), None)
    if found is None:
        raise OptionError(
            f"There is no machine {machine_id}.", f"`mlops fleet --all --stack {stack}` names those there are."
        )
    if as_json:
        print_json({"stack": stack, **found.model_dump()})
        return
    print_line(
        f"{found.id}: {found.stage or found.state}"
        + (f" since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else "")
    )
    for reason in found.reasons:
        print_line(f"  {reason.text}" + (f", since {reason.since:%Y-%m-%d %H:%M} UTC" if reason.since else ""))
    if not found.reasons:
        print_line("  Nothing unusual.")
    if found.life is not None and found.failure_probability is not None:
        hours = f"{found.life.p50:,.0f} h left ({found.life.p10:,.0f} to {found.life.p90:,.0f})"
        print_line(f"  {hours}, fails within {page.model.horizon_h} h with {found.failure_probability:.1%}")
    if found.events:
        rows = [[event.at, event.kind, event.text] for event in sorted(found.events, key=lambda e: e.at, reverse=True)]
        print_table("Last 14 days", ["at (UTC)", "what", "text"], rows)


UNBROKEN: Final = ("machine", "state", "hours left", "last heard")
"""Columns whose text stays on one line."""


def exceptions(page: "FleetPage") -> "list[Machine]":
    """Return the machines that do not run as usual, worst first."""
    return [machine for machine in page.machines if machine.state != "RUNNING" or machine.stage is not None]


def as_usual(page: "FleetPage") -> str:
    """Return how many machines run as usual, in words."""
    total = len(page.machines)
    return f"{total - len(exceptions(page)):,} of {total:,} machines run as usual."


def columns(page: "FleetPage") -> list[str]:
    """Return the headings of the fleet's table, which fits 80 columns: the reasons are lines below it."""
    return ["machine", "state", "hours left", f"in {page.model.horizon_h} h", "zone", "last heard"]


def row(machine: "Machine", page: "FleetPage") -> list[object]:
    """Return a machine's row of the fleet's table."""
    hours = (
        None
        if machine.life is None
        else f"{machine.life.p50:,.0f} ({machine.life.p10:,.0f} to {machine.life.p90:,.0f})"
    )
    probability = None if machine.failure_probability is None else f"{machine.failure_probability:.1%}"
    seen = None if machine.last is None else _ago((page.made_at - machine.last).total_seconds() / 60)
    return [machine.id, machine.stage or machine.state, hours, probability, machine.zone, seen]


def reasons(page: "FleetPage") -> list[str]:
    """Return why each machine that does not run as usual does not, a line for each that has a reason."""
    return [f"{machine.id}: {reason}" for machine in exceptions(page) if (reason := _reason(machine))]


def _reason(machine: "Machine") -> str | None:
    return machine.reasons[0].text if machine.reasons else machine.note


def _ago(minutes: float) -> str:
    if minutes < 60:
        return f"{max(minutes, 0):.0f} min ago"
    return f"{minutes / 60:.0f} h ago" if minutes < 48 * 60 else f"{minutes / (24 * 60):.0f} d ago"


def _page(stack: str, outputs: OutputsFile) -> "FleetPage":
    from handlers.stores import read_page

    return read_page(open_stack(stack, outputs).sources, datetime.now(UTC))
