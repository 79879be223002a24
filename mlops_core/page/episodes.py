"""What the page says of alarm episodes: what each waits for, and its whole life with who did what."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from mlops_core.alerting.episodes import Episode, EpisodeLife, Step, StepKind
from mlops_core.page.document import Alarm, AlarmStep, Event

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
