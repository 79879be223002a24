"""``mlops doctor``: what is damaged, and mending it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ops.console import print_json, print_line, print_table
from ops.options import AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    from ops.damage import Finding


def doctor(
    days: Annotated[
        int, typer.Option("--days", min=0, help="Read every object of so many days, today being the first.")
    ] = 1,
    mend: Annotated[bool, typer.Option("--mend", help="Mend what can be mended. Nothing is deleted for good.")] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="The key of a damaged object about which nothing more is to be done."),
    ] = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Name what is damaged, by the records of functions and by reading anew; exit 1 where anything is left."""
    from ops.damage import Doctor

    healer = Doctor(open_stack(stack, outputs), datetime.now(UTC))
    recorded = healer.recorded()
    known = {finding.damage.id for finding in recorded} | healer.accepted()
    found = [*recorded, *(each for each in healer.examined(days) if each.damage.id not in known)]
    mended: list[Finding] = []
    left: list[Finding] = []
    for finding in found:
        if finding.damage.key in (accept or []):
            healer.accept(finding)
            mended.append(finding)
        elif mend and healer.mend(finding, quiet=as_json):
            mended.append(finding)
        else:
            left.append(finding)
    if as_json:
        reports = {"mended": mended, "left": left}
        print_json({"stack": stack} | {name: [each.as_report() for each in some] for name, some in reports.items()})
    elif not found:
        print_line("Nothing is damaged.")
    else:
        _print(mended, left)
    if left:
        raise typer.Exit(1)


def _print(mended: "Sequence[Finding]", left: "Sequence[Finding]") -> None:
    for finding in mended:
        print_line(f"Settled: {finding.damage.key}")
    if left:
        rows = [[each.damage.key, each.damage.problem, each.damage.noticed_at, each.what_to_do] for each in left]
        print_table("Damaged", ["object or item", "problem", "noticed (UTC)", "what to do"], rows, unbroken=[])
