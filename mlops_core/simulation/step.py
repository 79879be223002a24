"""One machine, step by step: its state, and what it says between two moments.

    state = new_machine("PUMP-A01", seed=7, at=datetime(2026, 1, 1, tzinfo=UTC))
    step = advance(state, datetime(2026, 1, 2, tzinfo=UTC), interval="1m")
    step.readings, step.failures, step.returns_to_service, step.state

State and readings at a moment depend on (law, seed, machine, commissioning) alone, and are computed by the code that
simulates whole histories: any partition of time gives the same ones, so a step is idempotent.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from mlops_core.errors import InvalidArgumentError
from mlops_core.simulation.law import DegradationLaw, Run, machine_of
from mlops_core.simulation.machine_state import MachineState, MachineStatus, at_moment
from mlops_core.simulation.run import MachinePath, final_state, machine_path
from mlops_core.simulation.sampling import Sampler, Ticks
from mlops_core.time import MICROSECOND, microseconds, parse_duration


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
    stopped is not part of them: a failure is reported by itself, and a step that begins at the return no longer knows
    when a planned service (none by default) began.
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

    Readings are at the multiples of `interval` since the epoch, in order of time, temperature before vibration; a
    machine that is being repaired gives none. A failure or a return to service belongs to the step that contains
    its moment.

    Raises:
        InvalidArgumentError: `until` lies before the state.
        DurationError, NaiveTimeError: `interval` or `until` is not usable.

    """
    begin, end = microseconds(state.event_timestamp), microseconds(until)
    step = parse_duration(interval) // MICROSECOND
    if end < begin:
        raise InvalidArgumentError("until", until, f"lies before the state, at {state.event_timestamp.isoformat()}")
    run_number, started = state.run_number, microseconds(state.run_started_at)
    if state.returned_to_service_at is not None:
        run_number, started = run_number + 1, microseconds(state.returned_to_service_at)
        if end < started:  # still under repair
            return Advance(state.model_copy(update={"event_timestamp": at_moment(end)}), [], [], [])
    path = machine_path(machine_of(state.law, state.seed, state.machine_id), started, end, first_run=run_number)
    return Advance(
        state=final_state(path, end),
        readings=_readings(path, Ticks.between(begin, end, step), state.seed),
        failures=[
            failure_of(state.machine_id, run.run, run.stop.at)
            for run in path.runs
            if run.stop.is_failure and begin <= run.stop.at < end
        ],
        # A run's beginning belongs to the step that contains it, not to the one that ends there.
        returns_to_service=[
            at_moment(run.started) for run in path.runs if run.run.number and begin <= run.started < end
        ],
    )


def failure_of(machine_id: str, run: Run, at: int) -> Failure:
    """Return the failure that ends a run at moment `at`."""
    mode = run.mode
    return Failure(machine_id, at_moment(at), mode.event_code, run.measured_at_failure, mode.threshold)


def _readings(path: MachinePath, ticks: Ticks, seed: int) -> list[Sample]:
    sampler, samples = Sampler.of(path.machine.law, seed, ticks), list[Sample]()
    for run in path.runs:
        span = ticks.span(run.started, run.stop.at)
        temperatures, vibrations = np.empty((2, span.stop - span.start))
        sampler.sample_run(path.machine, run, span, temperatures, vibrations)
        rows = zip(ticks.moments[span].tolist(), temperatures.tolist(), vibrations.tolist(), strict=True)
        for moment, temperature, vibration in rows:
            at = at_moment(moment)
            samples += [Sample("temperature", at, temperature), Sample("vibration", at, vibration)]
    return samples
