"""Maintenance: what a technician records of a machine over HTTP goes into the history that labels training rows.

A function of its own, for the one that predicts must not be able to write.
"""

from base64 import b64decode
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from contract.environment import MaintenanceSettings
from handlers import runtime
from handlers.answers import ProblemCode, Response, answer, problem
from handlers.maintenance_documents import Fault, MaintenanceReceipt, MaintenanceRequest, RefusedRecord
from handlers.stores.label_history import MaintenanceConflictError
from mlops_core.telemetry import MaintenanceRecord, is_machine_id

logger = Logger()
metrics = Metrics()
_settings = runtime.settings(MaintenanceSettings)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001 - Lambda passes it
    """Answer a request that API Gateway has authorised (payload format 2.0)."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    now, machine_id = datetime.now(UTC), event["pathParameters"]["machine_id"]
    try:
        request = MaintenanceRequest.model_validate_json(_body(event))
    except ValidationError as error:
        return answer(HTTPStatus.BAD_REQUEST, RefusedRecord.because_of(error))
    if early := request.in_the_future(now):
        faults = tuple(Fault(field=name, reason="has not come yet") for name in early)
        return answer(HTTPStatus.BAD_REQUEST, RefusedRecord.of(faults))
    if not is_machine_id(machine_id) or runtime.online_features(_settings()).load(machine_id) is None:
        return problem(HTTPStatus.NOT_FOUND, ProblemCode.UNKNOWN_MACHINE, "No machine of that id has had features")
    record = request.of(machine_id)
    try:
        is_new = runtime.label_history(_settings()).record_maintenance(
            record, recorded_at=now, caller=_caller(event), correct=request.is_correction
        )
    except MaintenanceConflictError as error:
        return problem(HTTPStatus.CONFLICT, ProblemCode.CONTRADICTION, error.message)
    _tell(record, is_new=is_new)
    return answer(HTTPStatus.CREATED if is_new else HTTPStatus.OK, MaintenanceReceipt.of(record, is_new=is_new))


def _tell(record: MaintenanceRecord, *, is_new: bool) -> None:
    metrics.add_metric("MaintenanceRecorded", MetricUnit.Count, int(is_new))
    logger.info("Maintenance", extra={"machine_id": record.machine_id, "kind": record.kind, "is_new": is_new})


def _body(event: dict[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    # API Gateway sends as base64 what it does not take for text. Half a surrogate pair is no JSON either way.
    return b64decode(body) if event.get("isBase64Encoded") else body.encode(errors="surrogatepass")


def _caller(event: dict[str, Any]) -> str | None:
    """Who signed the request, as IAM knows them."""
    authorizer: dict[str, dict[str, Any] | None] = event["requestContext"].get("authorizer") or {}
    identity = authorizer.get("iam")
    return identity.get("userArn") if identity else None
