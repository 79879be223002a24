"""Other ways to make telemetry of machines that wear: what the simulator is measured against.

They do not simulate the same machines, so there is no number to agree on; what is compared is the cost of a
machine-step: one machine, one moment, two readings.
"""

import json
import math
import random
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from mlops_core.simulation import advance, new_machine

PUMP_INPUTS: Mapping[str, float] = {"Tamb": 290.0, "V": 471.2, "pdisch": 928654.0, "psuc": 239179.0, "wsync": 471.2}
STEPS_PER_CALL = 500  # of progpy: its models leave their working range sooner or later


@dataclass(frozen=True)
class Plan:
    """A fleet and a period."""

    machine_ids: tuple[str, ...]
    start: datetime
    ticks: int
    interval: timedelta = timedelta(minutes=1)

    @property
    def end(self) -> datetime:
        return self.start + self.ticks * self.interval

    @property
    def steps(self) -> int:
        return len(self.machine_ids) * self.ticks


def numpy_generator(plan: Plan) -> None:
    """The random numbers alone: two normal ones a step."""
    np.random.default_rng(1).standard_normal(2 * plan.steps)


def live_steps(plan: Plan) -> None:
    """Our own step of one machine in plain Python, as the simulator function takes it."""
    for machine_id in plan.machine_ids:
        advance(new_machine(machine_id, seed=1, at=plan.start), plan.end, interval=plan.interval)


def python_loop(plan: Plan) -> None:
    """The original's way: each machine's state is a dictionary that every tick changes a little."""
    for machine_id in plan.machine_ids:
        machine, generator, at = _new_machine(machine_id), _generator(), plan.start
        for _ in range(plan.ticks):
            _tick(machine, at, generator)
            at += plan.interval


def python_loop_with_json(plan: Plan) -> None:
    """The same, and two messages of each step."""
    for machine_id in plan.machine_ids:
        machine, generator, at = _new_machine(machine_id), _generator(), plan.start
        for _ in range(plan.ticks):
            for field, value in _tick(machine, at, generator).items():
                json.dumps({"machine_id": machine_id, "timestamp_utc": at.isoformat(), field: value})
            at += plan.interval


def _generator() -> random.Random:
    return random.Random(1)  # noqa: S311 - nothing secret


def _new_machine(machine_id: str) -> dict[str, Any]:
    return {"machine_id": machine_id, "status": "healthy", "wear": 0.0}


def _tick(machine: dict[str, Any], at: datetime, generator: random.Random) -> dict[str, float]:
    if machine["status"] == "failed":
        machine["status"], machine["wear"] = "repaired", 0.0
    machine["wear"] += generator.uniform(0.0, 6e-5)
    if machine["wear"] > 1.0:
        machine["status"] = "failed"
    elif machine["wear"] > 0.5:
        machine["status"] = "worn"
    hour = at.hour + at.minute / 60
    vibration = 2.0 + 9.0 * machine["wear"] ** 2 + generator.gauss(0.0, 0.2)
    temperature = 45.0 + 3.0 * vibration + 4.0 * math.sin(2 * math.pi * (hour - 9) / 24) + generator.gauss(0.0, 0.6)
    return {"temperature_celsius": round(temperature, 2), "vibration_rms": round(vibration, 3)}


def progpy_lightest(plan: Plan) -> None:
    """NASA progpy's `simulate_to`, every step saved, with the model that costs least: a thrown ball."""
    _progpy(plan.steps, "ThrownObject", {}, dt=0.005)


def progpy_pump(plan: Plan) -> None:
    """The same with the model that does a job like ours: a centrifugal pump that wears."""
    _progpy(plan.steps, "CentrifugalPumpWithWear", PUMP_INPUTS, dt=1.0)


def has_progpy() -> bool:
    """Whether progpy is installed: it is not for every platform."""
    try:
        import progpy  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport] - an optional peer, untyped
    except ImportError:
        return False
    return True


def _progpy(steps: int, model_name: str, inputs: Mapping[str, float], *, dt: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of models that say what they overwrite
        import progpy.models  # pyright: ignore[reportMissingImports] - an optional peer, untyped

        model: Any = getattr(progpy.models, model_name)()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - an optional peer, untyped
    constant = model.InputContainer(dict(inputs))

    def loading(_time: float, _state: object = None) -> object:
        return constant

    while steps > 0:
        taken = min(steps, STEPS_PER_CALL)
        result = model.simulate_to(taken * dt, loading, dt=dt, save_freq=dt)
        steps -= max(len(result.times) - 1, 1)
