"""What a technician records of a machine and no sensor measures: a failure, or work that made it as good as new."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field as Described,
    StringConstraints,
    model_validator,
)

from mlops_core.telemetry.machine import MachineId
from mlops_core.time import EARLIEST_EVENT, FUTURE_TOLERANCE

_WRITTEN: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")


def _is_written_out(value: object) -> object:
    """Refuse Unix times, which pydantic accepts, in quotes too: they are not readable."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _WRITTEN.match(value)):
        raise ValueError("is no date and time such as 2026-01-31T09:30:00Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    if moment < EARLIEST_EVENT:
        raise ValueError(f"is before {EARLIEST_EVENT:%Y}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies beyond the year 9999") from None


def _is_printable(text: str) -> str:
    if not text.replace("\n", "").isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


Moment = Annotated[AwareDatetime, Described(strict=False), BeforeValidator(_is_written_out), AfterValidator(_in_utc)]
"""An instant that a person writes out, ISO 8601 with an offset; in UTC afterwards."""


def _text(longest: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=longest, strip_whitespace=True)


Note = Annotated[str, _text(500), AfterValidator(_is_printable)]
"""What a person writes: 1 to 500 printable characters."""
Name = Annotated[str, _text(100), AfterValidator(_is_printable)]
"""By what name a person goes: 1 to 100 printable characters."""


class MaintenanceKind(StrEnum):
    """FAILURE: the machine failed. REPAIR: it was made as good as new, by a repair or by a new part, so a run begins.

    An inspection is neither: it leaves the machine as it was.
    """

    FAILURE = "failure"
    REPAIR = "repair"


class MaintenanceReport(BaseModel):
    """What happened to a machine, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Annotated[MaintenanceKind, Described(strict=False)]
    at: Moment = Described(description="When it failed, or was taken out of service for the work")
    returned_to_service_at: Moment | None = Described(
        default=None, description="When it ran again, if it does; of a repair without it: at once"
    )
    note: Note | None = Described(default=None, description="What was found or done")
    recorded_by: Name | None = Described(default=None, description="Who says so")

    @model_validator(mode="after")
    def _returns_after_it_stops(self) -> Self:
        if self.returned_to_service_at is not None and self.returned_to_service_at < self.at:
            raise ValueError("returned_to_service_at is before at")
        return self

    def in_the_future(self, now: datetime) -> list[str]:
        """Return the fields whose moment has not come yet: what is planned is not recorded."""
        moments = {"at": self.at, "returned_to_service_at": self.returned_to_service_at}
        return [name for name, moment in moments.items() if moment is not None and moment > now + FUTURE_TOLERANCE]


class MaintenanceRecord(MaintenanceReport):
    """A report of one machine."""

    machine_id: MachineId
