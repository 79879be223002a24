"""``mlops machines``: the machines that a stack knows."""

import typer

from ops.options import AsJson, OutputsFile, StackName

app = typer.Typer(no_args_is_help=True, help="The machines that a stack knows.")


@app.command("list")
def list_machines(stack: StackName = "local", outputs: OutputsFile = None, as_json: AsJson = False) -> None:
    """List machines: the state of a simulated one, the vibration zone, and how fresh features and readings are."""
    from datetime import UTC, datetime

    from ops.console import print_json, print_table
    from ops.fleet import SILENT_AFTER, read_fleet
    from ops.stack import load_stack

    now = datetime.now(UTC)
    machines = read_fleet(load_stack(stack, outputs), now)
    if as_json:
        print_json(
            {"stack": stack, "at": now, "machines": [machine.as_report(now, SILENT_AFTER) for machine in machines]}
        )
        return
    print_table(
        f"Machines of {stack}",
        ["machine", "status", "zone", "vibration mm/s", "features until (UTC)", "last reading (UTC)"],
        [
            [machine.machine_id, machine.status, machine.zone, machine.vibration, machine.window_end, machine.last_seen]
            for machine in machines
        ],
    )
