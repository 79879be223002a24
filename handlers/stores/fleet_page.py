"""The page's document, read from a running stack: states, predictions, alarms, history, data quality and models."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from handlers.stores.alarms import Alarms
from handlers.stores.checkpoint import checkpoint_object
from handlers.stores.known_machines import FleetSources, read_fleet
from handlers.stores.label_history import LabelHistory
from handlers.stores.model_registry import ModelRegistry
from handlers.stores.page_trends import SPAN, read_trends, trend_axis, unit_text
from handlers.stores.quarantine import Quarantine, days_until
from mlops_core.alerting.episodes import Episode
from mlops_core.condition import KnownMachine, OperatingState
from mlops_core.errors import BundleError
from mlops_core.page import (
    Champion,
    Column,
    Event,
    FleetPage,
    Models,
    ModelState,
    Promise,
    Quality,
    QuarantineReason,
    Sensor,
    Version,
    episode_alarm,
    machine_entry,
    urgency,
)
from mlops_core.prognosis import ModelBundle
from mlops_core.telemetry import Channels, MaintenanceKind

STALE_AFTER: Final = timedelta(hours=3)
_EXPECTED_TO_SEND: Final = {OperatingState.RUNNING, OperatingState.NEW, OperatingState.SILENT}
"""Of machines in these states a sensor that says nothing is a fault."""

_NO_MODEL: Final = (
    "There is no model yet, so no hours left and no alarms by prediction. It needs recorded failures of at least two"
    " machines (`mlops maintenance record`); readings, zones of ISO 20816, failures and silence work without one."
)
_FIGURES: Final = {
    "pr_auc": ("Area under the precision-recall curve", "1 is perfect; a guess reaches {base_rate:.3f}"),
    "alarm_precision": ("Alarm hours that were right", "always alarming: {base_rate:.0%} would be"),
    "expected_calibration_error": ("Stated probability off the frequency that was observed", "0 is perfect"),
    "rul_mean_absolute_error_hours": ("Mean error of the hours left, h", ""),
}


def read_page(sources: FleetSources, now: datetime, *, actions: Sequence[str] = (), principal: str = "") -> FleetPage:
    """Read everything that the page shows of a stack.

    Args:
        sources: where the stack keeps it.
        now: the present instant.
        actions: what may be done from the page.
        principal: as whom AWS knows the caller.

    """
    stored = checkpoint_object(sources.lake).load()
    data_until = now if stored is None else stored.value.processed_until
    axis = trend_axis(data_until)
    trends = read_trends(sources.lake, axis, sources.channels)
    scores = sources.fleet.load_predictions()
    episodes = recent_episodes(sources.alarms, now)
    history = _history(sources.labels, now)
    models, model = _models_of(ModelRegistry(sources.lake))
    fleet = [machine for machine in read_fleet(sources, now) if machine.state.state is not OperatingState.RETIRED]
    machines = [
        machine_entry(known, now, scores.get(known.machine_id), episodes[known.machine_id], history[known.machine_id])
        for known in fleet
    ]
    with_trends = [
        machine.model_copy(update={"channels": trends.get(machine.id, ())}) for machine in sorted(machines, key=urgency)
    ]
    zone = ZoneInfo(sources.time_zone)
    return FleetPage(
        site=f"Stack {sources.stack}",
        time_zone=f"{now.astimezone(zone):%Z}",
        utc_offset_min=(now.astimezone(zone).utcoffset() or timedelta()) // timedelta(minutes=1),
        made_at=now,
        data_until=data_until,
        stale_after_min=STALE_AFTER // timedelta(minutes=1),
        principal=principal,
        actions=tuple(actions),
        trend=axis,
        columns=_columns(sources.channels),
        model=model,
        machines=tuple(with_trends),
        alarms=tuple(
            sorted(
                (episode_alarm(episode) for each in episodes.values() for episode in each),
                key=lambda alarm: (alarm.state == "CLOSED", alarm.stage, alarm.machine),
            )
        ),
        quality=_quality(sources, fleet, now),
        models=models,
    )


def recent_episodes(alarms: Alarms, now: datetime) -> Mapping[str, list[Episode]]:
    """Return the episodes of each machine that are open, or ended within the span of the page."""
    episodes: dict[str, list[Episode]] = defaultdict(list)
    for alarm in alarms.load_all():
        episode = alarm.episode
        if episode is not None and (episode.closed is None or episode.closed >= now - SPAN):
            episodes[alarm.machine_id].append(episode)
    return episodes


def _history(history: LabelHistory, now: datetime) -> Mapping[str, list[Event]]:
    """The failures and repairs of each machine within the span of the page."""
    events: dict[str, list[Event]] = defaultdict(list)
    for entry in history.entries():
        if entry.event_timestamp >= now - SPAN:
            event = Event(
                at=entry.event_timestamp,
                kind="failure" if entry.kind is MaintenanceKind.FAILURE else "repair",
                text=entry.note or entry.event_code or "recorded",
            )
            events[entry.machine_id].append(event)
    return events


def _columns(channels: Channels) -> tuple[Column, ...]:
    """The two channels that the fleet's table shows: vibration first where there is one."""
    first = sorted(channels.values(), key=lambda channel: (channel.unit != "mm/s", channel.name))[:2]
    return tuple(Column(key=one.name, short=one.name.capitalize(), unit=unit_text(one.unit)) for one in first)


def _quality(sources: FleetSources, fleet: Sequence[KnownMachine], now: datetime) -> Quality:
    silent = [
        Sensor(
            machine=machine.machine_id,
            channel=channel.channel,
            grade="NONE",
            why="Nothing heard" if channel.bound else "Never heard",
            since=channel.bound,
        )
        for machine in fleet
        for channel in machine.channels
        if channel.is_silent(now, sources.silent_after) and machine.state.state in _EXPECTED_TO_SEND
    ]
    refused = Quarantine(sources.lake).reasons(days_until(now.astimezone(UTC), 1))
    return Quality(
        sensors=tuple(silent),
        sensors_total=sum(len(machine.channels) for machine in fleet),
        quarantine=tuple(
            QuarantineReason(code=code, text=code.replace("_", " ").capitalize(), count=count)
            for code, count in sorted(refused.items(), key=lambda item: -item[1])
        ),
    )


def _models_of(registry: ModelRegistry) -> tuple[Models, ModelState]:
    """Return the models of a stack, and whether one of them speaks."""
    stored = registry.champion()
    if stored is None:
        return Models(champion=None), ModelState(ready=False, horizon_h=24, text=_NO_MODEL)
    moves = stored.value.promotions
    versions = tuple(
        Version(
            version=move.version,
            role="CHAMPION" if move is moves[-1] else "SERVED",
            at=move.promoted_at,
            reason=move.reason,
        )
        for move in reversed(moves)
    )
    champion, since = moves[-1].version, moves[-1].promoted_at
    try:
        bundle = registry.load(champion)
    except BundleError as error:
        damaged = Champion(version=champion, since=since, learned=f"It cannot be read: {error.message}.")
        return Models(champion=damaged, versions=versions), ModelState(ready=False, horizon_h=24, text=error.message)
    manifest = bundle.manifest
    learned = f"Learned from {manifest.rows:,} hours with {manifest.failures} failures."
    models = Models(
        champion=Champion(version=champion, since=since, learned=learned), promises=_promises(bundle), versions=versions
    )
    return models, ModelState(ready=True, horizon_h=round(manifest.horizon_hours))


def _promises(bundle: ModelBundle) -> tuple[Promise, ...]:
    base_rate = bundle.metrics.get("base_rate") or 0.0
    return tuple(
        Promise(name=name, value=f"{value:.3g}", note=note.format(base_rate=base_rate))
        for key, (name, note) in _FIGURES.items()
        if (value := bundle.metrics.get(key)) is not None
    )
