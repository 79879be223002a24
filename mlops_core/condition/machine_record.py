"""A machine's record as kept by operators: class, attributes, planned maintenance, sensor replacements, retirement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mlops_core.condition.severity import ZONE_BOUNDARIES
from mlops_core.telemetry import MachineId

CATEGORIES: Final = ("machine_class", "iso_group", "site")
"""The attributes of a machine that are text; every other is a rated value, a number."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def known_group(group: str) -> str:
    """Return a group of machines of ISO 20816, or raise ValueError where there is none of that name."""
    if group not in ZONE_BOUNDARIES:
        raise ValueError(f"is none of {', '.join(ZONE_BOUNDARIES)}")
    return group


class PlannedMaintenance(BaseModel):
    """A span `[begins, ends)` in which a machine is worked on: no alarm of limits, silence or models opens in it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    begins: AwareDatetime
    ends: AwareDatetime
    note: str | None = None
    planned_by: str | None = None

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("must end after it begins")
        return self

    def covers(self, at: datetime) -> bool:
        """Whether `at` lies within it."""
        return self.begins <= at < self.ends


class MachineRecord(BaseModel):
    """One machine, as its operators describe it. Fields of a newer program are ignored when read.

    Attributes:
        machine_id: which.
        machine_class: a class of `machineClasses`; None: the first whose patterns match its id.
        iso_group: whose ISO 20816 zones hold, a key of `ZONE_BOUNDARIES`; None: that of its class.
        site: where it is installed.
        rated: rated values by name, such as `{"speed_rpm": 1480}`.
        since: start of its registration with the platform.
        retired_at: when it left the fleet; None: it has not.
        plans: planned maintenance, the earliest first.
        replaced: by channel, when its sensor was replaced or moved last: what was usual before says nothing after.

    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    machine_id: MachineId
    machine_class: Text | None = None
    iso_group: Annotated[str, AfterValidator(known_group)] | None = None
    site: Text | None = None
    rated: Mapping[str, float] = Field(default_factory=dict[str, float])
    since: AwareDatetime | None = None
    retired_at: AwareDatetime | None = None
    plans: tuple[PlannedMaintenance, ...] = ()
    replaced: Mapping[str, AwareDatetime] = Field(default_factory=dict[str, AwareDatetime])

    def maintenance_at(self, at: datetime) -> PlannedMaintenance | None:
        """Return the planned maintenance that `at` lies within, if any."""
        return next((plan for plan in self.plans if plan.covers(at)), None)

    def is_retired(self, at: datetime) -> bool:
        """Whether it has left the fleet by `at`."""
        return self.retired_at is not None and self.retired_at <= at

    def with_plan(self, plan: PlannedMaintenance) -> Self:
        """Return the record with a plan more; itself where it has that plan."""
        if plan in self.plans:
            return self
        return self.model_copy(update={"plans": tuple(sorted((*self.plans, plan), key=lambda each: each.begins))})

    def without_plan(self, begins: datetime) -> Self:
        """Return the record without the plan that begins at `begins`; itself where there is none."""
        kept = tuple(plan for plan in self.plans if plan.begins != begins)
        return self if len(kept) == len(self.plans) else self.model_copy(update={"plans": kept})
