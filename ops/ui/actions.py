"""What a person may do from the page. Who does it is the IAM principal; the stated name is kept beside it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from mlops_core.alerting import Answer, AnswerAction
from mlops_core.condition import PlannedMaintenance
from mlops_core.telemetry import MachineId, MaintenanceKind, MaintenanceRecord
from mlops_core.time import utc_text
from ops.errors import OptionError, first_fault
from ops.planned_maintenance import change_plans

if TYPE_CHECKING:
    from ops.stack import Stack
    from ops.ui.server import Action


_DONE: Final = {
    AnswerAction.ACKNOWLEDGE: "Acknowledged",
    AnswerAction.BEGIN_WORK: "Work begun",
    AnswerAction.SHELVE: "Shelved",
    AnswerAction.CLOSE: "Verdict given",
}


class _Repair(BaseModel, frozen=True, extra="ignore"):
    machine_id: MachineId
    kind: MaintenanceKind
    occurred_at: AwareDatetime
    returned_at: AwareDatetime | None = None
    note: str = Field(min_length=1)
    stated_name: str = Field(min_length=1)


class _Plan(BaseModel, frozen=True, extra="ignore"):
    machine_id: MachineId
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    note: str = Field(min_length=1)
    stated_name: str = Field(min_length=1)


def plan_action(stack: "Stack", principal: str) -> "Action":
    """Return the action that plans maintenance of a machine."""

    def plan(fields: Mapping[str, object]) -> str:
        try:
            asked = _Plan.model_validate(fields)
            planned = PlannedMaintenance(
                begins=asked.starts_at,
                ends=asked.ends_at,
                note=asked.note,
                planned_by=f"{asked.stated_name} ({principal})",
            )
        except ValidationError as error:
            raise OptionError(f"{_problem(error)}.", "Nothing was planned.") from None
        change_plans(stack, asked.machine_id, lambda record: record.with_plan(planned))
        span = f"{utc_text(planned.begins)} to {utc_text(planned.ends)}"
        return f"Planned: {asked.machine_id} is worked on from {span}."

    return plan


def repair_action(stack: "Stack", principal: str) -> "Action":
    """Return the action that records a repair, or a failure and its repair."""
    history = stack.label_history

    def record(fields: Mapping[str, object]) -> str:
        now = datetime.now(UTC)
        try:
            asked = _Repair.model_validate(fields)
            made = MaintenanceRecord(
                machine_id=asked.machine_id,
                kind=asked.kind,
                at=asked.occurred_at,
                returned_to_service_at=asked.returned_at,
                note=asked.note,
                recorded_by=asked.stated_name,
            )
        except ValidationError as error:
            raise OptionError(f"{_problem(error)}.", "Nothing was recorded.") from None
        if made.in_the_future(now):
            raise OptionError("That has not come yet.", "Record what has happened, once it has.")
        is_new = history.record_maintenance(made, recorded_at=now, caller=principal)
        return (
            f"{'Recorded' if is_new else 'Recorded already'}: {made.kind} of {made.machine_id} at {utc_text(made.at)}."
        )

    return record


def alarm_actions(stack: "Stack", principal: str) -> "Mapping[str, Action]":
    """Return the actions that answer an alarm: acknowledge it, begin the work, shelve it, close it with a verdict."""
    alarms = stack.alarms

    def action(name: AnswerAction) -> "Action":
        def answer(fields: Mapping[str, object]) -> str:
            given = {key: value for key, value in fields.items() if key in Answer.model_fields and value != ""}
            asked = read_answer({**given, "action": name})
            episode = alarms.answer(str(fields.get("alarm_id")), asked, principal=principal, now=datetime.now(UTC))
            return f"{_DONE[name]}: {episode.machine_id}, {episode.id}."

        return answer

    named = {
        "acknowledge": AnswerAction.ACKNOWLEDGE,
        "begin": AnswerAction.BEGIN_WORK,
        "shelve": AnswerAction.SHELVE,
        "verdict": AnswerAction.CLOSE,
    }
    return {name: action(each) for name, each in named.items()}


def read_answer(given: Mapping[str, object]) -> Answer:
    """Return the given fields as an answer to an alarm; OptionError where it is none."""
    try:
        return Answer.model_validate(given)
    except ValidationError as error:
        raise OptionError(f"{_problem(error)}.", "Nothing was changed.") from None


def _problem(error: ValidationError) -> str:
    """Return the first problem in words, with the field that it is about."""
    where, reason = first_fault(error)
    return " ".join([*where, reason])
