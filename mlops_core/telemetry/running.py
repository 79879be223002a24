"""When a machine runs: the rule of its class, and what was measured of it so far."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Self

from pydantic import BaseModel, Field, model_validator
from pydantic.alias_generators import to_camel


class RunningRule(BaseModel, frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True):
    """When a machine runs.

    Attributes:
        channel: the one that decides.
        above: it runs while the channel is above this level, in the channel's unit.
        states: it runs while the channel has one of these values.

    """

    channel: str = Field(min_length=1)
    above: float | None = Field(default=None, allow_inf_nan=False)
    states: tuple[float, ...] | None = Field(default=None, min_length=1, strict=False)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.above is None) == (self.states is None):
            raise ValueError("give either above or states")
        return self

    def runs(self, value: float) -> bool:
        """Whether a machine runs whose channel has this value."""
        return value > self.above if self.above is not None else value in (self.states or ())


class RunningClass(BaseModel, frozen=True, extra="forbid"):
    """A class of machines: the patterns of the ids that belong to it, and its rule, if it has one."""

    machines: tuple[str, ...] = ()
    rule: RunningRule | None = None


def rules_of(
    machine_ids: Iterable[str], classes: Mapping[str, RunningClass], assigned: Mapping[str, str]
) -> dict[str, RunningRule]:
    """Return the rule of each machine that has one.

    Args:
        machine_ids: which.
        classes: by name; a machine belongs to the first whose patterns match its id.
        assigned: the class of those machines that have been given one.

    """
    rules: dict[str, RunningRule] = {}
    for machine_id in machine_ids:
        matching = (each for each in classes.values() if any(fnmatchcase(machine_id, like) for like in each.machines))
        found = classes.get(assigned.get(machine_id, "")) or next(matching, None)
        if found is not None and found.rule is not None:
            rules[machine_id] = found.rule
    return rules


class RunningTrack:
    """Whether machines run, reading by reading: what a process remembers of their states."""

    def __init__(self) -> None:
        self._states: dict[str, list[tuple[datetime, bool]]] = {}

    def note(self, machine_id: str, at: datetime, *, runs: bool) -> None:
        """Note what a machine's rule says at a moment."""
        insort(self._states.setdefault(machine_id, []), (at, runs))

    def forget(self) -> None:
        """Keep the newest state of each machine only."""
        self._states = {machine_id: states[-1:] for machine_id, states in self._states.items()}

    def is_off(self, machine_id: str, at: datetime) -> bool:
        """Return whether the newest state at or before `at` says so; False where none is known."""
        states = self._states.get(machine_id, [])
        index = bisect_right(states, (at, True))
        return index > 0 and not states[index - 1][1]
