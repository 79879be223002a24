"""Trial: once a week, what the champion predicted against what then happened, and whose levels have shifted for good.

The report is kept in the lake, one a day. A notice names only promises that are surely not kept, and levels that
shifted since the week before, of machines or of whole classes; a week without any says nothing. The message is sent
before the report is kept, so a run that ends between the two sends it again.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import TrialSettings
from handlers import runtime
from handlers.logs import logger
from handlers.stores import BaselineRegistry, FeatureHistory, LabelHistory, ModelRegistry, Notifier, clients, try_stored
from mlops_core.alerting import trial_notice
from mlops_core.condition import ClassStep, LevelShift, class_steps, level_shifts, shift_columns
from mlops_core.features import returns_to_service
from mlops_core.lake import trial_key
from mlops_core.prognosis import Trial
from mlops_core.records import canonical_json
from mlops_core.telemetry import FAILURES, MAINTENANCE

_settings = runtime.settings(TrialSettings)

_LOOKED_AT: Final = timedelta(days=90)
_WEEK: Final = timedelta(days=7)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Try the champion; returns which promises are surely not kept and how many levels have shifted."""
    now = datetime.now(UTC)
    lake, key = runtime.lake(_settings()), trial_key(now)
    if lake.versions(key):
        return {"key": key, "broken": [], "shifts": 0}
    history = runtime.label_history(_settings())
    version, trial = _trial(history, now)
    baseline_version, shifts, steps = _shifts(history, now)
    broken = trial.broken if trial else ()
    if broken or shifts or steps:
        notice = trial_notice(version, broken, shifts, steps)
        Notifier(clients.sns(), _settings().notice_topic_arn, _settings().time_zone).publish(notice, about="trial")
    report = {
        "at": now,
        "model_version": version,
        "trial": trial,
        "baseline_version": baseline_version,
        "shifts": shifts,
        "class_steps": steps,
    }
    lake.create(key, canonical_json(report))
    outcome = {"key": key, "broken": list(broken), "shifts": len(shifts) + len(steps)}
    logger.info("Champion tried", extra=outcome)
    return outcome


def _trial(history: LabelHistory, now: datetime) -> tuple[str | None, Trial | None]:
    """The version of the model, and its trial; None without a model, or before it has predicted anything."""
    registry = ModelRegistry(runtime.lake(_settings()))
    champion = registry.champion()
    if champion is None:
        return None, None
    bundle = registry.load(champion.value.version)
    return bundle.version, try_stored(bundle, runtime.lake(_settings()), history, since=now - _LOOKED_AT, now=now)


def _shifts(history: LabelHistory, now: datetime) -> tuple[str | None, tuple[LevelShift, ...], tuple[ClassStep, ...]]:
    """The version of the baseline, and what shifted since the week before: levels of machines, and of whole classes."""
    registry = BaselineRegistry(runtime.lake(_settings()))
    champion = registry.champion()
    if champion is None:
        return None, (), ()
    bundle = registry.load(champion.value.version)
    stored = FeatureHistory(runtime.lake(_settings()), since=now - _LOOKED_AT, until=now)
    columns = [name for name in shift_columns(bundle.baseline).values() if name in stored.columns]
    if stored.is_empty or not columns:
        return bundle.version, (), ()
    features = pl.concat(stored.batches(["machine_id", "window_end", *columns]))
    failures = pl.DataFrame(history.load_all(), schema=FAILURES)
    returns = returns_to_service(failures, pl.DataFrame(history.load_repairs(), schema=MAINTENANCE))
    shifts = level_shifts(bundle.baseline, features, returns, since=now - _WEEK)
    return bundle.version, shifts, class_steps(bundle.baseline, features, since=now - _WEEK)
