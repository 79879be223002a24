"""The slow side of a machine's history in numpy: damage and load at every full hour of its runs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_core.simulation.law import DegradationLaw, Machine, Run, damage_rate, draw_run, load_at
from mlops_core.simulation.machine_state import HOUR, MachineState, Stop, failure_moment, state_at, stop_of
from mlops_core.simulation.random_streams import centred, random_word

FloatArray = NDArray[np.float64]


class RunPath(NamedTuple):
    """One run, up to the failure it meets or, under planned service, would have met.

    `damage` and `load` hold one value per full hour from `first_hour`, the hour in which the run began (there, damage
    is that of the run's beginning), to the first full hour after the failure.
    """

    run: Run
    started: int  # microseconds since the epoch, as all moments
    failed_at: int
    stop: Stop
    first_hour: int  # hours since the epoch
    damage: FloatArray
    load: FloatArray

    @property
    def hours(self) -> NDArray[np.uint64]:
        """The full hours since the epoch that `damage` and `load` belong to."""
        return np.arange(self.first_hour, self.first_hour + len(self.damage), dtype=np.uint64)


class MachinePath(NamedTuple):
    """The runs of one machine until a moment: the last one is under way, or its repair is, or it is not over."""

    machine: Machine
    runs: tuple[RunPath, ...]


def smooth_noise_of_hours(key: int, hours: NDArray[np.uint64], period: int, number: int) -> FloatArray:
    """Return `random_streams.smooth_noise` of consecutive hours, each knot drawn once."""
    first_knot = int(hours[0]) // period
    knots = centred(random_word(key, np.arange(first_knot, int(hours[-1]) // period + 2, dtype=np.uint64)), number)
    position = np.arange(len(hours)) + (int(hours[0]) - first_knot * period)
    index = position // period
    left = knots.take(index)
    return left + (knots[1:].take(index) - left) * ((position - index * period) / period)


def machine_path(machine: Machine, commissioned: int, end: int) -> MachinePath:
    """Return all runs that begin by `end`."""
    paths = [_run_path(machine, draw_run(machine, 0), commissioned)]
    while paths[-1].stop.at < end and paths[-1].stop.returns_at <= end:
        paths.append(_run_path(machine, draw_run(machine, len(paths)), paths[-1].stop.returns_at))
    return MachinePath(machine, tuple(paths))


def final_state(path: MachinePath, end: int) -> MachineState:
    """Return the state that `advance` would reach at `end`."""
    last = path.runs[-1]
    stop = last.stop if last.stop.at < end else None
    damage = damage_at_stop(path.machine.law, last) if stop else last.damage[end // HOUR - last.first_hour].item()
    return state_at(path.machine, end, last.run, last.started, damage, stop)


def _run_path(machine: Machine, run: Run, started: int) -> RunPath:
    law = machine.law
    first_hour = started // HOUR
    expected = run.life_hours * (1.0 - run.initial_damage)
    length = int(1.1 * expected) + 72
    while True:
        load = load_at(machine, np.arange(first_hour, first_hour + length, dtype=np.uint64), smooth_noise_of_hours)
        added = damage_rate(law, run, load)
        added[0] *= ((first_hour + 1) * HOUR - started) / HOUR
        damage = np.concatenate(([run.initial_damage], added)).cumsum()  # cumsum adds in order, as the step does
        if damage[-2] >= 1.0:
            break
        length *= 2
    following = int(np.argmax(damage >= 1.0))
    hour = first_hour + following - 1
    rate = damage_rate(law, run, load[following - 1].item())
    failed_at = failure_moment(max(hour * HOUR, started), damage[following - 1].item(), rate)
    stop = stop_of(law, run, started, failed_at)
    return RunPath(run, started, failed_at, stop, first_hour, damage[: following + 1], load[: following + 1])


def damage_at_stop(law: DegradationLaw, path: RunPath) -> float:
    """Return the damage that a stopped machine is left with until its repair."""
    if path.stop.is_failure:
        return 1.0
    hour = path.stop.at // HOUR
    index = hour - path.first_hour
    rate = damage_rate(law, path.run, path.load[index].item())
    return path.damage[index].item() + rate * ((path.stop.at - max(hour * HOUR, path.started)) / HOUR)
