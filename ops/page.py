"""``mlops ui`` and ``mlops report``: the fleet on a page, live on this computer or as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.options import AsJson, OutputsFile, StackName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.stack import Stack
    from ops.ui.server import Action

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
    import secrets
    import webbrowser
    from datetime import UTC, datetime

    import uvicorn

    from ops.console import print_json, print_line
    from ops.stack import load_stack
    from ops.ui.gather import read_page
    from ops.ui.server import Recent, application

    loaded = load_stack(stack, outputs)
    host, token = f"127.0.0.1:{port}", secrets.token_urlsafe(32)
    actions = _actions(loaded)
    recent = Recent(
        lambda: read_page(loaded, datetime.now(UTC), actions=list(actions), principal=loaded.principal),
        lambda: datetime.now(UTC),
    )
    address = f"http://{host}/?token={token}"
    if as_json:
        print_json({"stack": stack, "address": address})
    else:
        print_line(f"The fleet of {stack}: {address}")
        print_line("Ctrl-C ends it. Whoever has this address on this computer may act as you.")
    if not no_browser:
        webbrowser.open(address)
    uvicorn.run(application(recent, actions, host=host, token=token), host="127.0.0.1", port=port, log_level="warning")


def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("fleet.html"),
    link: Annotated[
        bool, typer.Option("--link", help="Put it into the lake instead, and print a link for whoever is to see it.")
    ] = False,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=LONGEST_LINK_HOURS, help="How long the link holds, at most.")
    ] = LONGEST_LINK_HOURS,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the fleet's page as one file to keep, print or send: nothing can be done from it, nothing is loaded."""
    from datetime import UTC, datetime

    from ops.console import print_json, print_line
    from ops.stack import load_stack
    from ops.ui.gather import read_page
    from ops.ui.page import snapshot

    loaded = load_stack(stack, outputs)
    page = snapshot(read_page(loaded, datetime.now(UTC))).encode()
    if link:
        address = _linked(loaded, page, hours)
        if as_json:
            print_json({"stack": stack, "link": address, "hours": hours, "bytes": len(page)})
        else:
            print_line(address)
            print_line(f"Whoever has this link sees the fleet of {stack} as it is now, for {hours} h at most.")
        return
    output.write_bytes(page)
    if as_json:
        print_json({"stack": stack, "file": str(output), "bytes": len(page)})
    else:
        print_line(f"{output}: {len(page) / 1024:,.0f} KB, the fleet of {stack} as it is now.")


def _linked(stack: "Stack", page: bytes, hours: int) -> str:
    """Store a page in the lake, and return a link to this very version of it, signed as the caller.

    The version that it replaces goes with the bucket's other old versions.
    """
    from mlops_core.lake import PAGE_KEY

    bucket = stack.outputs.data_lake_bucket
    stored = stack.s3.put_object(
        Bucket=bucket, Key=PAGE_KEY, Body=page, ContentType="text/html; charset=utf-8", CacheControl="no-store"
    )
    wanted = {"Bucket": bucket, "Key": PAGE_KEY, "VersionId": stored.get("VersionId", "null")}
    return stack.link_signer.generate_presigned_url("get_object", Params=wanted, ExpiresIn=hours * 3600)


def _actions(stack: "Stack") -> "Mapping[str, Action]":
    from ops.ui.actions import alarm_actions, plan_action, repair_action

    return {
        "repair": repair_action(stack, stack.principal),
        "plan": plan_action(stack, stack.principal),
        **alarm_actions(stack, stack.principal),
    }
