"""The slow side of a machine's history: damage and load at every full hour of its runs."""

from typing import NamedTuple

import numpy as np

from mlops_core.simulation.law import Machine, Run, damage_rate, draw_run
from mlops_core.simulation.machine_state import HOUR, MachineState, Stop, failure_moment, state_at, stop_of
from mlops_core.simulation.operating_conditions import relative_load
from mlops_core.simulation.random_streams import FloatArray, WordArray


class RunPath(NamedTuple):
    """One run, up to the failure it meets or, under planned service, would have met.

    `damage`, `load` and `rate` (of damage, per hour) hold one value per full hour from `first_hour`, the hour in which
    the run began (there, damage is that of the run's beginning), to the first full hour after the failure.
    """

    run: Run
    started: int  # microseconds since the epoch, as all moments
    failed_at: int
    stop: Stop
    first_hour: int  # hours since the epoch
    damage: FloatArray
    load: FloatArray
    rate: FloatArray

    @property
    def hours(self) -> WordArray:
        """The full hours since the epoch that `damage`, `load` and `rate` belong to."""
        return np.arange(self.first_hour, self.first_hour + len(self.damage), dtype=np.uint64)

    def damage_at(self, moment: int) -> float:
        """Return the damage at a moment of the run."""
        hour = moment // HOUR
        index = hour - self.first_hour
        passed = (moment - max(hour * HOUR, self.started)) / HOUR
        return self.damage[index].item() + self.rate[index].item() * passed

    @property
    def damage_at_stop(self) -> float:
        """The damage that the machine is left with until its repair."""
        return 1.0 if self.stop.is_failure else self.damage_at(self.stop.at)


class MachinePath(NamedTuple):
    """The runs of one machine until a moment: the last one is under way, or its repair is, or it is not over."""

    machine: Machine
    runs: tuple[RunPath, ...]


def machine_path(machine: Machine, started: int, end: int, *, first_run: int = 0) -> MachinePath:
    """Return run `first_run`, which began at `started`, and all later runs that begin by `end`."""
    runs = [_run_path(machine, draw_run(machine, first_run), started)]
    while runs[-1].stop.at < end and runs[-1].stop.returns_at <= end:
        runs.append(_run_path(machine, draw_run(machine, runs[-1].run.number + 1), runs[-1].stop.returns_at))
    return MachinePath(machine, tuple(runs))


def final_state(path: MachinePath, end: int) -> MachineState:
    """Return the machine's state at `end`."""
    last = path.runs[-1]
    if last.stop.at < end:
        left = last.damage_at_stop
        return state_at(path.machine, end, last.run, last.started, left, left, last.stop)
    at_hour = last.damage[end // HOUR - last.first_hour].item()
    return state_at(path.machine, end, last.run, last.started, at_hour, last.damage_at(end), None)


def _run_path(machine: Machine, run: Run, started: int) -> RunPath:
    law = machine.law
    first_hour = started // HOUR
    expected = run.life_hours * (1.0 - run.initial_damage)
    length = int(1.1 * expected) + 72
    while True:
        hours = np.arange(first_hour, first_hour + length, dtype=np.uint64)
        load = relative_load(law.conditions, machine.load_key, hours)
        rate = damage_rate(law, run, load)
        added = rate.copy()
        added[0] *= ((first_hour + 1) * HOUR - started) / HOUR
        damage = np.concatenate(([run.initial_damage], added)).cumsum()
        if damage[-2] >= 1.0:
            break
        length *= 2
    past = int(np.argmax(damage >= 1.0))
    base = max((first_hour + past - 1) * HOUR, started)
    failed_at = failure_moment(base, damage[past - 1].item(), rate[past - 1].item())
    stop = stop_of(law, run, started, failed_at)
    known = slice(past + 1)
    return RunPath(run, started, failed_at, stop, first_hour, damage[known], load[known], rate[known])
