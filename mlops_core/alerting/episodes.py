"""Alarm episodes: what is wrong with a machine, how urgent it is, and what became of it.

An episode has one source and, for limits and silence, one subject (the channel). A machine has at most one open episode
a source and subject, so the same trouble seen again changes nothing. Stages follow ISO 13374's advisories: WATCH leaves
days (plan the work), ACT leaves hours (stop and see). The stage of an open episode only rises.

```
            opened      raised                      closed
  none -----> WATCH ----> ACT ----------------------> CLOSED (with a verdict, once somebody has looked)
              `-- life: OPEN, ACKNOWLEDGED, IN_WORK, SHELVED --'
```

The evidence opens, raises and closes an episode; `mlops_core.alerting.answers` holds what operators do about it.

An `Alarm` is what is stored of one machine, source and subject: the newest episode, the evidence from which it is
judged, and what was last announced. It is replaced by optimistic concurrency on `sequence`; a message is sent after the
write that makes it due, so it is sent at least once.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import AwareDatetime, BaseModel

from mlops_core.telemetry import MachineId
from mlops_core.time import utc_text

ANNOUNCING: Final = timedelta(minutes=1)
"""How long the writer of a change has to announce it before another process may."""


MOST_STEPS: Final = 50
"""How many of an episode's newest steps are kept."""


class Stage(StrEnum):
    """How urgent an episode is. WATCH: days, plan the work. ACT: hours, stop the machine and see."""

    WATCH = "WATCH"
    ACT = "ACT"

    @property
    def urgency(self) -> int:
        """Rank among stages, higher is more urgent."""
        return list(Stage).index(self)


class AlarmSource(StrEnum):
    """What raised an episode."""

    FAILURE = "failure"
    LIMIT = "limit"
    SILENCE = "silence"
    ANOMALY = "anomaly"
    FAILURE_MODEL = "failure_model"


class EpisodeLife(StrEnum):
    """What became of an episode."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    IN_WORK = "IN_WORK"
    SHELVED = "SHELVED"
    CLOSED = "CLOSED"


class Verdict(StrEnum):
    """What somebody found."""

    FAULT_FOUND = "FAULT_FOUND"
    NO_FAULT = "NO_FAULT"
    SENSOR_FAULT = "SENSOR_FAULT"


class StepKind(StrEnum):
    """What changed in the life of an episode: by its evidence, by a person, or because time went by."""

    OPENED = "OPENED"
    RAISED = "RAISED"
    ENDED = "ENDED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    WORK_BEGUN = "WORK_BEGUN"
    SHELVED = "SHELVED"
    VERDICT = "VERDICT"
    UNSHELVED = "UNSHELVED"
    REMINDED = "REMINDED"


class Step(BaseModel, frozen=True):
    """One change of an episode. Fields of a newer program are ignored when read.

    Attributes:
        at: when it was stored, by the clock of who stored it.
        kind: what changed.
        by: the IAM principal that did it; None where no person did.
        stated_name: the name that this person gave.
        note: the person's remark.

    """

    at: AwareDatetime
    kind: StepKind
    by: str | None = None
    stated_name: str | None = None
    note: str | None = None


class Episode(BaseModel, frozen=True):
    """One alarm episode. Fields of a newer program are ignored when read.

    Attributes:
        machine_id: whose.
        source, subject: what raised it; the channel of a limit or a silence, empty otherwise.
        stage: how urgent it is.
        opened: event time from which the evidence speaks.
        reasons: why, in words, the strongest first.
        life: what became of it.
        closed: event time at which it ended.
        verdict: what was found; None until one is given.
        failure_mode: which fault was found, in the plant's words.
        shelved_until: when a shelved episode comes back by itself.
        reminders: number of reminders sent because it was unacknowledged.
        steps: its life, in order, the newest last.

    """

    machine_id: MachineId
    source: AlarmSource
    subject: str = ""
    stage: Stage
    opened: AwareDatetime
    reasons: tuple[str, ...] = ()
    life: EpisodeLife = EpisodeLife.OPEN
    closed: AwareDatetime | None = None
    verdict: Verdict | None = None
    failure_mode: str | None = None
    shelved_until: AwareDatetime | None = None
    reminders: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def id(self) -> str:
        """Deterministic: machine, source, subject and the instant of opening, so two detections give one id."""
        what = f"{self.source}-{self.subject}" if self.subject else str(self.source)
        return f"{self.machine_id}.{what}.{utc_text(self.opened)}"

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.life is not EpisodeLife.CLOSED

    @property
    def was_closed_by_person(self) -> bool:
        """Whether a verdict ended it, rather than its evidence."""
        kinds = {step.kind for step in self.steps}
        return not self.is_open and StepKind.VERDICT in kinds and StepKind.ENDED not in kinds

    @property
    def announcement(self) -> str:
        """Key of the notification that is due, to compare: one for each stage and reminder, and one for the end.

        A closure by an operator is not announced: it is on the event bus and on the page.
        """
        if not self.is_open and not self.was_closed_by_person:
            return f"{self.id}/{self.life}"
        return f"{self.id}/{self.stage}/{self.reminders}" if self.reminders else f"{self.id}/{self.stage}"

    def raised(self, stage: Stage, reasons: tuple[str, ...]) -> Self:
        """Return the episode at `stage` with its reasons; itself where that is no more urgent.

        It asks for an answer again, unless somebody is at work on it.
        """
        if stage.urgency <= self.stage.urgency or not self.is_open:
            return self
        life = self.life if self.life is EpisodeLife.IN_WORK else EpisodeLife.OPEN
        return self.model_copy(update={"stage": stage, "reasons": reasons, "life": life, "shelved_until": None})

    def ended(self, at: datetime) -> Self:
        """Return the episode closed at the event time `at`; itself where it is closed already."""
        if not self.is_open:
            return self
        return self.model_copy(update={"life": EpisodeLife.CLOSED, "closed": at, "shelved_until": None})

    def with_step(self, step: Step) -> Self:
        """Return the episode with one more step."""
        return self.model_copy(update={"steps": (*self.steps, step)[-MOST_STEPS:]})


class Alarm(BaseModel, frozen=True):
    """What is stored of one machine, source and subject.

    Attributes:
        episode: the newest one; None before the first.
        evidence: JSON of what the source judges by (since when a limit is exceeded, say).
        announced: the `announcement` that was last sent.
        claimed_until: until when the process that has claimed the announcement may make it alone.
        sequence: how often it was written; 0 for one that is not stored.

    """

    machine_id: MachineId
    source: AlarmSource
    subject: str = ""
    episode: Episode | None = None
    evidence: str = ""
    announced: str = ""
    claimed_until: AwareDatetime | None = None
    sequence: int = 0

    @property
    def key(self) -> str:
        """The sort key under which it is stored."""
        return f"{self.source}#{self.subject}"

    @property
    def is_open(self) -> bool:
        """Whether its episode has not ended; no, where there was none."""
        return self.episode is not None and self.episode.is_open

    def is_due(self) -> bool:
        """Whether its episode has changed since it was last announced."""
        return self.episode is not None and self.announced != self.episode.announcement

    def is_claimed(self, now: datetime) -> bool:
        """Whether another process may still be announcing it."""
        return self.claimed_until is not None and now < self.claimed_until

    def following(self, *, episode: Episode | None, evidence: str, now: datetime) -> Self:
        """Return the alarm that replaces this one; where that is news, its writer has a minute to announce it.

        Where it is none, nothing is claimed: another process may have claimed what is still to be announced.
        What its evidence changed in the episode becomes a step of its life, at `now`.
        """
        kind = None if episode is None else _changed_by_evidence(self.episode, episode)
        if episode is not None and kind is not None:
            episode = episode.with_step(Step(at=now, kind=kind))
        known = self.episode.announcement if self.episode else None
        is_news = episode is not None and episode.announcement != known
        return self.model_copy(
            update={
                "episode": episode,
                "evidence": evidence,
                "claimed_until": now + ANNOUNCING if is_news else None,
                "sequence": self.sequence + 1,
            }
        )


def _changed_by_evidence(before: Episode | None, after: Episode) -> StepKind | None:
    """Return what evidence changed in an episode; None where nothing, or where the change brought its own step."""
    if before is None or before.id != after.id:
        return StepKind.OPENED
    if before.steps != after.steps:
        return None
    if before.is_open and not after.is_open:
        return StepKind.ENDED
    return StepKind.RAISED if before.stage is not after.stage else None
