"""``mlops local up``, ``down`` and ``reset``: a stack that is deployed once and goes on where it stopped."""

import argparse
import fcntl
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from infra.local.engine.emulator import (
    LAKE,
    STACK_FILE,
    STATE,
    Emulator,
    Ports,
    PortTakenError,
    running,
    signals_raise,
    stop,
    warnings,
)
from infra.local.engine.environments import BUILD, emulator_interpreter, lambda_interpreter
from infra.local.engine.snapshots import SECONDS
from infra.local.lasting.record import FILE, PORTS, Record, kept_bytes, program_digest, update_code
from infra.local.run.screen import EXPECTED, Screen
from infra.local.run.seeding import HistoryPlan
from infra.local.run.stages import LaptopRun

FOLDER = BUILD / "local-stack"
_MEGABYTE = 1e6


class BusyError(RuntimeError):
    """Another command works on the same stack."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"Another `mlops local` works in {folder}: wait until it has ended.")


class PortsFixedError(RuntimeError):
    """A stack that exists is to answer elsewhere."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(
            f"This stack answers on port {ports.gateway}, MQTT on {ports.mqtt}, and its addresses are in what was"
            " deployed. Another port takes another --directory, or `mlops local reset` first."
        )


def main(arguments: list[str] | None = None) -> int:
    """Do what was asked; 0 where it was done, 1 where it failed, 130 after Ctrl-C."""
    options = _options(arguments)
    screen, folder = Screen(), options.directory.resolve()
    try:
        with signals_raise(), _alone(folder):
            match options.verb:
                case "up":
                    return _up(screen, folder, options)
                case "down":
                    return _down(screen, folder)
                case _:
                    return _reset(screen, folder, may=options.yes)
    except EXPECTED as error:
        if isinstance(error, PortTakenError):
            _say(screen, f"{error} Free it, or choose: mlops local up --port N --mqtt-port M")
        elif isinstance(error, BusyError | PortsFixedError):
            _say(screen, str(error))
        else:
            log = folder / "emulator.log"
            screen.failure(str(error), log, warnings(log))
        return 1
    except KeyboardInterrupt:
        _say(screen, f"Interrupted. {_state_of(folder)}")
        return 130


def _up(screen: Screen, folder: Path, options: argparse.Namespace) -> int:
    record = Record.of(folder)
    asked = Ports(
        options.port or (record.gateway_port if record else PORTS.gateway),
        options.mqtt_port or (record.mqtt_port if record else PORTS.mqtt),
    )
    if record is not None and asked != record.ports:
        raise PortsFixedError(record.ports)
    if record is None:
        _make(screen, folder, asked, HistoryPlan(companions=options.companions, days=options.days))
    elif running(folder) is None:
        _take_up(screen, folder, record)
    _say(screen, _state_of(folder))
    if record is not None and record.program != program_digest():
        _say(screen, "Resources or configuration have changed since it was deployed; only functions' code is renewed.")
        _say(screen, "To deploy it anew, without its data: mlops local reset")
    _say(screen, "mlops ui, fleet, alarms and the rest find it as the stack `local`. To end it: mlops local down")
    return 0


def _take_up(screen: Screen, folder: Path, record: Record) -> None:
    """Start what the folder holds, with the functions of this checkout."""
    with (
        screen.stage("Emulator") as stage,
        Emulator(folder, keep=True, ports=record.ports, lasting=True) as emulator,
    ):
        emulator.describe(record.outputs)
        changed = update_code(emulator.endpoint)
        if changed:
            emulator.save()
        stage.result = f"{kept_bytes(folder) / _MEGABYTE:,.0f} MB taken up again, {changed} functions have new code"


def _make(screen: Screen, folder: Path, ports: Ports, plan: HistoryPlan) -> None:
    """Deploy and fill a new stack; what does not come to its end is removed."""
    stop(folder)
    _remove(folder)  # what an earlier making that was killed has left
    with screen.stage("Environments") as stage:
        emulator_interpreter()
        lambda_interpreter()
        stage.result = "the emulator's, and what Lambda provides"
    program = program_digest()
    try:
        with Emulator(folder, keep=True, ports=ports, lasting=True) as emulator:
            outputs = LaptopRun(screen, emulator, plan).begin()
            with screen.stage("State") as stage:
                emulator.save()
                record = Record(
                    gateway_port=ports.gateway,
                    mqtt_port=ports.mqtt,
                    made_at=datetime.now(UTC),
                    outputs=outputs,
                    program=program,
                )
                record.write(folder)
                stage.result = f"{kept_bytes(folder) / _MEGABYTE:,.0f} MB under {folder}"
    except BaseException:
        _remove(folder)
        raise


def _down(screen: Screen, folder: Path) -> int:
    if running(folder) is None:
        _say(screen, _state_of(folder))
        return 0
    with screen.stage("Stop") as stage:
        stop(folder)
        stage.result = f"{kept_bytes(folder) / _MEGABYTE:,.0f} MB kept under {folder}"
    _say(screen, "Everything is kept. To go on: mlops local up. To remove it: mlops local reset")
    return 0


def _reset(screen: Screen, folder: Path, *, may: bool) -> int:
    record = Record.of(folder)
    if record is None and not (folder / STATE).exists():
        _say(screen, f"There is no stack under {folder}.")
        return 0
    made = f"made on {record.made_at:%d %B %Y}" if record else "that was never finished"
    _say(screen, f"The stack {made} and all its data, {kept_bytes(folder) / _MEGABYTE:,.0f} MB under {folder}, go.")
    if not may:
        if not sys.stdin.isatty():
            _say(screen, "Nothing is removed without a yes: mlops local reset --yes")
            return 1
        if screen.console.input("Remove them? [y/N] ").strip().lower() not in {"y", "yes"}:
            _say(screen, "Nothing is removed.")
            return 1
    stop(folder)
    _remove(folder)
    _say(screen, "Removed.")
    return 0


def _remove(folder: Path) -> None:
    """Remove the record first: what is left of the rest by a kill is then known to be half."""
    (folder / FILE).unlink(missing_ok=True)
    for part in (STATE, LAKE, "tmp"):
        shutil.rmtree(folder / part, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".guard").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(folder) from None
        yield


def _state_of(folder: Path) -> str:
    """Say what is there now, as it is."""
    record, endpoint = Record.of(folder), running(folder)
    if record is None:
        return f"There is no stack under {folder}: nothing half is left of one. To make one: mlops local up"
    if endpoint is None:
        return f"The stack under {folder} is down, its data are kept. To go on: mlops local up"
    return (
        f"The stack is up on {endpoint.endpoint_url}, MQTT on {endpoint.mqtt_port} ({folder / STACK_FILE}). Its lake is"
        f" on disk as it is written, the rest at most {SECONDS:.0f} s later."
    )


def _say(screen: Screen, line: str) -> None:
    screen.console.print(line, markup=False, soft_wrap=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    plan = HistoryPlan()
    parser = argparse.ArgumentParser(prog="mlops local", description=main.__doc__)
    parser.add_argument("verb", choices=("up", "down", "reset"))
    parser.add_argument("--directory", type=Path, default=FOLDER)
    parser.add_argument("--port", type=int)
    parser.add_argument("--mqtt-port", type=int)
    parser.add_argument("--companions", type=int, default=plan.companions)
    parser.add_argument("--days", type=int, default=plan.days)
    parser.add_argument("--yes", action="store_true")
    return parser.parse_args(arguments)
