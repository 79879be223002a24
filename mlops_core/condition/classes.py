"""Machine classes: what machines have in common, and so which limits hold for their channels.

    {"pumps": {"machines": ["PUMP-*"], "isoGroup": "group 2 rigid", "limits": {"temperature": {"watch": 80}}}}

A machine belongs to the first class with a pattern that matches its id. Velocity r.m.s. has the limits of the class's
ISO 20816 zones unless the class gives its own; no other quantity has default limits.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mlops_core.condition.limits import ChannelLimits, zone_limits
from mlops_core.condition.machine_record import MachineRecord, known_group
from mlops_core.condition.severity import ZONE_BOUNDARIES
from mlops_core.telemetry import VELOCITY_RMS, Channel, RunningClass, RunningRule


class MachineClass(BaseModel):
    """What machines have in common.

    Attributes:
        machines: patterns of machine ids, as a shell's: `PUMP-*`.
        iso_group: whose zone boundaries hold, a key of `ZONE_BOUNDARIES`.
        limits: by channel; takes the place of the zones where the channel is a velocity.
        running: when a machine runs; None: whenever it sends.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

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
