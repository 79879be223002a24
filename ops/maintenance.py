"""``mlops maintenance``: what technicians know of machines and no sensor measured."""

from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_core.time import utc_text
from ops.console import print_answer, print_listing
from ops.errors import OptionError, first_fault
from ops.options import AsJson, By, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    from handlers.stores import LabelEntry
    from mlops_core.telemetry import MaintenanceRecord

app = typer.Typer(
    no_args_is_help=True, help="Failures and repairs that no sensor announced: what models learn from, beside sensors."
)

_OPTIONS = {
    "machine_id": "MACHINE_ID",
    "kind": "--kind",
    "at": "--at",
    "returned_to_service_at": "--returned",
    "note": "--note",
    "recorded_by": "--by",
}


MachineId = Annotated[str, typer.Argument(help="The machine's id, as `mlops machines list` shows it.")]
Kind = Annotated[
    str, typer.Option("--kind", help="failure, or repair: work after which the machine is as good as new.")
]
At = Annotated[str, typer.Option("--at", help="When it failed or was taken out of service: 2026-01-31T09:30:00Z, say.")]


@app.command("record")
def record(
    machine_id: MachineId,
    kind: Kind,
    at: At,
    returned: Annotated[
        str | None, typer.Option("--returned", help="When it ran again, if it does; of a repair without it: at once.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="What was found or done.")] = None,
    by: By = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Replace the return to service and the note that are stored already.")
    ] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Record a failure or a repair. The same again changes nothing; what contradicts a record is refused.

    No training row is made of a machine between its failure and its return to service. If sensors announced the
    failure, record the repair that followed it: it gives the return that they cannot know.
    """
    now = datetime.now(UTC)
    stated = _read(
        machine_id=machine_id, kind=kind, at=at, returned_to_service_at=returned, note=note, recorded_by=by or getuser()
    )
    if early := stated.in_the_future(now):
        raise OptionError(f"{_OPTIONS[early[0]]} has not come yet.", "Record what has happened, once it has.")
    loaded = open_stack(stack, outputs)
    if loaded.online_features.load(machine_id) is None:
        raise OptionError(
            f"No machine {machine_id} has had features.",
            f"`mlops machines list --stack {stack}` names those there are.",
        )
    is_new = loaded.label_history.record_maintenance(stated, recorded_at=now, correct=correct)
    shown = stated.model_dump(mode="json", include={"machine_id", "kind", "note", "recorded_by"})
    moments = {"at": stated.at, "returned_to_service_at": stated.returned_to_service_at}
    print_answer(
        {"stack": stack, "is_new": is_new, **shown, **moments},
        f"{'Recorded' if is_new else 'Recorded already'}: {stated.kind} of {stated.machine_id} at {utc_text(stated.at)}"
        + (f", back at {utc_text(stated.returned_to_service_at)}" if stated.returned_to_service_at else ""),
        as_json=as_json,
    )


@app.command("withdraw")
def withdraw(
    machine_id: MachineId,
    kind: Kind,
    at: At,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back what was recorded by mistake. What sensors announced stays."""
    stated = _read(machine_id=machine_id, kind=kind, at=at)
    loaded = open_stack(stack, outputs)
    if not loaded.label_history.withdraw(stated):
        raise OptionError(
            f"No {stated.kind} of {machine_id} at {utc_text(stated.at)} was recorded by an operator alone.",
            f"`mlops maintenance list --stack {stack}` shows what is on record.",
        )
    withdrawn = {"machine_id": machine_id, "kind": str(stated.kind), "at": stated.at}
    line = f"Withdrawn: {stated.kind} of {machine_id} at {utc_text(stated.at)}"
    print_answer({"stack": stack, "withdrawn": withdrawn}, line, as_json=as_json)


@app.command("list")
def list_maintenance(
    machine: Annotated[str | None, typer.Option("--machine", help="Only this machine.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=36600, help="Only so many days back.")] = 90,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """List failures and repairs, the newest first: who or what recorded it, and when the machine ran again."""
    loaded, since = open_stack(stack, outputs), datetime.now(UTC) - timedelta(days=days)
    entries = sorted(
        (
            entry
            for entry in loaded.label_history.entries()
            if entry.event_timestamp >= since and machine in {None, entry.machine_id}
        ),
        key=lambda entry: (entry.event_timestamp, entry.machine_id, entry.kind),
        reverse=True,
    )
    print_listing(
        {"stack": stack, "entries": [{**vars(entry), "source": _source(entry)} for entry in entries]},
        f"Failures and repairs of {stack}",
        ["machine", "what", "at (UTC)", "back at (UTC)", "said by", "code", "note"],
        [
            [e.machine_id, str(e.kind), e.event_timestamp, e.returned_to_service_at, _source(e), e.event_code, e.note]
            for e in entries
        ],
        as_json=as_json,
        if_empty=f"Nothing is recorded of the last {days} days.",
    )


def _source(entry: "LabelEntry") -> str:
    """Sensors, the operator who recorded it, or both."""
    said_by = ("sensors" if entry.measured_value is not None else None, entry.recorded_by or entry.caller)
    return " and ".join(each for each in said_by if each is not None)


def _read(**fields: str | None) -> "MaintenanceRecord":
    """What the options say; OptionError, naming the first at fault, where they say nothing that can be recorded."""
    from pydantic import ValidationError

    from mlops_core.telemetry import MaintenanceRecord

    try:
        return MaintenanceRecord.model_validate(fields, strict=False)
    except ValidationError as error:
        where, reason = first_fault(error)
        option = _OPTIONS[where[0]] if where else "--returned"
        remedy = "`mlops maintenance record --help` shows what each option takes."
        raise OptionError(f"{option}: {reason.removeprefix('returned_to_service_at ')}.", remedy) from None
