"""What a person may do from the page. Who does it is the IAM principal; the name that was stated stands beside it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from handlers.stores.label_history import LabelHistory
from mlops_core.telemetry import MachineId, MaintenanceKind, MaintenanceRecord
from mlops_core.time import utc_text
from ops.errors import OptionError

if TYPE_CHECKING:
    from ops.stack import Stack
    from ops.ui.server import Action


class _Repair(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    machine_id: MachineId
    kind: MaintenanceKind
    occurred_at: AwareDatetime
    returned_at: AwareDatetime | None = None
    note: str = Field(min_length=1)
    stated_name: str = Field(min_length=1)


def repair_action(stack: "Stack", principal: str) -> "Action":
    """Return the action that records a repair, or a failure and its repair."""
    history = LabelHistory(stack.dynamodb, stack.outputs.label_history_table_name)

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
            problem = error.errors(include_input=False)[0]
            where = " ".join(str(part) for part in problem["loc"])
            raise OptionError(f"{where}: {problem['msg']}.", "Nothing was recorded.") from None
        if made.in_the_future(now):
            raise OptionError("That has not come yet.", "Record what has happened, once it has.")
        is_new = history.record_maintenance(made, recorded_at=now, caller=principal)
        return (
            f"{'Recorded' if is_new else 'Recorded already'}: {made.kind} of {made.machine_id} at {utc_text(made.at)}."
        )

    return record
