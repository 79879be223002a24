"""Each change of an alarm episode as an event for downstream systems: a CMMS, a chat, a queue.

docs/alarm-event.schema.json is made from these models.
"""

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mlops_core.alerting.episodes import AlarmSource, Episode, EpisodeLife, Stage, StepKind, Verdict
from mlops_core.telemetry import MachineId


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class EpisodeState(_Part):
    """An episode after the change."""

    id: str = Field(description="The same for the same trouble: what a work order is to be known by")
    machine_id: MachineId
    source: AlarmSource
    subject: str = Field(description="The channel of a limit or a silence; empty otherwise")
    stage: Stage
    life: EpisodeLife
    reasons: tuple[str, ...]
    opened: AwareDatetime = Field(description="Event time from which the evidence speaks")
    closed: AwareDatetime | None
    shelved_until: AwareDatetime | None
    verdict: Verdict | None
    failure_mode: str | None
    reminders: int = Field(description="Number of reminders sent while the episode was unacknowledged")

    @classmethod
    def of(cls, episode: Episode) -> Self:
        """Return the state of an episode."""
        return cls(**{name: getattr(episode, name) for name in EpisodeState.model_fields})


class EpisodeChanged(_Part):
    """One change. Delivered at least once: of several with one `event_id`, all but the first are to be ignored."""

    schema_name: Literal["alarm-event/1"] = "alarm-event/1"
    event_id: str = Field(description="The same each time that this change is delivered")
    change: StepKind
    at: AwareDatetime
    by: str | None = Field(description="The IAM principal that did it; null where no person did")
    stated_name: str | None
    note: str | None
    summary: str = Field(description="Machine, stage and first reason, in one line")
    episode: EpisodeState


def episode_changed(before: Episode | None, after: Episode | None, *, sequence: int) -> EpisodeChanged | None:
    """Return the event that the write of an alarm makes; None where its episode did not change.

    Args:
        before: the episode before the write; None before the first.
        after: the episode after it; None where it was deleted.
        sequence: the alarm's, after the write.

    """
    if (
        after is None
        or not after.steps
        or (before is not None and before.id == after.id and before.steps == after.steps)
    ):
        return None
    step = after.steps[-1]
    reason = after.reasons[0] if after.reasons else str(after.source)
    return EpisodeChanged(
        event_id=f"{after.id}#{sequence}",
        change=step.kind,
        at=step.at,
        by=step.by,
        stated_name=step.stated_name,
        note=step.note,
        summary=f"{after.machine_id} {after.stage if after.is_open else after.life}: {reason}",
        episode=EpisodeState.of(after),
    )
