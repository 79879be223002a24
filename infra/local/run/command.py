"""What ``python -m infra.local`` does: the options, the stages, and what the screen shows of the result."""

import argparse
import time
from contextlib import ExitStack
from subprocess import CalledProcessError

from botocore.exceptions import BotoCoreError, ClientError
from pulumi import RunError
from rich.table import Table

from infra.local.engine.emulator import LOCAL, Emulator, Endpoint, signals_raise, stop, warnings
from infra.local.engine.environments import emulator_interpreter, lambda_interpreter
from infra.local.run.screen import Screen
from infra.local.run.seeding import HistoryPlan
from infra.local.run.story import Story
from infra.local.run.summary import Summary
from mlops_core.errors import MlopsError
from ops.errors import OpsError

# What can go wrong for whoever runs this, each with a message that says so; anything else is a fault of ours.
EXPECTED = (RuntimeError, TimeoutError, OpsError, MlopsError, RunError, BotoCoreError, ClientError, CalledProcessError)


def main() -> int:
    """Run everything; 0 where all went well, 1 where a stage failed."""
    options = _options()
    screen = Screen()
    if options.stop:
        stopped = stop(LOCAL)
        screen.console.print("The emulator is stopped." if stopped else "No emulator was up.")
        return 0
    began = time.monotonic()
    try:
        with signals_raise(), ExitStack() as cleanup:
            summary, endpoint = _run(screen, cleanup, options, began)
    except EXPECTED as error:
        log = LOCAL / "emulator.log"
        screen.failure(str(error), log, warnings(log))
        return 1
    except KeyboardInterrupt:
        screen.console.print("Interrupted; the emulator is stopped.")
        return 130
    _show(screen, summary)
    if options.keep:
        _show_how_to_use(screen, endpoint)
    return 0


def _run(screen: Screen, cleanup: ExitStack, options: argparse.Namespace, began: float) -> tuple[Summary, Endpoint]:
    with screen.stage("Environments") as stage:
        emulator_interpreter()
        lambda_interpreter()
        stage.result = "the emulator's, and what Lambda provides"
    with screen.stage("Emulator") as stage:
        emulator = cleanup.enter_context(Emulator(LOCAL, keep=options.keep))
        stage.result = emulator.endpoint.endpoint_url
    plan = HistoryPlan(companions=options.companions, days=options.days)
    return Story(screen, emulator, plan).run(began), emulator.endpoint


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=main.__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the emulator up at the end (make local KEEP=1)")
    parser.add_argument("--stop", action="store_true", help="stop an emulator that was left up, and do nothing else")
    plan = HistoryPlan()
    parser.add_argument(
        "--companions", type=int, default=plan.companions, help="machines of history beside the stack's"
    )
    parser.add_argument("--days", type=int, default=plan.days, help="days of history")
    return parser.parse_args()


def _show(screen: Screen, summary: Summary) -> None:
    table = Table(
        title="Machines (times in UTC)", title_justify="left", header_style="bold", box=None, padding=(0, 2, 0, 0)
    )
    for column in ("machine", "status", "zone"):
        table.add_column(column, no_wrap=True)
    for column in ("mm/s", "°C", "features until", "last reading"):
        table.add_column(column, justify="right", no_wrap=True)
    for line in summary.machines:
        numbers = ["-" if value is None else f"{value:.2f}" for value in (line.vibration, line.temperature)]
        moments = ["-" if at is None else f"{at:%d %b %H:%M}" for at in (line.features_until, line.last_reading)]
        table.add_row(line.machine_id, line.status or "-", line.zone or "-", *numbers, *moments)
    screen.console.print(table)
    if summary.predictions:
        screen.console.print(_predictions(summary))
    screen.console.print(f"Done in {summary.elapsed_seconds:.0f} s.")


def _predictions(summary: Summary) -> Table:
    title = f"Predictions of model {(summary.model or {})['version']}"
    table = Table(title=title, title_justify="left", header_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("machine", no_wrap=True)
    table.add_column("fails in 24 h", justify="right")
    table.add_column("hours left, in 8 of 10 cases", justify="right")
    table.add_column("why")
    for told in sorted(summary.predictions, key=lambda told: -(told["failure_probability"] or 0.0)):
        if told["failure_probability"] is None:
            table.add_row(told["machine_id"], "-", "-", "no readings")
            continue
        life, why = told["rul_hours"], [reason["text"] for reason in told["reasons"][:1]]
        hours = f"{life['p50']:.0f} ({life['p10']:.0f} to {life['p90']:.0f})"
        table.add_row(told["machine_id"], f"{told['failure_probability']:.1%}", hours, *(why or ["nothing unusual"]))
    return table


def _show_how_to_use(screen: Screen, endpoint: Endpoint) -> None:
    screen.console.print("\nThe stack stays up. To look at it:", style="bold")
    lines = [
        ".venv/bin/mlops status",
        ".venv/bin/mlops machines list",
        "",
        *(f"export {name}={value}" for name, value in endpoint.environment().items()),
        "aws dynamodb list-tables        # or any AWS SDK: boto3.client('s3').list_buckets()",
        "",
        ".venv/bin/python -m infra.local --stop",
    ]
    for line in lines:
        screen.console.print(f"  {line}", markup=False, soft_wrap=True)
