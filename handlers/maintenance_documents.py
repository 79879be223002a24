"""What technicians send to the endpoint, and what they are answered."""

from typing import Any, Self

from pydantic import AwareDatetime, Field

from handlers.http import Document, UnreadableBody
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


class RefusedRecord(UnreadableBody):
    """A body that is no record, with each reason."""

    called = "no record of maintenance"
    known_fields = MaintenanceRequest.model_fields.keys()
