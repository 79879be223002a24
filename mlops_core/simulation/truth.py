"""What was true of a simulated fleet and no sensor says: frames of their own, never part of telemetry."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.simulation.law import Machine, Run
from mlops_core.simulation.machine_state import HOUR, REPAIRED_FOR_HOURS, WORN_BELOW, MachineStatus, at_moment
from mlops_core.simulation.random_streams import FloatArray
from mlops_core.simulation.run import MachinePath, RunPath
from mlops_core.telemetry import TIMESTAMP

# One row per machine and full hour of the period. While a machine is repaired its health stays what it was when it
# stopped, and its remaining life is null.
TRUTH: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "event_timestamp": TIMESTAMP,
        "run_id": pl.String(),
        "true_status": pl.String(),
        "true_health_index": pl.Float64(),
        "true_rul_hours": pl.Float64(),
        "true_failure_mode": pl.String(),
        "true_load": pl.Float64(),
    }
)

# One row per run. `true_life_hours` is the life that chance gave, in hours at mean load, were the machine as good as
# new; a run under way or ended by planned service is censored.
RUNS: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "run_id": pl.String(),
        "run_number": pl.Int64(),
        "run_started_at": TIMESTAMP,
        "run_ended_at": TIMESTAMP,
        "ended_by": pl.String(),
        "is_censored": pl.Boolean(),
        "returned_to_service_at": TIMESTAMP,
        "true_failure_mode": pl.String(),
        "true_life_hours": pl.Float64(),
        "true_initial_damage": pl.Float64(),
        "true_failure_at": TIMESTAMP,
    }
)


_STATUSES = tuple(MachineStatus)
_HEALTHY, _WORN, _FAILED, _REPAIRED = range(4)


def run_id(machine_id: str, number: int) -> str:
    """Return the name of a machine's run."""
    return f"{machine_id}#{number}"


def run_rows(paths: Sequence[MachinePath], end: int) -> pl.DataFrame:
    """Return RUNS of the runs that begin before `end`."""
    rows = [_run_row(path.machine.machine_id, run, end) for path in paths for run in path.runs]
    return pl.DataFrame(rows, schema=RUNS, orient="row")


def _run_row(machine_id: str, path: RunPath, end: int) -> tuple[object, ...]:
    stop, ended = path.stop, path.stop.at < end
    return (
        machine_id,
        run_id(machine_id, path.run.number),
        path.run.number,
        at_moment(path.started),
        at_moment(stop.at) if ended else None,
        ("failure" if stop.is_failure else "planned_service") if ended else None,
        not (ended and stop.is_failure),
        at_moment(stop.returns_at) if stop.returns_at < end else None,
        path.run.mode.name,
        path.run.life_hours,
        path.run.initial_damage,
        at_moment(path.failed_at),
    )


def truth_rows(paths: Sequence[MachinePath], start: int, end: int) -> pl.DataFrame:
    """Return TRUTH for the full hours in `[start, end)`, from each machine's commissioning on."""
    segments = [_segment(path.machine, run, start, end) for path in paths for run in path.runs]
    if not segments:
        return pl.DataFrame(schema=TRUTH)
    lengths = [len(segment.hours) for segment in segments]

    number = pl.Series(np.repeat(np.arange(len(segments), dtype=np.uint32), lengths))

    def spread(names: list[str]) -> pl.Series:
        return pl.Series(names, dtype=pl.String)[number]

    moments = np.concatenate([segment.hours for segment in segments]) * HOUR
    statuses = pl.Series([status.value for status in _STATUSES], dtype=pl.String)
    return pl.DataFrame(
        {
            "machine_id": spread([segment.machine_id for segment in segments]),
            "event_timestamp": pl.Series(moments).cast(TIMESTAMP),
            "run_id": spread([run_id(segment.machine_id, segment.run.number) for segment in segments]),
            "true_status": statuses[pl.Series(np.concatenate([segment.statuses for segment in segments]))],
            "true_health_index": 1.0 - np.concatenate([segment.damage for segment in segments]),
            "true_rul_hours": pl.Series(np.concatenate([segment.rul_hours for segment in segments]), nan_to_null=True),
            "true_failure_mode": spread([segment.run.mode.name for segment in segments]),
            "true_load": np.concatenate([segment.load for segment in segments]),
        },
        schema=TRUTH,
    )


class _Segment(NamedTuple):
    """The full hours of one run and of the repair that follows it."""

    machine_id: str
    run: Run
    hours: NDArray[np.int64]
    statuses: NDArray[np.uint32]
    damage: FloatArray
    rul_hours: FloatArray
    load: FloatArray


def _segment(machine: Machine, path: RunPath, start: int, end: int) -> _Segment:
    first, past = max(path.started, start), min(path.stop.returns_at, end)
    hours = np.arange(-(-first // HOUR), -(-past // HOUR), dtype=np.int64)
    at_work = int(np.searchsorted(hours * HOUR, path.stop.at))
    known = slice(hours[0] - path.first_hour, hours[0] - path.first_hour + at_work) if len(hours) else slice(0)
    idle = len(hours) - at_work
    damage = np.concatenate((path.damage[known], np.full(idle, path.damage_at_stop)))
    in_service = (hours * HOUR - path.started) / HOUR
    repaired = (in_service < REPAIRED_FOR_HOURS) & (path.run.number > 0)
    statuses = np.where(damage > 1.0 - WORN_BELOW, _WORN, np.where(repaired, _REPAIRED, _HEALTHY))
    statuses[at_work:] = _FAILED if path.stop.is_failure else _REPAIRED
    rul_hours = (path.failed_at - hours * HOUR) / HOUR
    rul_hours[at_work:] = np.nan
    load = np.concatenate((path.load[known], np.zeros(idle)))
    return _Segment(machine.machine_id, path.run, hours, statuses.astype(np.uint32), damage, rul_hours, load)
