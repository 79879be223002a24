"""``mlops ui`` and ``mlops report``: the fleet on a page, live on this computer or as a file."""

import secrets
import webbrowser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from ops.console import print_answer
from ops.options import AsJson, OutputsFile, StackName, open_stack

LONGEST_LINK_HOURS: Final = 24


def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port on this computer.")] = 8400,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the fleet, worst first, on a page of this computer: machines, alarms, data quality, models.

    It reads the stack with your own credentials, refreshes by itself, and ends with Ctrl-C. Nobody else can reach it.
    """
    import uvicorn

    from handlers.stores import read_page
    from ops.ui.actions import alarm_actions, plan_action, repair_action
    from ops.ui.server import Action, Recent, application

    loaded = open_stack(stack, outputs)
    host, token = f"127.0.0.1:{port}", secrets.token_urlsafe(32)
    principal = loaded.principal
    actions: dict[str, Action] = {
        "repair": repair_action(loaded, principal),
        "plan": plan_action(loaded, principal),
        **alarm_actions(loaded, principal),
    }
    recent = Recent(
        lambda: read_page(loaded.sources, datetime.now(UTC), actions=list(actions), principal=principal),
        lambda: datetime.now(UTC),
    )
    address = f"http://{host}/?token={token}"
    print_answer(
        {"stack": stack, "address": address},
        f"The fleet of {stack}: {address}",
        "Ctrl-C stops it. Anyone on this computer who has this address can act as you.",
        as_json=as_json,
    )
    if not no_browser:
        webbrowser.open(address)
    uvicorn.run(application(recent, actions, host=host, token=token), host="127.0.0.1", port=port, log_level="warning")


def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("fleet.html"),
    now: Annotated[
        bool, typer.Option("--now", help="Read the stack anew, even where the last snapshot is not yet old.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Keep it in the lake, and print a link for whoever is to see it.")
    ] = False,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=LONGEST_LINK_HOURS, help="How long the link holds, at most.")
    ] = LONGEST_LINK_HOURS,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the fleet's page as one file to keep, print or send: nothing can be done from it, nothing is loaded.

    It is the newest snapshot that the stack keeps on a schedule; where that is older than the data of a page may be,
    or there is none, the stack is read with your own credentials.
    """
    from handlers.stores import STALE_AFTER, PageSnapshots, read_page
    from mlops_core.page import snapshot

    loaded, at = open_stack(stack, outputs), datetime.now(UTC)
    snapshots = PageSnapshots(loaded.link_signer, loaded.outputs.data_lake_bucket)
    kept = None if now else snapshots.newest()
    if kept is not None and at - kept.put_at > STALE_AFTER:
        kept = None
    page = snapshot(read_page(loaded.sources, at)).encode() if kept is None else snapshots.read(kept.version)
    as_of = at if kept is None else kept.put_at
    summary = {"stack": stack, "as_of": as_of, "bytes": len(page)}
    if link:
        version = snapshots.put(page) if kept is None else kept.version
        address = snapshots.link(version, holds_for=timedelta(hours=hours))
        line = f"Anyone who has this link can see {stack} as of {as_of:%Y-%m-%d %H:%M} UTC, for {hours} h at most."
        print_answer({**summary, "link": address, "hours": hours}, address, line, as_json=as_json)
        return
    output.write_bytes(page)
    line = f"{output}: {len(page) / 1024:,.0f} KB, the fleet of {stack} as of {as_of:%Y-%m-%d %H:%M} UTC."
    print_answer({**summary, "file": str(output)}, line, as_json=as_json)
