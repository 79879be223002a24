"""One machine, step by step: its state, and what it says between two moments.

    state = new_machine("PUMP-A01", seed=7, at=datetime(2026, 1, 1, tzinfo=UTC))
    told = advance(state, datetime(2026, 1, 2, tzinfo=UTC), interval="1m")
    told.readings, told.failures, told.returns_to_service, told.state

Plain Python, for a process without numpy; `simulator.simulate_fleet` gives the same readings for whole histories. State
and readings at a moment depend on (law, seed, machine, commissioning) alone: any partition of time gives the same ones,
so a retried or overlapping step repeats itself exactly.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from mlops_core.errors import InvalidArgumentError
from mlops_core.simulation.law import (
    TEMPERATURE_STEPS,
    VIBRATION_STEPS,
    DegradationLaw,
    Machine,
    Run,
    damage_rate,
    draw_run,
    load_at,
    machine_of,
    sensor_levels,
    temperature_added,
    vibration_factor,
)
from mlops_core.simulation.machine_state import (
    HOUR,
    MachineState,
    MachineStatus,
    Stop,
    at_moment,
    failure_moment,
    microseconds,
    planned_stop,
    state_at,
    stop_of,
)
from mlops_core.simulation.operating_conditions import ambient_temperature
from mlops_core.simulation.random_streams import lane, random_word, standard_normal
from mlops_core.time import MICROSECOND, parse_duration

__all__ = ["Advance", "Failure", "MachineState", "MachineStatus", "Sample", "advance", "new_machine"]

TEMPERATURE_LANE, VIBRATION_LANE = 0, 1  # the bulk simulator relies on their place in the upper half of a word


class Sample(NamedTuple):
    """One reading, by a machine known from context."""

    channel: str
    event_timestamp: datetime
    value: float


class Failure(NamedTuple):
    """One functional failure: the moment, the limit that tripped and the value that passed it."""

    machine_id: str
    event_timestamp: datetime
    event_code: str
    measured_value: float
    threshold: float


class Advance(NamedTuple):
    """What happened in `[state.event_timestamp, until)`.

    `returns_to_service` holds the moments at which the machine ran again, after a failure or a planned service. When it
    had stopped is not told with them: a failure says so itself, and where a step begins at the return, the state knows
    no more when a planned service (none by default) began.
    """

    state: MachineState
    readings: list[Sample]
    failures: list[Failure]
    returns_to_service: list[datetime]


def new_machine(machine_id: str, *, seed: int, at: datetime, law: DegradationLaw | None = None) -> MachineState:
    """Return a new machine, commissioned at `at`.

    Raises:
        NaiveTimeError: `at` has no time zone.
        pydantic.ValidationError: `machine_id` is not one.

    """
    moment = at_moment(microseconds(at))
    return MachineState(
        machine_id=machine_id,
        seed=seed,
        event_timestamp=moment,
        status=MachineStatus.HEALTHY,
        health_index=1.0,
        run_number=0,
        run_started_at=moment,
        damage_at_hour=0.0,
        law=law or DegradationLaw(),
    )


def advance(state: MachineState, until: datetime, *, interval: timedelta | str) -> Advance:
    """Live from `state.event_timestamp` (inclusive) to `until` (exclusive).

    Readings stand at the multiples of `interval` since the epoch, in order of time, temperature before vibration; a
    machine that is being repaired gives none. A failure or a return to service is told once, by the step that contains
    its moment.

    Raises:
        InvalidArgumentError: `until` lies before the state.
        DurationError, NaiveTimeError: `interval` or `until` is not usable.

    """
    end, step = microseconds(until), parse_duration(interval) // MICROSECOND
    if end < microseconds(state.event_timestamp):
        raise InvalidArgumentError("until", until, f"lies before the state, at {state.event_timestamp.isoformat()}")
    machine = machine_of(state.law, state.seed, state.machine_id)
    progress = _progress_of(machine, state)
    readings: list[Sample] = []
    failures: list[Failure] = []
    returns_to_service: list[datetime] = []
    while progress.moment < end:
        if progress.stop is not None:
            progress = _rest(machine, progress, progress.stop, end)
            continue
        # Told where the run begins, not where the repair ends: a step that ends at the return leaves it to the next.
        if progress.run.number and progress.moment == progress.run_started:
            returns_to_service.append(at_moment(progress.moment))
        worked = _work(machine, progress, end)
        readings.extend(_readings(machine, progress, worked.moment, step))
        if worked.stop is not None and worked.stop.is_failure:
            failures.append(failure_of(machine.machine_id, progress.run, worked.moment))
        progress = worked
    return Advance(_state_of(machine, progress), readings, failures, returns_to_service)


def failure_of(machine_id: str, run: Run, at: int) -> Failure:
    """Return the failure that ends a run at moment `at`."""
    mode = run.mode
    return Failure(machine_id, at_moment(at), mode.event_code, run.measured_at_failure, mode.threshold)


class _Progress(NamedTuple):
    moment: int
    run: Run
    run_started: int
    damage: float  # at the start of the moment's hour, or of the run
    stop: Stop | None = None  # what keeps the machine from working


def _progress_of(machine: Machine, state: MachineState) -> _Progress:
    stop = None
    if state.returned_to_service_at is not None:
        returns_at = microseconds(state.returned_to_service_at)
        stop = Stop(microseconds(state.event_timestamp), returns_at, state.status is MachineStatus.FAILED)
    return _Progress(
        microseconds(state.event_timestamp),
        draw_run(machine, state.run_number),
        microseconds(state.run_started_at),
        state.damage_at_hour,
        stop,
    )


def _rest(machine: Machine, progress: _Progress, stop: Stop, end: int) -> _Progress:
    """Pass a repair as far as `end` allows, and begin the next run where it is over."""
    if end < stop.returns_at:
        return progress._replace(moment=end)
    run = draw_run(machine, progress.run.number + 1)
    return _Progress(stop.returns_at, run, stop.returns_at, run.initial_damage)


def _work(machine: Machine, progress: _Progress, end: int) -> _Progress:
    """Work to the end of this hour, or to `end` or the end of the run where they come first."""
    hour = progress.moment // HOUR
    base, hour_end = max(hour * HOUR, progress.run_started), (hour + 1) * HOUR
    rate = damage_rate(machine.law, progress.run, load_at(machine, hour))
    grown = progress.damage + rate * ((hour_end - base) / HOUR)
    stop = planned_stop(machine.law, progress.run_started)
    if grown >= 1.0:
        failed_at = failure_moment(base, progress.damage, rate)
        stop = stop_of(machine.law, progress.run, progress.run_started, failed_at)
    if stop is not None and stop.at < min(end, hour_end):
        damage = 1.0 if stop.is_failure else progress.damage + rate * ((stop.at - base) / HOUR)
        return progress._replace(moment=stop.at, damage=damage, stop=stop)
    if end < hour_end:
        return progress._replace(moment=end)
    return progress._replace(moment=hour_end, damage=grown)


def _readings(machine: Machine, progress: _Progress, until: int, step: int) -> list[Sample]:
    """Return the readings from `progress.moment` to `until`, which lie in one hour."""
    hour = progress.moment // HOUR
    ticks = range(-(-progress.moment // step) * step, until, step)
    if not ticks:
        return []
    law, run = machine.law, progress.run
    load = load_at(machine, hour)
    span = ((hour + 1) * HOUR - max(hour * HOUR, progress.run_started)) / HOUR
    grown = progress.damage + damage_rate(law, run, load) * span
    temperature, vibration = _levels(machine, run, hour, progress.damage)
    next_temperature, next_vibration = _levels(machine, run, hour + 1, grown)
    samples: list[Sample] = []
    for tick in ticks:
        passed = (tick - hour * HOUR) / HOUR
        word = random_word(machine.nameplate.noise_key, tick)
        warmth = temperature + (next_temperature - temperature) * passed
        warmth = warmth + temperature_added(law, standard_normal(lane(word, TEMPERATURE_LANE)))
        shaking = vibration + (next_vibration - vibration) * passed
        shaking = shaking * vibration_factor(law, standard_normal(lane(word, VIBRATION_LANE)))
        at = at_moment(tick)
        samples.append(Sample("temperature", at, round(warmth) / TEMPERATURE_STEPS))
        samples.append(Sample("vibration", at, round(shaking) / VIBRATION_STEPS))
    return samples


def _levels(machine: Machine, run: Run, hour: int, damage: float) -> tuple[float, float]:
    load = load_at(machine, hour)
    ambient = ambient_temperature(machine.law.conditions, machine.seed, hour)
    return sensor_levels(machine, run, hour, load, ambient, damage)


def _state_of(machine: Machine, progress: _Progress) -> MachineState:
    return state_at(machine, progress.moment, progress.run, progress.run_started, progress.damage, progress.stop)
