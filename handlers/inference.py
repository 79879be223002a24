"""Inference: what the model says of one machine, or of the fleet, worst first, over HTTP."""

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from contract.environment import InferenceSettings
from handlers import runtime
from handlers.answers import ProblemCode, Response, answer, problem
from handlers.machine_reports import FleetQuery, fleet_report, machine_report
from handlers.stores.model_registry import ModelRegistry
from handlers.stores.serving_model import NoModelError, ServingModel, counts_at_hand
from mlops_core.telemetry import CHANNELS, is_machine_id

logger = Logger()
metrics = Metrics()
_settings = runtime.settings(InferenceSettings)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001 - Lambda passes it
    """Answer a request that API Gateway has authorised (payload format 2.0)."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    try:
        return _answer(event["routeKey"], event.get("pathParameters") or {}, event.get("queryStringParameters") or {})
    except NoModelError as error:
        metrics.add_metric("NoModel", MetricUnit.Count, 1)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, ProblemCode.NO_MODEL, error.message)


def _answer(route: str, path: dict[str, str], query: dict[str, str]) -> Response:
    match route:
        case "GET /machines":
            return _fleet(query)
        case "GET /machines/{machine_id}":
            return _machine(path["machine_id"])
        case _:
            return problem(HTTPStatus.NOT_FOUND, ProblemCode.NOT_FOUND, "There is no such path")


def _fleet(query: dict[str, str]) -> Response:
    try:
        limit = FleetQuery.model_validate(query).limit
    except ValidationError:
        return problem(HTTPStatus.BAD_REQUEST, ProblemCode.BAD_REQUEST, "limit is a whole number from 1 to 1000")
    rows, stale_after = runtime.online_features(_settings()).load_all(), _settings().features_stale_after
    report = fleet_report(_model().current(), rows, now=datetime.now(UTC), stale_after=stale_after, limit=limit)
    return answer(HTTPStatus.OK, report)


def _machine(machine_id: str) -> Response:
    # What cannot be an id is not looked up: it need not even be a key that the table takes.
    row = runtime.online_features(_settings()).load(machine_id) if is_machine_id(machine_id) else None
    if row is None:
        return problem(HTTPStatus.NOT_FOUND, ProblemCode.UNKNOWN_MACHINE, "No machine of that id has had features")
    stale_after = _settings().features_stale_after
    return answer(
        HTTPStatus.OK, machine_report(_model().current(), row, now=datetime.now(UTC), stale_after=stale_after)
    )


@cache
def _model() -> ServingModel:
    return ServingModel(
        ModelRegistry(runtime.lake(_settings())),
        counts=counts_at_hand(list(CHANNELS), _settings().feature_lengths_hours),
        recheck_seconds=_settings().model_recheck.total_seconds(),
    )
