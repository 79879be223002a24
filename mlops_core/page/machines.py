"""What the page says of one machine and of its alarm episodes, and which machine comes first."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from mlops_core.alerting import Score
from mlops_core.alerting.episodes import AlarmSource, Episode, EpisodeLife, Step, StepKind
from mlops_core.condition import KnownMachine, OperatingState
from mlops_core.page.document import Alarm, AlarmStep, Event, Life, Machine, Reason

ANSWER_WITHIN: Final = {"ACT": timedelta(minutes=30), "WATCH": timedelta(hours=24)}
"""How soon the page expects an answer, by stage."""

_WORDS: Final = {
    StepKind.OPENED: "Raised by {source}",
    StepKind.RAISED: "Became {stage}",
    StepKind.ENDED: "Ended by itself",
    StepKind.ACKNOWLEDGED: "Acknowledged",
    StepKind.WORK_BEGUN: "Work begun",
    StepKind.SHELVED: "Shelved",
    StepKind.VERDICT: "Verdict given",
    StepKind.UNSHELVED: "Came back from the shelf",
    StepKind.REMINDED: "People were reminded",
}

_RISING: Final = 1.0  # a reason whose factor on the odds of failure is above this speaks for failure


def urgency(machine: Machine) -> tuple[int, int, float, str]:
    """Sort key, worst first: to be stopped or repaired, to be planned, silent, off or new, running."""
    if machine.stage == "ACT" or machine.state == "FAILED":
        group = 0
    elif machine.stage == "WATCH":
        group = 1
    else:
        group = {"SILENT": 2, "RUNNING": 4}.get(machine.state, 3)
    hours = machine.life.p10 if machine.life else float("inf")
    return (group, machine.stage != "ACT", hours, machine.id)


def machine_entry(
    known: KnownMachine, now: datetime, score: Score | None, episodes: Sequence[Episode], history: Sequence[Event]
) -> Machine:
    """Return a machine as the page shows it, without its trends.

    Args:
        known: what tables and readings say of it.
        now: the present instant.
        score: its newest score, None where it has none.
        episodes: its alarm episodes that are open, or ended within the span of the page.
        history: its failures and repairs within that span.

    """
    open_episodes = [episode for episode in episodes if episode.is_open]
    state, since = known.state
    stages = [episode.stage for episode in open_episodes if episode.source is not AlarmSource.SILENCE]
    speaks = score is not None and state is OperatingState.RUNNING
    prediction = score.prediction if score else None
    return Machine.model_validate(
        {
            "id": known.machine_id,
            "state": state.replace("_", " "),
            "since": since,
            "stage": max(stages, key=lambda stage: stage.urgency).value if stages and state.may_alarm else None,
            "note": "Too little history for a prediction" if state is OperatingState.NEW else "",
            "life": Life(p10=prediction.rul_hours_p10, p50=prediction.rul_hours_p50, p90=prediction.rul_hours_p90)
            if speaks and prediction
            else None,
            "failure_probability": prediction.failure_probability if speaks and prediction else None,
            "zone": known.zone,
            "trust": "unlike all it has learned" if speaks and prediction and prediction.unusual_features else None,
            "last": known.last_seen_by,
            "reasons": _reasons(open_episodes, score if speaks else None, now) or _silence(known, state),
            "events": [*episode_events(episodes), *history],
        }
    )


def _silence(known: KnownMachine, state: OperatingState) -> list[Reason]:
    if state is not OperatingState.SILENT:
        return []
    seen = known.last_seen_by
    text = "Nothing was ever heard of it" if seen is None else "No sensor of it is heard any more"
    return [Reason(text=text, since=seen)]


def _reasons(episodes: Sequence[Episode], score: Score | None, now: datetime) -> list[Reason]:
    """The reasons of open episodes, the most urgent first; of a machine without any, nothing is made up."""
    ranked = sorted(episodes, key=lambda episode: (-episode.stage.urgency, episode.opened))
    given = [Reason(text=text, since=episode.opened) for episode in ranked for text in episode.reasons]
    if given or score is None or not episodes:
        return given[:3]
    rising = [reason for reason in score.prediction.reasons if reason.odds_factor > _RISING]
    return [Reason(text=reason.text, since=now) for reason in rising[:3]]


def episode_alarm(episode: Episode) -> Alarm:
    """Return an episode as the page shows it."""
    shelved = next((step for step in reversed(episode.steps) if step.kind is StepKind.SHELVED), None)
    verdict = next((step for step in reversed(episode.steps) if step.kind is StepKind.VERDICT), None)
    is_shelved = episode.life is EpisodeLife.SHELVED
    return Alarm(
        id=episode.id,
        machine=episode.machine_id,
        stage=episode.stage.value,
        state=episode.life.value,
        why=episode.reasons[0] if episode.reasons else str(episode.source),
        steps=_steps(episode),
        answer_within_min=ANSWER_WITHIN[episode.stage] // timedelta(minutes=1),
        shelved_until=episode.shelved_until if is_shelved else None,
        shelved_why=shelved.note if is_shelved and shelved else None,
        verdict=None if episode.verdict is None else episode.verdict.replace("_", " "),
        verdict_text=": ".join(text for text in (episode.failure_mode, verdict and verdict.note) if text),
    )


def episode_events(episodes: Iterable[Episode]) -> list[Event]:
    """Return what happened to a machine by its alarms."""
    return [
        Event(at=e.opened, kind="alarm", text=f"{e.stage} by {e.source.replace('_', ' ')}", stage=e.stage.value)
        for e in episodes
    ]


def _steps(episode: Episode) -> tuple[AlarmStep, ...]:
    """Return the life of an episode; of one that an older program stored, what is known."""
    opening = AlarmStep(at=episode.opened, what=_words(episode, StepKind.OPENED))
    later_steps = [_step(episode, step) for step in episode.steps if step.kind is not StepKind.OPENED]
    if episode.closed is not None and not episode.steps:
        later_steps.append(AlarmStep(at=episode.closed, what="Closed"))
    return (opening, *later_steps)


def _step(episode: Episode, step: Step) -> AlarmStep:
    what = _words(episode, step.kind)
    by = None if step.by is None else f"{step.stated_name} ({_short(step.by)})" if step.stated_name else _short(step.by)
    return AlarmStep(at=step.at, what=f"{what}: {step.note}" if step.note else what, by=by)


def _words(episode: Episode, kind: StepKind) -> str:
    return _WORDS[kind].format(source=episode.source.replace("_", " "), stage=episode.stage)


def _short(principal: str) -> str:
    """Return what of an ARN names somebody: user/ann, assumed-role/Technicians/hall-3."""
    return principal.rpartition(":")[2]
