"""The page's document, read from a running stack: states, predictions, alarms, history, data quality and models."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from handlers.stores.alarms import Alarms
from handlers.stores.checkpoint import checkpoint_object
from handlers.stores.label_history import LabelEntry, LabelHistory
from handlers.stores.model_registry import ModelRegistry
from mlops_core.alerting import Score
from mlops_core.alerting.episodes import AlarmSource, Episode
from mlops_core.condition import OperatingState
from mlops_core.telemetry import Channels, MaintenanceKind
from ops.fleet import Machine as KnownMachine, read_fleet, silent_after
from ops.quarantined import Quarantine, days_until
from ops.ui import document
from ops.ui.episodes import episode_alarm
from ops.ui.models import models_of
from ops.ui.trends import SPAN, read_trends, trend_axis, unit_text

if TYPE_CHECKING:
    from ops.stack import Stack

STALE_AFTER: Final = timedelta(hours=3)
_HEARD_OF: Final = {OperatingState.RUNNING, OperatingState.NEW, OperatingState.SILENT}
"""Of machines in these states a sensor that says nothing is a fault."""
_RISING: Final = 1.0  # a reason whose factor on the odds of failure is above this speaks for failure


def read_page(stack: "Stack", now: datetime, *, actions: Sequence[str] = (), principal: str = "") -> document.FleetPage:
    """Read everything that the page shows of a stack.

    Args:
        stack: which one.
        now: the present instant.
        actions: what may be done from the page.
        principal: as whom AWS knows the caller.

    """
    stored = checkpoint_object(stack.lake).load()
    data_until = now if stored is None else stored.value.processed_until
    axis = trend_axis(data_until)
    trends = read_trends(stack.lake, axis, stack.channels)
    scores = stack.fleet.load_predictions()
    episodes = recent_episodes(stack, now)
    history = _history(stack, now)
    models, model = models_of(ModelRegistry(stack.lake))
    fleet = [machine for machine in read_fleet(stack, now) if machine.state.state is not OperatingState.RETIRED]
    machines = [
        _machine(known, now, scores.get(known.machine_id), episodes[known.machine_id], history[known.machine_id])
        for known in fleet
    ]
    with_trends = [
        machine.model_copy(update={"channels": trends.get(machine.id, ())}) for machine in sorted(machines, key=urgency)
    ]
    zone = ZoneInfo(stack.outputs.time_zone or "UTC")
    return document.FleetPage(
        site=f"Stack {stack.name}",
        time_zone=f"{now.astimezone(zone):%Z}",
        utc_offset_min=(now.astimezone(zone).utcoffset() or timedelta()) // timedelta(minutes=1),
        made_at=now,
        data_until=data_until,
        stale_after_min=STALE_AFTER // timedelta(minutes=1),
        principal=principal,
        actions=tuple(actions),
        trend=axis,
        columns=_columns(stack.channels),
        model=model,
        machines=tuple(with_trends),
        alarms=tuple(
            sorted(
                (episode_alarm(episode) for each in episodes.values() for episode in each),
                key=lambda alarm: (alarm.state == "CLOSED", alarm.stage, alarm.machine),
            )
        ),
        quality=_quality(stack, fleet, now),
        models=models,
    )


def urgency(machine: document.Machine) -> tuple[int, int, float, str]:
    """Sort key, worst first: what needs hands, what needs a plan, what nobody watches, what stands, what runs."""
    if machine.stage == "ACT" or machine.state == "FAILED":
        group = 0
    elif machine.stage == "WATCH":
        group = 1
    else:
        group = {"SILENT": 2, "RUNNING": 4}.get(machine.state, 3)
    hours = machine.life.p10 if machine.life else float("inf")
    return (group, machine.stage != "ACT", hours, machine.id)


def _machine(
    known: KnownMachine, now: datetime, score: Score | None, episodes: Sequence[Episode], history: Sequence[LabelEntry]
) -> document.Machine:
    open_episodes = [episode for episode in episodes if episode.is_open]
    state, since = known.state
    stages = [episode.stage for episode in open_episodes if episode.source is not AlarmSource.SILENCE]
    speaks = score is not None and state is OperatingState.RUNNING
    is_at_work = state in {OperatingState.RUNNING, OperatingState.NEW}
    prediction = score.prediction if score else None
    return document.Machine.model_validate(
        {
            "id": known.machine_id,
            "state": state.replace("_", " "),
            "since": since,
            "stage": max(stages, key=lambda stage: stage.urgency).value if stages and is_at_work else None,
            "note": "Too little history for a prediction" if state is OperatingState.NEW else "",
            "life": _life(score) if score and speaks else None,
            "failure_probability": prediction.failure_probability if speaks and prediction else None,
            "zone": known.zone,
            "trust": "unlike all it has learned" if speaks and prediction and prediction.unusual_features else None,
            "last": _last_heard(known),
            "reasons": _reasons(open_episodes, score if speaks else None, now) or _silence(known, state),
            "events": [*_episode_events(episodes), *_history_events(history)],
        }
    )


def _last_heard(known: KnownMachine) -> datetime | None:
    """When a machine was last heard of: by its newest readings, or by the features that bound it."""
    bounds = [channel.bound for channel in known.channels]
    return max((bound for bound in bounds if bound is not None), default=None)


def _silence(known: KnownMachine, state: OperatingState) -> list[document.Reason]:
    if state is not OperatingState.SILENT:
        return []
    heard = _last_heard(known)
    text = "Nothing was ever heard of it" if heard is None else "No sensor of it is heard any more"
    return [document.Reason(text=text, since=heard)]


def _life(score: Score) -> document.Life:
    hours = score.prediction
    return document.Life(p10=hours.rul_hours_p10, p50=hours.rul_hours_p50, p90=hours.rul_hours_p90)


def _reasons(episodes: Sequence[Episode], score: Score | None, now: datetime) -> list[document.Reason]:
    """The reasons of open episodes, the most urgent first; of a machine without any, nothing is made up."""
    ranked = sorted(episodes, key=lambda episode: (-episode.stage.urgency, episode.opened))
    given = [document.Reason(text=text, since=episode.opened) for episode in ranked for text in episode.reasons]
    if given or score is None or not episodes:
        return given[:3]
    rising = [reason for reason in score.prediction.reasons if reason.odds_factor > _RISING]
    return [document.Reason(text=reason.text, since=now) for reason in rising[:3]]


def recent_episodes(stack: "Stack", now: datetime) -> Mapping[str, list[Episode]]:
    """Return the episodes of each machine that are open, or ended within the span of the page."""
    episodes: dict[str, list[Episode]] = defaultdict(list)
    for alarm in Alarms(stack.dynamodb, stack.outputs.alarms_table_name).load_all():
        episode = alarm.episode
        if episode is not None and (episode.closed is None or episode.closed >= now - SPAN):
            episodes[alarm.machine_id].append(episode)
    return episodes


def _history(stack: "Stack", now: datetime) -> Mapping[str, list[LabelEntry]]:
    entries: dict[str, list[LabelEntry]] = defaultdict(list)
    for entry in LabelHistory(stack.dynamodb, stack.outputs.label_history_table_name).entries():
        if entry.event_timestamp >= now - SPAN:
            entries[entry.machine_id].append(entry)
    return entries


def _episode_events(episodes: Iterable[Episode]) -> list[document.Event]:
    return [
        document.Event(
            at=e.opened, kind="alarm", text=f"{e.stage} by {e.source.replace('_', ' ')}", stage=e.stage.value
        )
        for e in episodes
    ]


def _history_events(entries: Iterable[LabelEntry]) -> list[document.Event]:
    return [
        document.Event(
            at=entry.event_timestamp,
            kind="failure" if entry.kind is MaintenanceKind.FAILURE else "repair",
            text=entry.note or entry.event_code or "recorded",
        )
        for entry in entries
    ]


def _columns(channels: Channels) -> tuple[document.Column, ...]:
    """The two channels that the fleet's table shows: vibration first where there is one."""
    first = sorted(channels.values(), key=lambda channel: (channel.unit != "mm/s", channel.name))[:2]
    return tuple(document.Column(key=one.name, short=one.name.capitalize(), unit=unit_text(one.unit)) for one in first)


def _quality(stack: "Stack", fleet: Sequence[KnownMachine], now: datetime) -> document.Quality:
    silent = [
        document.Sensor(
            machine=machine.machine_id,
            channel=channel.channel,
            grade="NONE",
            why="Nothing heard" if channel.bound else "Never heard",
            since=channel.bound,
        )
        for machine in fleet
        for channel in machine.channels
        if channel.is_silent(now, silent_after(stack)) and machine.state.state in _HEARD_OF
    ]
    refused = Quarantine(stack.lake).reasons(days_until(now.astimezone(UTC), 1))
    return document.Quality(
        sensors=tuple(silent),
        sensors_total=sum(len(machine.channels) for machine in fleet),
        quarantine=tuple(
            document.QuarantineReason(code=code, text=code.replace("_", " ").capitalize(), count=count)
            for code, count in sorted(refused.items(), key=lambda item: -item[1])
        ),
    )
