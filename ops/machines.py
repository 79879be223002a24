"""``mlops machines``: the machines that a stack knows, and who of the real ones may publish."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.console import print_answer, print_json, print_line, print_listing
from ops.options import AsJson, OutputsFile, StackName, checked, open_stack

if TYPE_CHECKING:
    from ops.device_access import DeviceAccess
    from ops.device_keys import KeySet
    from ops.stack import Stack

app = typer.Typer(no_args_is_help=True, help="The machines that a stack knows, and the certificates of real ones.")

MachineId = Annotated[str, typer.Argument(help="The machine's id: letters, digits, '-' and '_'.", metavar="MACHINE_ID")]
Request = Annotated[
    Path | None,
    typer.Option("--csr", help="A signing request that the machine made; without it a key is made here."),
]
KeyFolder = Annotated[
    Path,
    typer.Option("--keys", help="Folder of keys and certificates; a set is in STACK/MACHINE_ID/NUMBER below it."),
]
KEYS = Path("devices")


@app.command("list")
def list_machines(stack: StackName = "local", outputs: OutputsFile = None, as_json: AsJson = False) -> None:
    """List machines: state of a simulated one, certificate of a real one, vibration zone, and how fresh data are."""
    from handlers.stores import read_fleet
    from mlops_core.condition import KnownMachine, OperatingState, StateSince
    from ops.device_access import fleet_access

    now, loaded = datetime.now(UTC), open_stack(stack, outputs)
    known = {machine.machine_id: machine for machine in read_fleet(loaded.sources, now)}
    added = fleet_access(loaded.device_registry) if loaded.knows_devices else {}
    never = StateSince(OperatingState.NEW)
    machines = [known.get(name, KnownMachine(name, never, None, None, None, ())) for name in sorted({*known, *added})]
    reports = [
        machine.as_report(now, loaded.sources.silent_after) | {"certificate": added.get(machine.machine_id)}
        for machine in machines
    ]
    print_listing(
        {"stack": stack, "at": now, "machines": reports},
        f"Machines of {stack}",
        [
            "machine",
            "state",
            "certificate",
            "zone",
            "vibration mm/s",
            "features until (UTC)",
            "last reading (UTC)",
        ],
        [
            [
                machine.machine_id,
                str(machine.state.state),
                added.get(machine.machine_id),
                machine.zone,
                machine.vibration,
                machine.window_end,
                machine.last_seen,
            ]
            for machine in machines
        ],
        as_json=as_json,
        unbroken=["machine", "state"],
    )


@app.command("add")
def add(
    machine_id: MachineId,
    csr: Request = None,
    keys: KeyFolder = KEYS,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a real machine publish: a certificate of its own, for its own topics. Run again, it goes on or says again."""
    loaded = open_stack(stack, outputs)
    made = _access(loaded, keys).add(checked(machine_id), csr)
    _note_added(loaded, machine_id)
    _print_connection(loaded, machine_id, made, as_json=as_json)


@app.command("rotate")
def rotate(
    machine_id: MachineId,
    csr: Request = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="The machine uses the new certificate: retire the old one.")
    ] = False,
    keys: KeyFolder = KEYS,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a machine a new certificate beside the old one; with --finish, once it uses the new, retire the old."""
    loaded = open_stack(stack, outputs)
    access = _access(loaded, keys)
    if not finish:
        still = (
            "The old certificate is active still. Once the machine uses this one:"
            f" mlops machines rotate {machine_id} --finish --stack {stack}"
        )
        _print_connection(loaded, machine_id, access.rotate(checked(machine_id), csr), still, as_json=as_json)
        return
    retired = [each.certificate_id for each in access.finish(checked(machine_id))]
    line = f"{machine_id}: {len(retired)} old certificate(s) retired, the newest stays."
    print_answer({"machine_id": machine_id, "retired": retired}, line, as_json=as_json)


@app.command("revoke")
def revoke(
    machine_id: MachineId,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a machine's access away: its certificates are deactivated, then deleted; what it sent stays."""
    loaded = open_stack(stack, outputs)
    revoked = [each.certificate_id for each in _access(loaded, KEYS).revoke(checked(machine_id))]
    line = f"{machine_id} has no certificate in {stack}: `mlops machines list --stack {stack}` shows who has."
    if revoked:
        line = f"{machine_id}: {len(revoked)} certificate(s) revoked. The broker ends open connections in minutes."
    print_answer({"machine_id": machine_id, "revoked": revoked}, line, as_json=as_json)


@app.command("watch")
def watch(
    machine_id: MachineId,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="Look for so long; without it until Ctrl-C.")
    ] = None,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 2.0,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=72, help="Readings of the last hours of event time are looked for.")
    ] = 2,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show live what arrives of a machine, and of what was refused why and what to change.

    First what is there already, the newest of each channel; then whatever is new. With --json one look is printed.
    """
    from ops.quarantined import payload_text
    from ops.watching import Watch, advice

    loaded = open_stack(stack, outputs)
    watching = Watch(loaded.lake, checked(machine_id), hours=hours)
    ends_at = None if seconds is None else time.monotonic() + seconds
    arrivals, refused = watching.look(datetime.now(UTC))
    if as_json:
        print_json(
            {
                "stack": stack,
                "machine_id": machine_id,
                "readings": [vars(one) for one in arrivals],
                "refused": [
                    {
                        "reason": str(record.reason),
                        "detail": record.detail,
                        "topic": record.topic,
                        "received_at": record.received_at,
                        "advice": advice(record, loaded.channels),
                        **payload_text(record.payload),
                    }
                    for _, record in refused
                ],
            }
        )
        return
    arrivals, refused = list({one.channel: one for one in arrivals}.values()), refused[-3:]
    print_line(f"{machine_id}: what is there, then what arrives. Ctrl-C ends this.")
    while True:
        for one in arrivals:
            value = "BAD, no measurement" if one.value is None else f"{one.value:g}"
            print_line(f"{one.event_timestamp:%Y-%m-%d %H:%M:%S}  {one.channel:<16} {value}")
        for _, record in refused:
            print_line(f"{record.received_at:%Y-%m-%d %H:%M:%S}  REFUSED {record.reason}: {record.detail}")
            print_line(f"{'':21}on {record.topic}: {payload_text(record.payload[:200]).popitem()[1]}")
            print_line(f"{'':21}-> {advice(record, loaded.channels)}")
        if ends_at is not None and time.monotonic() >= ends_at:
            return
        time.sleep(every)
        arrivals, refused = watching.look(datetime.now(UTC))


def _access(stack: "Stack", keys: Path) -> "DeviceAccess":
    from ops.device_access import DeviceAccess

    return DeviceAccess(stack.device_registry, keys / stack.name)


def _note_added(stack: "Stack", machine_id: str) -> None:
    """Note since when a machine is known: it is new, and not silent, until something should have arrived."""
    now = datetime.now(UTC)
    stack.machines.change(
        machine_id, lambda record: record if record.since else record.model_copy(update={"since": now})
    )


def _print_connection(stack: "Stack", machine_id: str, made: "KeySet", *more: str, as_json: bool) -> None:
    from ops.device_connection import connection

    details = connection(stack, machine_id, made)
    print_answer(details.as_report(), *details.lines(), *more, as_json=as_json)
