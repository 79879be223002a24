"""Baseline: what is normal for each machine, learned from features alone; it serves where it keeps what it promises.

The first step of training, so that a stack without one failure has something to say. Judged on healthy weeks that were
held out: a baseline that raises surely more than twice the episodes it promised is stored and does not serve. Hours of
planned maintenance are neither learned from nor judged by.
"""

import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import BaselineSettings
from handlers import runtime
from handlers.logs import logger
from handlers.stores import BaselineRegistry, FeatureHistory, Machines, clients, replaced_sensors
from handlers.training_execution import TrainingEvent
from mlops_core.condition import MachineRecord, level_columns, train_baseline
from mlops_core.condition.classes import class_name
from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.prognosis import label_features, without_planned_maintenance
from mlops_core.telemetry import FAILURES, MAINTENANCE

_settings = runtime.settings(BaselineSettings)

_LONGEST_HISTORY: Final = timedelta(days=60)
"""What is normal shows in two months; more would only take memory."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Fit, judge, store and promote a baseline; returns its version, whether it serves, and why not where it does not.

    Raises ChampionMovedError where another run promoted one meanwhile: tried again, it is judged by what there is then.
    """
    request = TrainingEvent.model_validate(event)
    machines = Machines(clients.dynamodb(), _settings().machines_table).load_all()
    try:
        failures = pl.DataFrame(runtime.label_history(_settings()).load_all(), schema=FAILURES)
        running = _running(request, machines, failures)
        bundle = train_baseline(
            running,
            failures=failures,
            class_of=_classes(running["machine_id"].unique(), machines),
            replaced=replaced_sensors(machines),
            episodes_per_machine_month=_settings().anomaly_episodes_per_machine_month,
        )
    except UntrainableError as error:
        logger.info("No baseline", extra={"problem": error.message})
        return {"version": None, "serves": False, "reason": error.message}
    registry = BaselineRegistry(runtime.lake(_settings()))
    registry.store(bundle)
    stored = registry.champion()
    serves = stored is not None and stored.value.version == bundle.version
    if not serves and not bundle.manifest.refused:
        reason = f"{bundle.manifest.judged_episodes} episodes in {bundle.manifest.judged_machine_months:.1f} held out"
        registry.promote(bundle.version, after=stored, at=datetime.now(UTC), reason=f"Promoted: {reason}")
        serves = True
    outcome = {"version": bundle.version, "serves": serves, "reason": bundle.manifest.refused}
    logger.info("Baseline judged", extra=outcome)
    return outcome


def _running(request: TrainingEvent, machines: Mapping[str, MachineRecord], failures: pl.DataFrame) -> pl.DataFrame:
    """The rows of machines that ran: none between a failure and the return to service, nor of planned maintenance."""
    since = request.started_at - min(_settings().training_history, _LONGEST_HISTORY)
    history = FeatureHistory(runtime.lake(_settings()), since=since, until=request.started_at)
    if history.is_empty:
        raise UntrainableError(UntrainableReason.NO_ROWS, "no features are stored", "Has processing run yet?")
    windows = pl.concat(history.batches(["machine_id", "window_end", *level_columns(history.columns)]))
    repairs = pl.DataFrame(runtime.label_history(_settings()).load_repairs(), schema=MAINTENANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # assumptions about returns are reported where a model is trained
        running = label_features(windows, failures, horizon="24h", maintenance=repairs, known_until=request.started_at)
    return without_planned_maintenance(running.select(windows.columns), machines.values())


def _classes(machine_ids: Iterable[str], machines: Mapping[str, MachineRecord]) -> dict[str, str]:
    """The class of each machine that has one, so that pumps are judged by what is normal for pumps."""
    configured = _settings().machine_classes
    named = ((machine_id, class_name(machine_id, configured, machines.get(machine_id))) for machine_id in machine_ids)
    return {machine_id: name for machine_id, name in named if name is not None}
