"""Inference: what the model says of one machine, or of the fleet, worst first, over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import InferenceSettings
from handlers import http, runtime
from handlers.logs import count, logger, metrics
from handlers.machine_reports import FleetReport, Judges, MachineReport, fleet_report, machine_report, ranked
from handlers.machine_states import machine_knowledge, state_of, states_of
from handlers.stores import (
    BaselineRegistry,
    ModelRegistry,
    NoModelError,
    Serving,
    last_seen_object,
    load_servable,
    ranking_object,
    recipe_of,
    replaced_of,
)
from mlops_core.alerting import MachineLastSeen, last_seen_by_machine
from mlops_core.condition import BaselineBundle
from mlops_core.prognosis import ModelBundle

_settings = runtime.settings(InferenceSettings)

LIVE_FLEET: Final = 500
"""Machines up to which a list is made of what is known at the request: about half a second."""

_NO_MODEL: Final = (
    503,
    "Neither a model nor a baseline may serve: none was promoted, or all that were are refused",
    http.NoModel,
)


app = http.resolver(lambda _: http.BadRequest(message="limit is a whole number from 1 to 1000"))


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request that API Gateway has authorised (payload format 2.0)."""
    count(Requests=1)
    return app.resolve(event, context)


@app.get(
    "/machines",
    summary="The fleet, the most probable failure first",
    operation_id="listMachines",
    tags=["predictions"],
    responses=http.responses(
        (200, "The worst machines, up to the limit", FleetReport),
        (400, "A query that cannot be read", http.BadRequest),
        _NO_MODEL,
    ),
)
def fleet(limit: Annotated[int, Query(ge=1, le=1000, description="Most machines in the answer")] = 100) -> FleetReport:
    """Return the worst machines of the fleet.

    Of a fleet beyond `LIVE_FLEET` as the last scoring run ranked them, so that the time does not follow its size. Where
    that was by another model, between a promotion and the next run, all are ranked here.
    """
    judges, now = _judges(), datetime.now(UTC)
    stored, rows = ranking_object(runtime.lake(_settings())).readable(), []
    ranking = stored.value if stored else None
    is_of_model = ranking is not None and judges.model is not None and ranking.model_version == judges.model.version
    if ranking is None or ranking.total <= LIVE_FLEET or not is_of_model:
        rows = runtime.online_features(_settings()).load_all()
        known, seen = machine_knowledge(_settings()).of_fleet(), _last_seen()
        states = states_of(rows, known, seen, at=now, silent_after=_settings().silent_after)
        judges = judges.for_sensors(replaced_of(known))
        ranking = ranked(judges, rows, states)
    return fleet_report(judges, ranking, rows, now=now, limit=limit)


@app.get(
    "/machines/<machine_id>",
    summary="One machine: probability, remaining life, severity, and why",
    operation_id="getMachine",
    tags=["predictions"],
    responses=http.responses(
        (200, "What is foretold, or in its status why nothing is", MachineReport),
        (404, "No machine of that id has had features", http.UnknownMachine),
        _NO_MODEL,
    ),
)
def machine(machine_id: http.MachineIdInPath) -> MachineReport:
    """Return what the model says of one machine."""
    row = runtime.online_features(_settings()).load(machine_id)
    if row is None:
        raise http.UnknownMachineError
    judges, now = _judges(), datetime.now(UTC)
    known, seen = machine_knowledge(_settings()).of_machine(machine_id), _last_seen().get(machine_id)
    state = state_of(row, known, seen, at=now, silent_after=_settings().silent_after)
    return machine_report(judges.for_sensors(replaced_of({machine_id: known})), row, state=state, now=now)


def _last_seen() -> Mapping[str, MachineLastSeen]:
    """Return when each machine was last seen, as of the last scoring run."""
    stored = last_seen_object(runtime.lake(_settings())).readable()
    return last_seen_by_machine((stored and stored.value) or {})


@app.exception_handler(NoModelError)
def no_model(error: NoModelError) -> Response[str]:
    """Answer that no model may serve, and count it."""
    count(NoModel=1)
    return http.respond(HTTPStatus.SERVICE_UNAVAILABLE, http.NoModel(message=error.message))


def _judges() -> Judges:
    """What machines are judged by now. Raises NoModelError where there is neither a model nor a baseline."""
    bundle = _baseline().sound()
    try:
        model = _model().current()
    except NoModelError:
        if bundle is None:
            raise
        model = None
    baseline, version = (None, None) if bundle is None else (bundle.baseline, bundle.version)
    return Judges(model, baseline, version, _settings().features_stale_after)


@cache
def _baseline() -> Serving[BaselineBundle]:
    registry = BaselineRegistry(runtime.lake(_settings()))
    return Serving(registry, recheck_seconds=_settings().model_recheck.total_seconds())


@cache
def _model() -> Serving[ModelBundle]:
    registry = ModelRegistry(runtime.lake(_settings()))
    return Serving(
        registry,
        load=partial(load_servable, registry, stack=recipe_of(_settings(), runtime.channels(_settings()))),
        recheck_seconds=_settings().model_recheck.total_seconds(),
    )
