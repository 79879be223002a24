"""``mlops machines describe`` and ``retire``: the record of a machine in the stack's table of machines."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ops.console import print_json, print_line
from ops.errors import OptionError, first_fault
from ops.options import AsJson, OutputsFile, StackName, checked, open_stack

if TYPE_CHECKING:
    from mlops_core.condition import MachineRecord
    from ops.stack import Stack

MachineId = Annotated[str, typer.Argument(help="The machine's id.", metavar="MACHINE_ID")]


def describe(
    machine_id: MachineId,
    machine_class: Annotated[
        str | None,
        typer.Option("--class", help="A class of machineClasses, in the place of that whose patterns match."),
    ] = None,
    iso_group: Annotated[str | None, typer.Option("--iso-group", help="Whose ISO 20816 zones hold.")] = None,
    site: Annotated[str | None, typer.Option("--site", help="Where it is installed.")] = None,
    rated: Annotated[
        list[str] | None, typer.Option("--rated", help="A rated value, such as speed_rpm=1480; may be repeated.")
    ] = None,
    replaced: Annotated[
        list[str] | None,
        typer.Option(
            "--replaced",
            help="A channel whose sensor was replaced or moved, now or at CHANNEL=MOMENT; may be repeated.",
        ),
    ] = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a machine is: class, ISO group, site, rated values, new sensors. Without options, show what is known."""
    from pydantic import ValidationError

    from mlops_core.condition import MachineRecord

    loaded = open_stack(stack, outputs)
    known = loaded.outputs.machine_classes or ()
    if machine_class is not None and machine_class not in known:
        names = ", ".join(known) or "none is configured"
        raise OptionError(f"--class: there is no class {machine_class}.", f"Classes of {stack}: {names}.")
    given = {"machine_class": machine_class, "iso_group": iso_group, "site": site}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    numbers = _rated(rated or [])
    now = datetime.now(UTC)
    moments = _replaced(replaced or [], loaded, now)

    def described(record: "MachineRecord") -> "MachineRecord":
        facts = {
            "rated": {**record.rated, **numbers},
            "replaced": {**record.replaced, **moments},
            "since": record.since or now,
        }
        try:
            return MachineRecord.model_validate({**vars(record), **changes, **facts})
        except ValidationError as error:
            (field, *_), reason = first_fault(error)
            option = {"iso_group": "--iso-group", "site": "--site"}.get(field, field)
            remedy = "`mlops machines describe --help` shows what each takes."
            raise OptionError(f"{option}: {reason}.", remedy) from None

    if changes or numbers or moments:
        _show(loaded.machines.change(checked(machine_id), described), stack, as_json=as_json)
        return
    record = loaded.machines.load(checked(machine_id))
    if record is None:
        raise OptionError(f"{machine_id} has no description.", "Describe it: --class, --site and others.")
    _show(record, stack, as_json=as_json)


def retire(
    machine_id: MachineId,
    at: Annotated[str | None, typer.Option("--at", help="When it left the fleet; now unless you say it.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="It is back: take the retirement back.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say that a machine has left the fleet: it is silent no more, not scored, and raises no alarm. Its data stay."""
    now, loaded = datetime.now(UTC), open_stack(stack, outputs)
    moment = None if undo else now if at is None else read_moment(at, "--at")

    def retired(record: "MachineRecord") -> "MachineRecord":
        return record.model_copy(update={"retired_at": moment, "since": record.since or now})

    record = loaded.machines.change(checked(machine_id), retired)
    if moment is not None:
        _end_alarms(loaded, machine_id, now)
    _show(record, stack, as_json=as_json)


def read_moment(text: str, option: str) -> datetime:
    """Return a moment with an offset from UTC; OptionError, naming the option, for anything else."""
    from pydantic import AwareDatetime, TypeAdapter, ValidationError

    try:
        return TypeAdapter(AwareDatetime).validate_python(text)
    except ValidationError:
        raise OptionError(
            f"{option}: {text!r} is no time with an offset from UTC.", f"Write {option} 2026-01-31T09:30:00Z, say."
        ) from None


def _rated(pairs: list[str]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError:
            raise OptionError(f"--rated: {pair!r} is no NAME=NUMBER.", "Write --rated speed_rpm=1480, say.") from None
    return numbers


def _replaced(given: list[str], stack: "Stack", now: datetime) -> dict[str, datetime]:
    moments: dict[str, datetime] = {}
    for each in given:
        channel, _, moment = each.partition("=")
        if channel not in stack.channels:
            known = ", ".join(stack.channels)
            raise OptionError(f"--replaced: there is no channel {channel!r}.", f"Channels: {known}.")
        moments[channel] = read_moment(moment, "--replaced") if moment else now
    return moments


def _end_alarms(stack: "Stack", machine_id: str, now: datetime) -> None:
    """Close the episodes of a machine that has left, without an announcement."""
    alarms = stack.alarms
    for alarm in alarms.of_machine(machine_id):
        if alarm.episode is not None and alarm.is_open:
            ended = alarm.following(episode=alarm.episode.ended(now), evidence="", now=now)
            if alarms.save(ended, now=now):
                alarms.note_announced(ended)


def _show(record: "MachineRecord", stack: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"stack": stack, **record.model_dump(mode="json")})
        return
    rated = ", ".join(f"{name} {value:g}" for name, value in sorted(record.rated.items()))
    facts = {
        "class": record.machine_class,
        "ISO group": record.iso_group,
        "site": record.site,
        "rated": rated,
        "known since": record.since,
        "retired": record.retired_at,
        **{f"new sensor of {channel}": at for channel, at in sorted(record.replaced.items())},
    }
    print_line(f"{record.machine_id}")
    for name, value in facts.items():
        if value:
            text = f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "tzinfo") else value
            print_line(f"  {name}: {text}")
    for plan in record.plans:
        note = f" ({plan.note})" if plan.note else ""
        print_line(f"  maintenance: {plan.begins:%Y-%m-%d %H:%M} to {plan.ends:%Y-%m-%d %H:%M} UTC{note}")
