"""The documents of the HTTP API about alarms: lists, answers, and replies to answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import AwareDatetime, Field

from handlers.http import BadRequest, Document
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


class Fault(Document):
    """One reason why an answer cannot be read."""

    field: str = Field(description="Of the body; empty where it is the body as a whole")
    reason: str


class UnreadableAnswer(BadRequest):
    """A body that is no answer to an alarm, with each reason."""

    faults: tuple[Fault, ...]

    @classmethod
    def because_of(cls, faults: Sequence[Mapping[str, Any]]) -> Self:
        """Return the problem that reading the request ran into; what it holds is not repeated."""
        found = tuple(_fault(each["loc"][1:], each["msg"]) for each in faults)
        reasons = "; ".join(f"{fault.field} {fault.reason}".strip() for fault in found)
        return cls(message=f"This is no answer to an alarm: {reasons}", faults=found)


def _fault(location: tuple[int | str, ...], message: str) -> Fault:
    known = {*Answer.model_fields, "open"}
    field = ".".join(str(part) for part in location)
    # The name of an unknown field is the sender's own text: it is not sent back.
    return Fault(field=field if field in known else "", reason=message.removeprefix("Value error, "))
