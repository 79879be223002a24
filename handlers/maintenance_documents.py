"""What technicians send to the endpoint, and what they are answered."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import AwareDatetime, Field

from handlers.http import BadRequest, Document
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, MaintenanceReport


class MaintenanceRequest(MaintenanceReport):
    """What happened to the machine of the path, and when."""

    is_correction: bool = Field(
        default=False, description="Whether to replace the return to service and note that are stored already"
    )

    def of(self, machine_id: str) -> MaintenanceRecord:
        """Return the record of a machine."""
        said = {name: getattr(self, name) for name in MaintenanceReport.model_fields}
        return MaintenanceRecord(machine_id=machine_id, **said)


class MaintenanceReceipt(Document):
    """What was recorded."""

    machine_id: str
    kind: MaintenanceKind
    at: AwareDatetime
    returned_to_service_at: AwareDatetime | None
    is_new: bool = Field(description="False where all of it stood there already")

    @classmethod
    def of(cls, record: MaintenanceRecord, *, is_new: bool) -> Self:
        """Return the receipt of a record."""
        said: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields if name != "is_new"}
        return cls(is_new=is_new, **said)


class Fault(Document):
    """One reason why a record is refused."""

    field: str = Field(description="Of the body; empty where it is the body as a whole")
    reason: str


class RefusedRecord(BadRequest):
    """A body that is no record, with each reason."""

    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, faults: tuple[Fault, ...]) -> Self:
        """Return the problem that these faults make."""
        reasons = "; ".join(f"{fault.field} {fault.reason}".strip() for fault in faults)
        return cls(message=f"This is no record of maintenance: {reasons}", faults=faults)

    @classmethod
    def because_of(cls, faults: Sequence[Mapping[str, Any]]) -> Self:
        """Return the problem that reading the body ran into; what the body holds is not repeated."""
        return cls.of(tuple(_fault(found["loc"][1:], found["msg"]) for found in faults))


def _fault(location: tuple[int | str, ...], message: str) -> Fault:
    known = {*MaintenanceRequest.model_fields}
    field = ".".join(str(part) for part in location)
    # The name of an unknown field is the sender's own text: it is not sent back.
    return Fault(field=field if field in known else "", reason=message.removeprefix("Value error, "))
