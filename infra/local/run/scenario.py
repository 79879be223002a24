"""What is wrong with the machines of a laptop run: causes, put so that their effects are there when the run ends.

    COMPRESSOR-C01  runs                 FAN-B01  vibrates in zone C: WATCH       PUMP-A01  fails as telemetry flows
    FAN-B03         lost its connection  FAN-B02  vibrates in zone D: ACT         PUMP-A02  is switched off

Each is simulated from its commissioning by the law of degradation, with settings of its own; when it is commissioned is
chosen by when its damage has come so far. Nothing of its state is written by hand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from mlops_core.simulation import (
    FAILURE_MODES,
    DegradationLaw,
    OperatingConditions,
    SimulatedHistory,
    simulate_fleet,
)

HOUR: Final = timedelta(hours=1)
YOUNG: Final = timedelta(days=2)
"""Far from any failure: no machine fails within its first five days at mean load."""
OFF_FOR: Final = 3 * HOUR
LOST_FOR: Final = 3 * HOUR
_LONGEST_LIFE: Final = timedelta(days=200)
ACT_LEVEL: Final = 14.0
WATCH_LEVEL: Final = 9.0

_TOUGH: Final = FAILURE_MODES[0].model_copy(update={"threshold": 28.0, "load_sensitivity": 0.0, "share": 1.0})
SHAKEN: Final = DegradationLaw(
    failure_modes=(_TOUGH,), wander=0.0, vibration_noise=0.03, conditions=OperatingConditions(load_variation=0.1)
)
"""Of machines that go on running far beyond zone D."""


@dataclass(frozen=True)
class Cause:
    """One machine: what it is to show, its law, when it was commissioned, and when it lost its connection, if so."""

    machine_id: str
    shows: str
    law: DegradationLaw
    commissioned_at: datetime
    lost_at: datetime | None = None

    def simulated(self, start: datetime, end: datetime, interval: timedelta, seed: int) -> SimulatedHistory:
        """Return its history up to `end`, or up to when its connection was lost."""
        return simulate_fleet(
            [self.machine_id],
            start=max(start, self.commissioned_at),
            end=self.lost_at or end,
            interval=interval,
            seed=seed,
            law=self.law,
            commissioned_at=self.commissioned_at,
        )


def scenario(machine_ids: Sequence[str], end: datetime, seed: int) -> tuple[Cause, ...]:
    """Return what is wrong with which machine: of those configured as far as there are enough, and one more.

    Args:
        machine_ids: those that the simulator plays.
        end: when history ends and live telemetry begins.
        seed: of the simulation.

    """
    runs, watch, act, fails, stopped = (*sorted(machine_ids), *[""] * 5)[:5]
    off = DegradationLaw(conditions=OperatingConditions(switched_off_at=end - OFF_FOR))
    causes = [
        Cause(runs, "RUNNING", DegradationLaw(), end - YOUNG),
        Cause(watch, "WATCH", SHAKEN, _commissioned_to_vibrate(watch or "M", WATCH_LEVEL, end, seed)),
        Cause(act, "ACT", SHAKEN, _commissioned_to_vibrate(act or "M", ACT_LEVEL, end, seed)),
        Cause(fails, "FAILED", DegradationLaw(), _commissioned_to_fail(fails or "M", end + HOUR / 2, seed)),
        Cause(stopped, "OFF", off, end - YOUNG),
        Cause("FAN-B03", "SILENT", DegradationLaw(), end - YOUNG, lost_at=end - LOST_FOR),
    ]
    return tuple(cause for cause in causes if cause.machine_id)


def _commissioned_to_fail(machine_id: str, at: datetime, seed: int) -> datetime:
    """Return when a machine is commissioned that fails within minutes of `at`: the later it is, the later it fails."""
    early, late = at - _LONGEST_LIFE, at
    while late - early > HOUR / 30:
        middle = early + (late - early) / 2
        begun = simulate_fleet([machine_id], start=middle, end=middle + HOUR, interval=HOUR, seed=seed)
        early, late = (middle, late) if begun.runs["true_failure_at"][0] < at else (early, middle)
    return early


def _commissioned_to_vibrate(machine_id: str, level: float, end: datetime, seed: int) -> datetime:
    """Return when a machine is commissioned whose vibration is about `level` (mm/s) as live telemetry begins."""
    return min(_candidates(machine_id, end, seed), key=lambda candidate: abs(candidate[1] - level))[0]


def _candidates(machine_id: str, end: datetime, seed: int) -> Iterator[tuple[datetime, float]]:
    for hours in range(48, 40 * 24, 6):
        commissioned = end - hours * HOUR
        readings = simulate_fleet(
            [machine_id], start=end, end=end + HOUR, interval=HOUR / 6, seed=seed, law=SHAKEN,
            commissioned_at=commissioned,
        ).readings  # fmt: skip
        median = readings.filter(pl.col("channel") == "vibration")["value"].median()
        if isinstance(median, float):
            yield commissioned, median
