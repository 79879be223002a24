"""Whole histories of a fleet, vectorised over time.

    history = simulate_fleet(["PUMP-A01", "FAN-B01"], start=..., end=..., interval="1m", seed=7)
    history.readings, history.failures, history.truth

`degradation.advance` takes one machine a step further along the same path. A machine's history depends neither on the
other machines nor on where the period begins and ends, given its commissioning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from types import MappingProxyType

import numpy as np
import polars as pl

from mlops_core.errors import InvalidArgumentError
from mlops_core.simulation.law import DegradationLaw, machine_of
from mlops_core.simulation.machine_state import MachineState, at_moment
from mlops_core.simulation.random_streams import FloatArray
from mlops_core.simulation.run import MachinePath, RunPath, final_state, machine_path
from mlops_core.simulation.sampling import Sampler, Ticks
from mlops_core.simulation.sensor_faults import SENSOR_FAULTS, SensorFaults, inject_sensor_faults
from mlops_core.simulation.step import failure_of
from mlops_core.simulation.truth import run_rows, truth_rows
from mlops_core.telemetry import FAILURES, MAINTENANCE, READINGS, TIMESTAMP, check_machine_id
from mlops_core.text import html_table
from mlops_core.time import MICROSECOND, microseconds, parse_duration

SHORT_PART, LONGEST_PART = 4_096, 16_384  # rows


@dataclass(frozen=True)
class SimulatedHistory:
    """What a fleet published, what happened to it, and what was true all along.

    Attributes:
        readings: READINGS, sorted by machine (in the order given), channel and time.
        failures: FAILURES, sorted by machine and time; the return to service is null where it lies beyond the end.
        maintenance: MAINTENANCE, the planned services (repairs are in `failures`); it renews machines.
        truth: one row per machine and full hour; see `TRUTH`. For judging models, never for training them.
        runs: one row per run; see `RUNS`.
        sensor_faults: what was wrong with the sensors; see `SENSOR_FAULTS`.
        states: each machine at the end, from which `advance` carries on.

    """

    readings: pl.DataFrame
    failures: pl.DataFrame
    maintenance: pl.DataFrame
    truth: pl.DataFrame
    runs: pl.DataFrame
    sensor_faults: pl.DataFrame
    states: Mapping[str, MachineState]

    def __repr__(self) -> str:
        counted = ", ".join(f"{name} {value:,}" for name, value in self._counts().items())
        return f"<SimulatedHistory: {counted}>"

    def _repr_html_(self) -> str:
        return html_table("Simulated history", self._counts())

    def _counts(self) -> dict[str, int]:
        return {
            "machines": len(self.states),
            "readings": self.readings.height,
            "failures": self.failures.height,
            "planned services": self.maintenance.height,
        }


def simulate_fleet(
    machine_ids: Sequence[str],
    *,
    start: datetime,
    end: datetime,
    interval: timedelta | str = "1m",
    seed: int,
    law: DegradationLaw | None = None,
    commissioned_at: datetime | None = None,
    sensor_faults: SensorFaults | None = None,
) -> SimulatedHistory:
    """Return the history of a fleet in `[start, end)`.

    Args:
        machine_ids: legal machine ids, each once; what happens to a machine does not depend on the others.
        start: aware time of the first reading.
        end: aware time after the last one.
        interval: between two readings of a channel; readings lie at the multiples of it since the epoch.
        seed: of everything random; the same seed gives the same history on every machine.
        law: constants of degradation (default: `DegradationLaw()`).
        commissioned_at: when all machines are new (default: `start`); an earlier time gives machines of mixed age.
        sensor_faults: rates of faults; without, sensors are noisy but sound.

    Returns:
        `.readings` (READINGS; degrees Celsius, mm/s r.m.s.), `.failures` (FAILURES), `.maintenance` (MAINTENANCE), and
        what only a simulator has: `.truth`, `.runs`, `.sensor_faults` and `.states`.

    Raises:
        InvalidArgumentError: a duplicate or illegal machine id, an end before the start, a commissioning after the end
            or before 1970.
        DurationError, NaiveTimeError: an interval or time that is not usable.

    Example:
        >>> history = mc.simulate_fleet(
        ...     ["PUMP-1"],
        ...     start=datetime(2026, 1, 1, tzinfo=UTC),
        ...     end=datetime(2026, 1, 2, tzinfo=UTC),
        ...     interval="1h",
        ...     seed=7,
        ... )
        >>> history.readings.shape
        (48, 4)

    """
    law = law or DegradationLaw()
    begin, finish = microseconds(start), microseconds(end)
    commissioned = begin if commissioned_at is None else microseconds(commissioned_at)
    _check_period(machine_ids, begin, finish, commissioned)
    paths = [machine_path(machine_of(law, seed, machine_id), commissioned, finish) for machine_id in machine_ids]
    sampler = Sampler.of(law, seed, Ticks.between(begin, finish, parse_duration(interval) // MICROSECOND))
    readings, faults = _readings(sampler, paths), pl.DataFrame(schema=SENSOR_FAULTS)
    if sensor_faults is not None:
        readings, faults = inject_sensor_faults(readings, sensor_faults, seed=seed)
    return SimulatedHistory(
        readings=readings,
        failures=_failures(paths, begin, finish),
        maintenance=_maintenance(paths, begin, finish),
        truth=truth_rows(paths, begin, finish),
        runs=run_rows(paths, finish),
        sensor_faults=faults,
        states=MappingProxyType({path.machine.machine_id: final_state(path, finish) for path in paths}),
    )


def _check_period(machine_ids: Sequence[str], start: int, end: int, commissioned: int) -> None:
    seen: set[str] = set()
    for machine_id in machine_ids:
        if check_machine_id(machine_id) in seen:
            raise InvalidArgumentError("machine_ids", machine_id, "appears twice")
        seen.add(machine_id)
    if end < start:
        raise InvalidArgumentError("end", at_moment(end).isoformat(), "lies before the start")
    if commissioned < 0:
        raise InvalidArgumentError("commissioned_at", at_moment(commissioned).isoformat(), "lies before 1970")
    if commissioned > end:
        raise InvalidArgumentError("commissioned_at", at_moment(commissioned).isoformat(), "lies after the end")


def _readings(sampler: Sampler, paths: Sequence[MachinePath]) -> pl.DataFrame:
    spans = [[sampler.ticks.span(run.started, run.stop.at) for run in path.runs] for path in paths]
    counts = [sum(span.stop - span.start for span in machine) for machine in spans]
    if not sum(counts):
        return pl.DataFrame(schema=READINGS)
    values = np.empty(2 * sum(counts))  # one large array, for which the system has large pages
    first = 0
    for path, machine_spans, count in zip(paths, spans, counts, strict=True):
        _sample_machine(sampler, path, machine_spans, values[first : first + 2 * count].reshape(2, count))
        first += 2 * count
    columns, *parts = _parts(sampler, paths, spans, pl.Series(values))
    for part in parts:
        for column, piece in zip(columns, part, strict=True):
            column.append(piece)
    readings = pl.DataFrame(dict(zip(READINGS, columns, strict=True)))
    # Long parts stay apart, a chunk each: they share what is equal, and copying costs as much time as making them.
    return readings.rechunk() if readings.height < SHORT_PART * (1 + len(parts)) else readings


def _parts(
    sampler: Sampler, paths: Sequence[MachinePath], spans: Sequence[Sequence[slice]], values: pl.Series
) -> Iterator[tuple[pl.Series, ...]]:
    """Give the columns of READINGS piece by piece, as views of common ones."""
    timestamps = pl.Series(sampler.ticks.moments).cast(TIMESTAMP)
    longest = min(LONGEST_PART, max(span.stop - span.start for machine in spans for span in machine))
    channels = [_repeated(name, longest) for name in ("temperature", "vibration")]
    done = 0
    for path, machine_spans in zip(paths, spans, strict=True):
        machine_ids = _repeated(path.machine.machine_id, longest)
        for names, span in product(channels, machine_spans):
            for first in range(span.start, span.stop, LONGEST_PART):
                count = min(LONGEST_PART, span.stop - first)
                yield (
                    machine_ids.slice(0, count),
                    names.slice(0, count),
                    timestamps.slice(first, count),
                    values.slice(done, count),
                )
                done += count


def _repeated(text: str, count: int) -> pl.Series:
    return pl.Series([text]).new_from_index(0, count)  # a third of the cost of polars.repeat


def _sample_machine(sampler: Sampler, path: MachinePath, spans: Sequence[slice], values: FloatArray) -> None:
    done = 0
    for run, span in zip(path.runs, spans, strict=True):
        temperatures, vibrations = values[:, done : done + span.stop - span.start]
        sampler.sample_run(path.machine, run, span, temperatures, vibrations)
        done += span.stop - span.start


def _failures(paths: Sequence[MachinePath], start: int, end: int) -> pl.DataFrame:
    rows = [
        (*failure_of(path.machine.machine_id, run.run, run.stop.at), _return(run, end))
        for path in paths
        for run in path.runs
        if run.stop.is_failure and start <= run.stop.at < end
    ]
    return pl.DataFrame(rows, schema=FAILURES, orient="row")


def _maintenance(paths: Sequence[MachinePath], start: int, end: int) -> pl.DataFrame:
    rows = [
        (path.machine.machine_id, at_moment(run.stop.at), _return(run, end), True)
        for path in paths
        for run in path.runs
        if not run.stop.is_failure and start <= run.stop.at < end
    ]
    return pl.DataFrame(rows, schema=MAINTENANCE, orient="row")


def _return(run: RunPath, end: int) -> datetime | None:
    return at_moment(run.stop.returns_at) if run.stop.returns_at < end else None
