"""Machine classes, and the records of single machines: what they have in common, and what operators keep of each.

    {"pumps": {"machines": ["PUMP-*"], "isoGroup": "group 2 rigid", "limits": {"temperature": {"watch": 80}}}}

A machine belongs to the first class with a pattern that matches its id. Velocity r.m.s. has the limits of the class's
ISO 20816 zones unless the class gives its own; no other quantity has default limits.
"""

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from mlops_core.condition.limits import ChannelLimits, zone_limits
from mlops_core.condition.severity import ZONE_BOUNDARIES
from mlops_core.telemetry import VELOCITY_RMS, Channel, MachineId, RunningClass, RunningRule

CATEGORIES: Final = ("machine_class", "iso_group", "site")
"""The attributes of a machine that are text; every other is a rated value, a number."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def known_group(group: str) -> str:
    """Return a group of machines of ISO 20816, or raise ValueError where there is none of that name."""
    if group not in ZONE_BOUNDARIES:
        raise ValueError(f"is none of {', '.join(ZONE_BOUNDARIES)}")
    return group


class PlannedMaintenance(BaseModel, frozen=True):
    """A span `[begins, ends)` in which a machine is worked on: no alarm of limits, silence or models opens in it."""

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


class MachineRecord(BaseModel, frozen=True):
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


class MachineClass(BaseModel, frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True):
    """What machines have in common.

    Attributes:
        machines: patterns of machine ids, as a shell's: `PUMP-*`.
        iso_group: whose zone boundaries hold, a key of `ZONE_BOUNDARIES`.
        limits: by channel; takes the place of the zones where the channel is a velocity.
        running: when a machine runs; None: whenever it sends.

    """

    machines: tuple[str, ...] = Field(default=(), strict=False)
    iso_group: Annotated[str, AfterValidator(known_group)] = "default"
    limits: dict[str, ChannelLimits] = Field(default_factory=dict)
    running: RunningRule | None = None


MachineClasses = Mapping[str, MachineClass]


def running_classes(classes: MachineClasses) -> dict[str, RunningClass]:
    """Return what a feature recipe has to know of the classes: nothing where none has a rule for running."""
    if all(each.running is None for each in classes.values()):
        return {}
    return {name: RunningClass(machines=each.machines, rule=each.running) for name, each in classes.items()}


DEFAULT_CLASS: Final = MachineClass()
"""The class of a machine that belongs to no other."""


def class_name(machine_id: str, classes: MachineClasses, record: MachineRecord | None = None) -> str | None:
    """Return the name of a machine's class: what its record says, else the first that matches its id; None: no class.

    A class that the record names and the configuration lacks says nothing.
    """
    if record is not None and record.machine_class in classes:
        return record.machine_class
    matching = (name for name, each in classes.items() if any(fnmatchcase(machine_id, like) for like in each.machines))
    return next(matching, None)


def class_of(machine_id: str, classes: MachineClasses, record: MachineRecord | None = None) -> MachineClass:
    """Return the class of a machine; the record's ISO group goes before that of the class."""
    name = class_name(machine_id, classes, record)
    found = DEFAULT_CLASS if name is None else classes[name]
    if record is None or record.iso_group is None:
        return found
    return found.model_copy(update={"iso_group": record.iso_group})


def limits_of(
    machine_id: str, classes: MachineClasses, channels: Mapping[str, Channel], record: MachineRecord | None = None
) -> Mapping[str, ChannelLimits]:
    """Return the limits of a machine by channel."""
    of_class = class_of(machine_id, classes, record)
    zones = zone_limits(ZONE_BOUNDARIES[of_class.iso_group])
    of_velocities = {name: zones for name, channel in channels.items() if channel.quantity == VELOCITY_RMS}
    return MappingProxyType(of_velocities | of_class.limits)
