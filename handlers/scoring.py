"""Scoring: the newest features of every machine are predicted from, the scores kept, and changes announced.

Runs after each run of processing. Sensors that have fallen silent are announced first, with a model or without. Nothing
is predicted of a machine that has failed, is off, worked on or retired. A machine whose feature row lacks what the
model reads is passed over and named; the others are scored. The history in the lake is written first, then the scores,
then the message is sent; the next run makes up for one that ends anywhere. A message is sent at least once, and again
only where a run ends between the message and the note of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import ScoringSettings
from handlers import runtime
from handlers.announcements import AlarmDesk, alarm_desk
from handlers.anomalies import FleetAnomalies, watch_anomalies
from handlers.logs import count, logger, metrics
from handlers.machine_states import machine_knowledge, states_of
from handlers.silence import SilenceWatch
from handlers.stores import (
    BaselineRegistry,
    DamagedItem,
    FeatureRow,
    FleetStore,
    Known,
    ModelRegistry,
    NoModelError,
    ObjectMovedError,
    Serving,
    Stored,
    VersionedObject,
    clients,
    load_servable,
    log_damaged,
    ranking_object,
    recipe_of,
    replaced_of,
)
from mlops_core.alerting import AlarmState, MachineAlarm, Score, next_score
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.alerting.failure_alarms import returned_alarm
from mlops_core.alerting.model_alarms import model_alarm
from mlops_core.condition import BaselineBundle, OperatingState, StateSince
from mlops_core.errors import EmptyFeaturesError, FeatureMismatchError, OutOfDomainError
from mlops_core.prognosis import FleetRanking, ModelBundle, Prediction, Refusal, rank_fleet
from mlops_core.telemetry import Channels

_settings = runtime.settings(ScoringSettings)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes them
    """Score the fleet; returns how many machines were scored anew, the changes announced, and who was passed over.

    More changes than can be read one by one are announced in one digest.
    """
    with _desk().gathering():
        return _score_fleet()


def _score_fleet() -> dict[str, Any]:
    damaged: list[DamagedItem] = []
    ranking_seen = _ranking().seen()
    fleet = FleetStore(
        runtime.lake(_settings()),
        clients.dynamodb(),
        features=_settings().dynamodb_table_name,
        predictions=_settings().predictions_table,
    )
    rows = fleet.load_fleet(on_damaged=damaged.append)
    facts = machine_knowledge(_settings()).of_fleet()
    _end_failures(facts)
    count(AlarmsReminded=_desk().announce_waiting(remind_after=_settings().escalate_after))
    states = _states(rows, facts)
    alarms = {alarm.machine_id: alarm for alarm in _desk().alarms.load_all(AlarmSource.FAILURE_MODEL)}
    covered = {machine_id for machine_id, alarm in alarms.items() if alarm.is_open}
    watched = [row for row in rows if states[row.machine_id].state.may_alarm]
    anomalies = _anomalies(watched, covered, facts)
    try:
        bundle = _model().current()
    except NoModelError as error:
        _count_damaged(damaged)
        logger.info(error.message)
        count(MachinesScored=0, ModelsRefused=len(_model().refused))
        return {"scored": 0, "notices": 0, "incomplete": [], "model_version": None}
    previous = fleet.load_predictions(on_damaged=damaged.append)
    _count_damaged(damaged)
    predictions = _predict(bundle, rows, states, ranking_seen, anomalies)
    fresh, incomplete = _scores(bundle, rows, predictions, previous, alarms)
    saved = fleet.save_predictions(fresh)
    latest = {**previous, **{score.prediction.machine_id: score for score in saved}}
    overtaken = {score.prediction.machine_id for score in fresh} - {score.prediction.machine_id for score in saved}
    count(MachinesScored=len(saved), ModelsRefused=len(_model().refused))
    passed_over = overtaken | {name for name, (state, _) in states.items() if not state.may_alarm}
    scores = (score for name, score in sorted(latest.items()) if name not in passed_over)
    announced = _raise_alarms(scores, bundle, alarms)
    count(AlarmChanges=announced)
    return {"scored": len(saved), "notices": announced, "incomplete": incomplete, "model_version": bundle.version}


def _count_damaged(items: Sequence[DamagedItem]) -> None:
    for item in items:
        log_damaged(item)
    count(DamagedItems=len(items))


@cache
def _model() -> Serving[ModelBundle]:
    registry = ModelRegistry(runtime.lake(_settings()))
    return Serving(
        registry,
        load=partial(load_servable, registry, stack=recipe_of(_settings(), _channels())),
        recheck_seconds=0,  # a run is one decision: it takes the champion of its moment
    )


@cache
def _channels() -> Channels:
    return runtime.channels(_settings())


def _states(rows: list[FeatureRow], known: Mapping[str, Known]) -> dict[str, StateSince]:
    """Announce sensors that have fallen silent, and return the state of each machine."""
    now, silent_after = datetime.now(UTC), _settings().silent_after
    apart = {name: each.state_without_readings(name, now) for name, each in known.items()}
    watch = SilenceWatch(
        runtime.lake(_settings()),
        rows,
        silent_after=silent_after,
        lengths=_settings().feature_lengths,
        channels=sorted(_channels()),
        muted={name for name, state in apart.items() if not state.may_alarm},
        retired={name for name, state in apart.items() if state is OperatingState.RETIRED},
    )
    count(SilentChannels=watch.silent)
    watch.announce(_desk().notifier)
    states = states_of(rows, known, watch.machines, at=now, silent_after=silent_after)
    count(MachinesFailed=sum(state is OperatingState.FAILED for state, _ in states.values()))
    return states


@cache
def _ranking() -> VersionedObject[FleetRanking]:
    return ranking_object(runtime.lake(_settings()))


@cache
def _baseline() -> Serving[BaselineBundle]:
    return Serving(BaselineRegistry(runtime.lake(_settings())), recheck_seconds=0)


def _anomalies(rows: list[FeatureRow], covered: set[str], facts: Mapping[str, Known]) -> FleetAnomalies | None:
    """Judge the machines by their own normal, with a model of failures or without; None without a baseline."""
    bundle = _baseline().sound()
    if bundle is None:
        return None
    found = watch_anomalies(bundle, _desk(), rows, covered=covered, replaced=replaced_of(facts))
    count(MachinesUnusual=found.unusual, AnomalyChanges=found.announced)
    return found


def _predict(
    bundle: ModelBundle,
    rows: list[FeatureRow],
    states: Mapping[str, StateSince],
    ranking_seen: str | None,
    anomalies: FleetAnomalies | None,
) -> dict[str, Prediction | Refusal]:
    """Predict of the whole fleet at once, and keep its worst machines for the endpoint."""
    features = [(row.machine_id, row.window_end, row.features) for row in rows]
    ranking, predictions = rank_fleet(
        bundle,
        features,
        states,
        anomalies=anomalies.anomalies if anomalies else {},
        baseline_version=anomalies.baseline_version if anomalies else None,
    )
    try:
        _ranking().save(ranking, after=None if ranking_seen is None else Stored(None, ranking_seen))
    except ObjectMovedError as error:  # another run has ranked the fleet meanwhile, and knows as much
        logger.warning("Overtaken by another run", extra={"key": error.key})
    return predictions


def _scores(
    bundle: ModelBundle,
    rows: list[FeatureRow],
    predictions: Mapping[str, Prediction | Refusal],
    previous: Mapping[str, Score],
    alarms: Mapping[str, Alarm],
) -> tuple[list[Score], list[str]]:
    """Return the scores that are new, and the machines whose features lack what the model reads.

    Such a row was computed before a window length was configured, or stems from a machine that reports no more.
    """
    revisions = {row.machine_id: row.revision for row in rows}
    fresh: list[Score] = []
    incomplete: dict[str, str] = {}
    foreign: dict[str, str] = {}
    for machine_id, result in predictions.items():
        match result:
            case Prediction():
                score = next_score(
                    previous.get(machine_id),
                    result,
                    revision=revisions[machine_id],
                    plan=bundle.alarm_plan,
                    open_alarm=_open_alarm(alarms.get(machine_id)),
                )
                fresh += [score] if score else []
            case FeatureMismatchError():
                incomplete[machine_id] = result.message
            case OutOfDomainError():
                foreign[machine_id] = result.message
            case EmptyFeaturesError():
                continue
    count(MachinesIncomplete=len(incomplete))
    if incomplete:
        logger.warning("Machines passed over: their features are incomplete", extra={"machines": incomplete})
    if foreign:
        logger.info("Machines unlike all that the model has seen are not predicted", extra={"machines": foreign})
    return fresh, sorted(incomplete)


def _open_alarm(alarm: Alarm | None) -> MachineAlarm | None:
    """The state by which a machine's open episode was raised."""
    if alarm is None or alarm.episode is None or not alarm.is_open:
        return None
    return MachineAlarm(AlarmState(alarm.episode.stage), alarm.episode.opened)


def _end_failures(known: Mapping[str, Known]) -> None:
    """End the episodes of machines that were returned to service."""
    for machine_id, each in known.items():
        if each.failure is not None:
            step = partial(returned_alarm, returned_at=each.returned_at)
            _desk().change(machine_id, AlarmSource.FAILURE, step, known=each.failure)


def _raise_alarms(scores: Iterable[Score], bundle: ModelBundle, stored: Mapping[str, Alarm]) -> int:
    """Let the alarms follow from the scores, and announce those that changed; returns how many did."""
    announced = 0
    for score in scores:
        machine_id = score.prediction.machine_id
        known = stored.get(machine_id) or Alarm(machine_id=machine_id, source=AlarmSource.FAILURE_MODEL)
        step = partial(model_alarm, score=score, horizon_hours=bundle.manifest.horizon_hours)
        after = _desk().change(machine_id, AlarmSource.FAILURE_MODEL, step, known=known)
        announced += after.announced != known.announced
    return announced


@cache
def _desk() -> AlarmDesk:
    return alarm_desk(_settings())
