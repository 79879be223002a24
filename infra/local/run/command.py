"""What ``python -m infra.local`` does: the options, the stages, and what the screen shows of the result."""

import argparse
import sys
import time
from contextlib import ExitStack

from infra.local.engine.emulator import LOCAL, STACK_FILE, Emulator, Endpoint, running, signals_raise, stop, warnings
from infra.local.engine.environments import emulator_interpreter, lambda_interpreter
from infra.local.run.screen import EXPECTED, Screen
from infra.local.run.seeding import HistoryPlan
from infra.local.run.stages import LaptopRun
from infra.local.run.summary import Summary
from mlops_core.page import FleetPage
from mlops_core.text import printable
from ops.console import table_of
from ops.overview import UNBROKEN, as_usual, columns, exceptions, reasons, row


def main() -> int:
    """Run everything; 0 where all went well, 1 where a stage failed."""
    options = _options()
    screen = Screen()
    if options.stop:
        stopped = stop(LOCAL)
        screen.console.print("The emulator is stopped." if stopped else "No emulator was up.")
        return 0
    if running(LOCAL) is not None and not _may_end(screen):
        return 1
    began = time.monotonic()
    try:
        with signals_raise(), ExitStack() as cleanup:
            summary, page, endpoint = _run(screen, cleanup, options, began)
    except EXPECTED as error:
        log = LOCAL / "emulator.log"
        screen.failure(str(error), log, warnings(log))
        return 1
    except KeyboardInterrupt:
        screen.console.print("Interrupted; the emulator is stopped.")
        return 130
    _show(screen, summary, page)
    if options.keep:
        _show_how_to_use(screen, endpoint)
    return 0


def _may_end(screen: Screen) -> bool:
    """Ask whether a stack that was left up, and its data, may go."""
    screen.console.print(f"A stack is up ({LOCAL / STACK_FILE}): this run ends it, and its data are lost.")
    if sys.stdin.isatty():
        return screen.console.input("End it? [y/N] ").strip().lower() in {"y", "yes"}
    screen.console.print("End it first: .venv/bin/python -m infra.local --stop", markup=False)
    return False


def _run(
    screen: Screen, cleanup: ExitStack, options: argparse.Namespace, began: float
) -> tuple[Summary, FleetPage, Endpoint]:
    with screen.stage("Environments") as stage:
        emulator_interpreter()
        lambda_interpreter()
        stage.result = "the emulator's, and what Lambda provides"
    with screen.stage("Emulator") as stage:
        emulator = cleanup.enter_context(Emulator(LOCAL, keep=options.keep))
        stage.result = emulator.endpoint.endpoint_url
    plan = HistoryPlan(companions=options.companions, days=options.days)
    run = LaptopRun(screen, emulator, plan)
    summary = run.run(began)
    return summary, run.page, emulator.endpoint


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


def _show(screen: Screen, summary: Summary, page: FleetPage) -> None:
    shown = exceptions(page)
    if shown:
        rows = [row(machine, page) for machine in shown]
        screen.console.print(table_of("The fleet, worst first", columns(page), rows, unbroken=UNBROKEN))
    for line in [*reasons(page), as_usual(page)]:
        screen.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    screen.console.print(f"The page: {LOCAL / 'report.html'}", markup=False, soft_wrap=True)
    screen.console.print(f"Done in {summary.elapsed_seconds:.0f} s.")


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
