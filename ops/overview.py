"""``mlops fleet`` and ``mlops machine``: what the page shows, in a terminal, worst first."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.options import AsJson, OutputsFile, StackName

if TYPE_CHECKING:
    from ops.ui.document import FleetPage, Machine


def fleet(
    show_all: Annotated[bool, typer.Option("--all", help="Also the machines that run as usual.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """List the machines, worst first: state, why, hours left. Those that run as usual are counted only."""
    from ops.console import print_json, print_line, print_table

    page = _page(stack, outputs)
    if as_json:
        print_json(
            {"stack": stack, "machines": [machine.model_dump(exclude={"channels"}) for machine in page.machines]}
        )
        return
    shown = page.machines if show_all else exceptions(page)
    if shown:
        title = f"Fleet of {stack} at {page.made_at:%Y-%m-%d %H:%M} UTC"
        print_table(title, columns(page), [row(machine) for machine in shown], unbroken=UNBROKEN)
    print_line(as_usual(page))
    if not page.model.ready:
        print_line(page.model.text)


def machine(
    machine_id: Annotated[str, typer.Argument(help="The machine.")],
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one machine: its state, the reasons and since when, its figures, failures, repairs and alarms."""
    from ops.console import print_json, print_line, print_table
    from ops.errors import OptionError

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


UNBROKEN: Final = ("machine", "state")
"""Columns whose text stays on one line."""


def exceptions(page: "FleetPage") -> "list[Machine]":
    """Return the machines that do not run as usual, worst first."""
    return [machine for machine in page.machines if machine.state != "RUNNING" or machine.stage is not None]


def as_usual(page: "FleetPage") -> str:
    """Return how many machines run as usual, in words."""
    total = len(page.machines)
    return f"{total - len(exceptions(page)):,} of {total:,} machines run as usual."


def columns(page: "FleetPage") -> list[str]:
    """Return the headings of the fleet's table."""
    return ["machine", "state", "why", "hours left", f"in {page.model.horizon_h} h", "zone", "last heard (UTC)"]


def row(machine: "Machine") -> list[object]:
    """Return a machine's row of the fleet's table."""
    reason = machine.reasons[0].text if machine.reasons else machine.note
    hours = (
        None
        if machine.life is None
        else f"{machine.life.p50:,.0f} ({machine.life.p10:,.0f} to {machine.life.p90:,.0f})"
    )
    probability = None if machine.failure_probability is None else f"{machine.failure_probability:.1%}"
    return [machine.id, machine.stage or machine.state, reason, hours, probability, machine.zone, machine.last]


def _page(stack: str, outputs: OutputsFile) -> "FleetPage":
    from datetime import UTC, datetime

    from ops.stack import load_stack
    from ops.ui.gather import read_page

    return read_page(load_stack(stack, outputs), datetime.now(UTC))
