"""The documents of the HTTP API about alarms: lists, answers, and replies to answers."""

from typing import Self

from pydantic import AwareDatetime, Field

from handlers.http import Document, UnreadableBody
from mlops_core.alerting import Answer, EpisodeState
from mlops_core.alerting.episodes import Episode, StepKind


class StepReport(Document):
    """One change in the life of an episode."""

    at: AwareDatetime
    kind: StepKind
    by: str | None = Field(description="The IAM principal that did it; null where no person did")
    stated_name: str | None
    note: str | None


class EpisodeReport(EpisodeState, Document):
    """One alarm episode, with its life."""

    steps: tuple[StepReport, ...]

    @classmethod
    def of(cls, episode: Episode) -> Self:
        """Return the report of an episode."""
        steps = tuple(StepReport(**step.model_dump()) for step in episode.steps)
        return cls(**vars(EpisodeState.of(episode)), steps=steps)


class AlarmList(Document):
    """The newest episode of each machine and source."""

    alarms: tuple[EpisodeReport, ...]


class UnreadableAnswer(UnreadableBody):
    """A body that is no answer to an alarm, with each reason."""

    called = "no answer to an alarm"
    known_fields = frozenset({*Answer.model_fields, "open"})
