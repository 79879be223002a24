"""Maintenance: what a technician records of a machine over HTTP goes into the history that labels training rows.

A function of its own, for the one that predicts must not be able to write.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, Field

from contract.environment import MaintenanceSettings
from handlers import http, runtime
from handlers.logs import count, logger, metrics
from handlers.stores import MaintenanceConflictError
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, MaintenanceReport

_settings = runtime.settings(MaintenanceSettings)


class MaintenanceRequest(MaintenanceReport):
    """What happened to the machine of the path, and when."""

    is_correction: bool = Field(
        default=False, description="Whether to replace the return to service and note that are stored already"
    )

    def of(self, machine_id: str) -> MaintenanceRecord:
        """Return the record of a machine."""
        return MaintenanceRecord(machine_id=machine_id, **self.model_dump(exclude={"is_correction"}))


class MaintenanceReceipt(http.Document):
    """What was recorded."""

    machine_id: str
    kind: MaintenanceKind
    at: AwareDatetime
    returned_to_service_at: AwareDatetime | None
    is_new: bool = Field(description="False where all of it was recorded already")

    @classmethod
    def of(cls, record: MaintenanceRecord, *, is_new: bool) -> Self:
        """Return the receipt of a record."""
        fields: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields if name != "is_new"}
        return cls(is_new=is_new, **fields)


class RefusedRecord(http.UnreadableBody):
    """A body that is no record, with each reason."""

    called = "no record of maintenance"
    known_fields = MaintenanceRequest.model_fields.keys()


app = http.resolver(RefusedRecord.because_of)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request that API Gateway has authorised (payload format 2.0)."""
    count(Requests=1)
    return app.resolve(event, context)


@app.post(
    "/machines/<machine_id>/maintenance",
    summary="Record a failure or a repair that no sensor announced; the same record again changes nothing",
    operation_id="recordMaintenance",
    tags=["maintenance"],
    responses=http.responses(
        (200, "All of it was recorded already", MaintenanceReceipt),
        (201, "Recorded", MaintenanceReceipt),
        (400, "A body that is no record, with each reason", RefusedRecord),
        (404, "No machine of that id has had features", http.UnknownMachine),
        (409, "Another return to service or note is on record: send a correction", http.Contradiction),
    ),
)
def record_maintenance(
    machine_id: http.MachineIdInPath, request: Annotated[MaintenanceRequest, Body()]
) -> Response[str]:
    """Record what a technician says of a machine."""
    now = datetime.now(UTC)
    if early := request.in_the_future(now):
        faults = tuple(http.Fault(field=name, reason="has not come yet") for name in early)
        return http.respond(HTTPStatus.BAD_REQUEST, RefusedRecord.of(faults))
    if runtime.online_features(_settings()).load(machine_id) is None:
        raise http.UnknownMachineError
    record = request.of(machine_id)
    is_new = runtime.label_history(_settings()).record_maintenance(
        record, recorded_at=now, caller=http.caller(app.current_event.raw_event), correct=request.is_correction
    )
    count(MaintenanceRecorded=int(is_new))
    logger.info("Maintenance", extra={"machine_id": machine_id, "kind": record.kind, "is_new": is_new})
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return http.respond(status, MaintenanceReceipt.of(record, is_new=is_new))


@app.exception_handler(MaintenanceConflictError)
def contradiction(error: MaintenanceConflictError) -> Response[str]:
    """Answer that what is recorded already says otherwise."""
    return http.respond(HTTPStatus.CONFLICT, http.Contradiction(message=error.message))
