"""``mlops maintenance plan`` and ``unplan``: spans in which a machine is worked on, and so raises no alarm."""

from collections.abc import Callable
from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer

from ops.console import print_answer
from ops.errors import OptionError
from ops.machine_records import MachineId
from ops.options import AsJson, By, OutputsFile, StackName, checked, open_stack

if TYPE_CHECKING:
    from mlops_core.condition import MachineRecord
    from ops.stack import Stack

From = Annotated[str, typer.Option("--from", help="When the work begins: 2026-01-31T09:30:00Z, say.")]


def plan(
    machine_id: MachineId,
    begins: From,
    ends: Annotated[str, typer.Option("--to", help="When it ends.")],
    note: Annotated[str | None, typer.Option("--note", help="What is planned.")] = None,
    by: By = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Plan maintenance. Within it no alarm of limits, silence or models opens, and its rows are not learned from."""
    from pydantic import ValidationError

    from mlops_core.condition import PlannedMaintenance
    from ops.machine_records import read_moment

    try:
        planned = PlannedMaintenance(
            begins=read_moment(begins, "--from"), ends=read_moment(ends, "--to"), note=note, planned_by=by or getuser()
        )
    except ValidationError:
        raise OptionError("--to is not later than --from.", "Nothing was planned.") from None
    loaded = open_stack(stack, outputs)
    record = change_plans(loaded, machine_id, lambda record: record.with_plan(planned))
    _print(record, stack, f"Planned: {machine_id} is worked on from {begins} to {ends}.", as_json=as_json)


def unplan(
    machine_id: MachineId,
    begins: From,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back the maintenance that was planned from a moment on."""
    from ops.machine_records import read_moment

    at = read_moment(begins, "--from")
    record = change_plans(open_stack(stack, outputs), machine_id, lambda record: record.without_plan(at))
    _print(record, stack, f"Nothing is planned of {machine_id} from {begins} on.", as_json=as_json)


def change_plans(
    stack: "Stack", machine_id: str, change: "Callable[[MachineRecord], MachineRecord]"
) -> "MachineRecord":
    """Change what is planned of a machine, which is known from then on; returns what is stored then."""

    def changed(record: "MachineRecord") -> "MachineRecord":
        after = change(record)
        return after if after.since else after.model_copy(update={"since": datetime.now(UTC)})

    return stack.machines.change(checked(machine_id), changed)


def _print(record: "MachineRecord", stack: str, text: str, *, as_json: bool) -> None:
    plans = record.model_dump(mode="json", include={"machine_id", "plans"})
    print_answer({"stack": stack, **plans}, text, as_json=as_json)
