"""Inference: what the model says of one machine, or of the fleet, worst first, over HTTP."""

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field, ValidationError

from handlers import settings
from handlers.machine_reports import Document, Problem, ProblemCode, fleet_report, machine_report
from handlers.settings import InferenceSettings
from handlers.stores import clients
from handlers.stores.lake import DataLake
from handlers.stores.model_registry import ModelRegistry
from handlers.stores.online_features import OnlineFeatures
from handlers.stores.serving_model import NoModelError, ServingModel, counts_at_hand
from mlops_core.machines import CHANNELS

logger = Logger()
metrics = Metrics()

Response = dict[str, Any]


class FleetQuery(BaseModel):
    """The query of GET /machines."""

    limit: int = Field(default=100, ge=1, le=1000)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001  Lambda passes it
    """Answer a request that API Gateway has authorised (payload format 2.0)."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    try:
        return _answer(event["routeKey"], event.get("pathParameters") or {}, event.get("queryStringParameters") or {})
    except NoModelError as error:
        metrics.add_metric("NoModel", MetricUnit.Count, 1)
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, ProblemCode.NO_MODEL, error.message)


def _answer(route: str, path: dict[str, str], query: dict[str, str]) -> Response:
    now, stale_after = datetime.now(UTC), _settings().features_stale_after
    match route:
        case "GET /machines":
            try:
                limit = FleetQuery.model_validate(query).limit
            except ValidationError:
                return _problem(HTTPStatus.BAD_REQUEST, ProblemCode.BAD_REQUEST, "limit is a number from 1 to 1000")
            rows = _features().load_all()
            return _ok(fleet_report(_model().current(), rows, now=now, stale_after=stale_after, limit=limit))
        case "GET /machines/{machine_id}":
            row = _features().load(path["machine_id"])
            if row is None:
                message = f"{path['machine_id']} has never had features"
                return _problem(HTTPStatus.NOT_FOUND, ProblemCode.UNKNOWN_MACHINE, message)
            return _ok(machine_report(_model().current(), row, now=now, stale_after=stale_after))
        case _:
            return _problem(HTTPStatus.NOT_FOUND, ProblemCode.NOT_FOUND, f"There is no {route}")


@cache
def _settings() -> InferenceSettings:
    return settings.read(InferenceSettings)


@cache
def _features() -> OnlineFeatures:
    return OnlineFeatures(clients.dynamodb(), _settings().dynamodb_table_name)


@cache
def _model() -> ServingModel:
    return ServingModel(
        ModelRegistry(DataLake(clients.s3(), _settings().data_lake_bucket)),
        counts=counts_at_hand(list(CHANNELS), _settings().feature_lengths_hours),
        recheck_seconds=_settings().model_recheck.total_seconds(),
    )


def _ok(document: Document) -> Response:
    return _response(HTTPStatus.OK, document)


def _problem(status: HTTPStatus, code: ProblemCode, message: str) -> Response:
    return _response(status, Problem(error=code, message=message))


def _response(status: HTTPStatus, document: Document) -> Response:
    return {
        "statusCode": int(status),
        "headers": {"content-type": "application/json"},
        "body": document.model_dump_json(),
    }
