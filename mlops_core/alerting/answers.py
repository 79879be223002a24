"""Answers to an alarm episode by its operators: acknowledge, begin work, shelve, close with a verdict.

```
  OPEN ---acknowledge---> ACKNOWLEDGED ---begin work---> IN_WORK
   |  `--shelve (WATCH)--> SHELVED --its time has come, or ACT--> OPEN
   `-----------------------close, from any of them------------------> CLOSED with a verdict
```
The same answer again changes nothing. An episode that ended by itself still takes a verdict. One of a failure that was
found stays open until the machine is back in service: nothing is predicted of it before.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, Field, model_validator

from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode, EpisodeLife, Stage, Step, StepKind, Verdict
from mlops_core.errors import MlopsError
from mlops_core.telemetry import Moment, Name, Note

LONGEST_SHELF: Final = timedelta(days=30)
"""The longest that an episode may be shelved: what is never to be seen again is closed."""


class AnswerAction(StrEnum):
    """What is done about an episode."""

    ACKNOWLEDGE = "acknowledge"
    BEGIN_WORK = "begin_work"
    SHELVE = "shelve"
    CLOSE = "close"


class AnswerRefusedError(MlopsError):
    """An answer that the episode, as it is, does not take."""

    def __init__(self, episode: Episode, problem: str, remedy: str) -> None:
        super().__init__(f"Episode {episode.id} {problem}", remedy)


class NoSuchEpisodeError(MlopsError):
    """There is no episode of that id, or a newer one of the same source has taken its place."""

    def __init__(self, episode_id: str) -> None:
        super().__init__(f"There is no episode {episode_id} any more, or never was", "`mlops alarms list` names them")


class Answer(BaseModel, frozen=True, extra="forbid", strict=True):
    """What a person does about an episode."""

    action: AnswerAction = Field(strict=False)
    until: Moment | None = Field(default=None, description="Of shelve: when it comes back, at most 30 days ahead")
    verdict: Verdict | None = Field(default=None, strict=False, description="Of close: what was found")
    failure_mode: Name | None = Field(default=None, description="Of a fault that was found: which, in your own words")
    note: Note | None = Field(default=None, description="What was seen, or will be done")
    stated_name: Name | None = Field(default=None, description="Who says so; recorded beside the IAM principal")

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        if (self.until is not None) != (self.action is AnswerAction.SHELVE):
            raise ValueError("until belongs to shelve, which needs it")
        if (self.verdict is not None) != (self.action is AnswerAction.CLOSE):
            raise ValueError("verdict belongs to close, which needs it")
        if self.failure_mode is not None and self.verdict is not Verdict.FAULT_FOUND:
            raise ValueError("failure_mode belongs to the verdict FAULT_FOUND")
        return self


def answered_alarm(alarm: Alarm, *, episode_id: str, answer: Answer, principal: str, now: datetime) -> Alarm:
    """Return the alarm after an answer to its episode; itself where that has been given already.

    Raises:
        NoSuchEpisodeError: its episode is another one.
        AnswerRefusedError: the episode does not take it.

    """
    if alarm.episode is None or alarm.episode.id != episode_id:
        raise NoSuchEpisodeError(episode_id)
    after = _answered(alarm.episode, answer, principal=principal, now=now)
    return alarm if after == alarm.episode else alarm.following(episode=after, evidence=alarm.evidence, now=now)


def overdue_alarm(alarm: Alarm, *, remind_after: timedelta | None, now: datetime) -> Alarm:
    """Return the alarm after time went by: unshelved, or announced again because it is unacknowledged.

    Args:
        alarm: as stored.
        remind_after: time without acknowledgement after which a reminder is due; None: never.
        now: the present, aware.

    """
    episode = alarm.episode
    if episode is None or not episode.is_open:
        return alarm
    if episode.life is EpisodeLife.SHELVED and episode.shelved_until is not None and episode.shelved_until <= now:
        kind = StepKind.UNSHELVED
    elif episode.life is EpisodeLife.OPEN and remind_after is not None and now - _newest(episode) >= remind_after:
        kind = StepKind.REMINDED
    else:
        return alarm
    changes = {"life": EpisodeLife.OPEN, "shelved_until": None, "reminders": episode.reminders + 1}
    after = episode.model_copy(update=changes).with_step(Step(at=now, kind=kind))
    return alarm.following(episode=after, evidence=alarm.evidence, now=now)


def _answered(episode: Episode, answer: Answer, *, principal: str, now: datetime) -> Episode:
    """Return the episode after an answer; itself where that has been given already. Raises AnswerRefusedError."""
    match answer.action:
        case AnswerAction.CLOSE:
            kind, changes = StepKind.VERDICT, _verdict(episode, answer, now)
        case AnswerAction.SHELVE:
            kind, changes = StepKind.SHELVED, _shelf(episode, answer, now)
        case AnswerAction.ACKNOWLEDGE:
            is_new = episode.life in {EpisodeLife.OPEN, EpisodeLife.SHELVED}
            kind, changes = StepKind.ACKNOWLEDGED, {"life": EpisodeLife.ACKNOWLEDGED} if is_new else {}
        case AnswerAction.BEGIN_WORK:
            kind, changes = StepKind.WORK_BEGUN, {"life": EpisodeLife.IN_WORK}
    if not episode.is_open and answer.action is not AnswerAction.CLOSE:
        raise AnswerRefusedError(episode, "has ended", "It takes a verdict, and nothing else")
    if all(getattr(episode, name) == value for name, value in changes.items()):
        return episode
    if "life" in changes and changes["life"] is not EpisodeLife.SHELVED:
        changes = {**changes, "shelved_until": None}
    step = Step(at=now, kind=kind, by=principal, stated_name=answer.stated_name, note=answer.note)
    return episode.model_copy(update=changes).with_step(step)


def _newest(episode: Episode) -> datetime:
    """Return when an episode last changed; for one stored by an older program, when it opened."""
    return episode.steps[-1].at if episode.steps else episode.opened


def _verdict(episode: Episode, answer: Answer, now: datetime) -> dict[str, object]:
    if episode.verdict is not None and (episode.verdict, episode.failure_mode) != (answer.verdict, answer.failure_mode):
        raise AnswerRefusedError(episode, f"has the verdict {episode.verdict}", "A verdict is given once")
    given: dict[str, object] = {"verdict": answer.verdict, "failure_mode": answer.failure_mode}
    if not episode.is_open:
        return given
    if episode.source is AlarmSource.FAILURE and answer.verdict is Verdict.FAULT_FOUND:
        return {**given, "life": EpisodeLife.IN_WORK}
    return {**given, "life": EpisodeLife.CLOSED, "closed": now}


def _shelf(episode: Episode, answer: Answer, now: datetime) -> dict[str, object]:
    if episode.stage is Stage.ACT:
        raise AnswerRefusedError(episode, "is ACT", "Only WATCH can wait: acknowledge it")
    if answer.until is None or not now < answer.until <= now + LONGEST_SHELF:
        raise AnswerRefusedError(
            episode, "cannot be shelved until then", f"Name a moment within {LONGEST_SHELF.days} days"
        )
    return {"life": EpisodeLife.SHELVED, "shelved_until": answer.until}
