"""Measures ways of doing one job, each in a process of its own: CPU seconds and the rise of resident memory.

A module of benchmarks offers `BENCHMARKS`, a tuple of `Benchmark`, and is listed in `MODULES`; no other change
is needed to add one. Peers are imported inside the functions that use them. CPU seconds count all threads; a round runs
every way once, so that ways share the conditions of the machine, and the median over rounds is what is reported.
"""

import gc
import importlib
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODULES = ("benchmarks.features", "benchmarks.incremental", "benchmarks.simulation", "benchmarks.training")
WARM_UP_SIZE = 20_000
_RUNS_AT_MOST, _SECONDS_ENOUGH = 30, 2.0
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Way:
    """One way to do the job: `run` is measured, `prepare` (from the common input to what this way takes) is not.

    `run` returns a number that all ways of the job agree on, or None where there is nothing to compare.
    """

    run: Callable[[Any], float | None]
    prepare: Callable[[Any], Any] = lambda common: common
    largest: int = 10**9
    rounds_at_most: int = 100


@dataclass(frozen=True)
class Reach:
    """A target: `value` of what was measured lies within the bounds; None where it was not measured."""

    what: str
    size: int
    value: Callable[["Figures"], float | None]
    at_least: float = -math.inf
    at_most: float = math.inf


@dataclass(frozen=True)
class Benchmark:
    """A job, the ways to do it, and what ours has to reach; `make_input(size)` gives the common input, not measured."""

    name: str
    sizes: Sequence[int]
    make_input: Callable[[int], Any]
    ways: Mapping[str, Way]
    ours: str
    reach: Sequence[Reach] = field(default=())
    agreement: float = 1e-6


@dataclass(frozen=True)
class Figures:
    """What was measured: for each (way, size) the CPU seconds, the rise of memory in MB and the number to agree on."""

    ours: str
    cells: Mapping[tuple[str, int], Mapping[str, Any]]

    def seconds(self, way: str, size: int) -> float | None:
        """Median CPU seconds."""
        cell = self.cells.get((way, size))
        return None if cell is None else statistics.median(cell["cpu_seconds"])

    def ratio(self, way: str, size: int) -> float | None:
        """CPU seconds of a way in units of ours."""
        theirs, own = self.seconds(way, size), self.seconds(self.ours, size)
        return None if theirs is None or own is None else theirs / own

    def memory(self, way: str, size: int) -> float | None:
        """Rise of resident memory, MB."""
        cell = self.cells.get((way, size))
        return None if cell is None else max(cell["memory_mb"])

    def exponent(self, way: str) -> float | None:
        """Growth of cost with size: slope of log(CPU seconds) between the two largest sizes."""
        sizes = sorted(size for name, size in self.cells if name == way)[-2:]
        if len(sizes) < 2:
            return None
        small, large = (self.seconds(way, size) or math.nan for size in sizes)
        return math.log(large / small) / math.log(sizes[1] / sizes[0])


def ratio(way: str, size: int, *, at_least: float = -math.inf, at_most: float = math.inf) -> Reach:
    """The target that a way costs at least or at most so many times what ours does."""
    return Reach(f"CPU of {way} / ours", size, lambda f: f.ratio(way, size), at_least, at_most)


def load(only: Iterable[str] = ()) -> dict[str, Benchmark]:
    """All benchmarks by name, or those named."""
    found = [benchmark for module in MODULES for benchmark in importlib.import_module(module).BENCHMARKS]
    return {benchmark.name: benchmark for benchmark in found if not set(only) or benchmark.name in set(only)}


def measure_here(benchmark: Benchmark, way_name: str, size: int) -> dict[str, Any]:
    """Run one way in this process, after a warm-up that imports and compiles: CPU seconds and the first run's memory.

    A short way runs several times, for two seconds at most, and the median counts: the first runs of a process pay for
    memory that later ones find at hand.
    """
    way = benchmark.ways[way_name]
    way.run(way.prepare(benchmark.make_input(min(size, WARM_UP_SIZE))))
    prepared = way.prepare(benchmark.make_input(size))
    gc.collect()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    seconds: list[float] = []
    number = None
    memory = 0
    while len(seconds) < _RUNS_AT_MOST and sum(seconds) < _SECONDS_ENOUGH:
        started = time.process_time()
        number = way.run(prepared)
        seconds.append(time.process_time() - started)
        memory = memory or _memory("VmHWM") - before
    return {"cpu_seconds": statistics.median(seconds), "memory_mb": memory / 1e6, "number": number}


def _memory(what: str) -> int:
    """Bytes of resident memory now (VmRSS) or at most so far (VmHWM), as reported by Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def measure(benchmark: Benchmark, sizes: Sequence[int], rounds: int, report: Callable[[str], None]) -> Figures:
    """Measure every way at every size, a fresh process each time."""
    cells: dict[tuple[str, int], dict[str, Any]] = {}
    for size in sizes:
        for turn in range(rounds):
            for name, way in benchmark.ways.items():
                if size > way.largest or turn >= way.rounds_at_most:
                    continue
                figures = _measure_in_a_process(benchmark.name, name, size)
                cell = cells.setdefault((name, size), {"cpu_seconds": [], "memory_mb": [], "number": None})
                cell["cpu_seconds"].append(figures["cpu_seconds"])
                cell["memory_mb"].append(figures["memory_mb"])
                cell["number"] = figures["number"]
                report(f"{benchmark.name}  {size:>10,}  {name:<44} {figures['cpu_seconds']:8.3f} s")
    result = Figures(benchmark.ours, cells)
    refuse_disagreement(benchmark, result)
    return result


def _measure_in_a_process(benchmark: str, way: str, size: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "--measure", benchmark, way, str(size)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


class DisagreementError(AssertionError):
    """Ways of one job that give different numbers, so that their costs cannot be compared."""

    def __init__(self, benchmark: str, size: int, numbers: Mapping[str, float]) -> None:
        listed = ", ".join(f"{name} {number!r}" for name, number in numbers.items())
        super().__init__(f"{benchmark} at {size:,}: the ways do not agree on their result: {listed}")


def refuse_disagreement(benchmark: Benchmark, figures: Figures) -> None:
    """Raise DisagreementError where ways of a job gave numbers further apart than `agreement`, as a fraction."""
    for size in {size for _, size in figures.cells}:
        numbers = {
            name: cell["number"]
            for (name, at), cell in figures.cells.items()
            if at == size and cell["number"] is not None
        }
        if numbers and max(numbers.values()) - min(numbers.values()) > benchmark.agreement * abs(max(numbers.values())):
            raise DisagreementError(benchmark.name, size, numbers)


def summary(benchmark: Benchmark, figures: Figures) -> dict[str, Any]:
    """What build/bench.json says of a benchmark."""
    rows = [
        {
            "way": name,
            "size": size,
            "cpu_seconds": round(figures.seconds(name, size) or math.nan, 4),
            "rounds": len(cell["cpu_seconds"]),
            "memory_rise_mb": round(figures.memory(name, size) or 0.0, 1),
            "ratio_to_ours": None if (times := figures.ratio(name, size)) is None else round(times, 2),
        }
        for (name, size), cell in figures.cells.items()
    ]
    reached: list[dict[str, Any]] = []
    for target in benchmark.reach:
        value = target.value(figures)
        if value is not None:
            bounds = {"at_least": target.at_least, "at_most": target.at_most}
            reached.append(
                {"what": target.what, "size": target.size, "value": round(value, 3)}
                | {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
                | {"met": target.at_least <= value <= target.at_most}
            )
    exponents = {name: figures.exponent(name) for name in benchmark.ways}
    return {
        "ours": benchmark.ours,
        "measured": rows,
        "cost_exponent": {name: round(value, 3) for name, value in exponents.items() if value is not None},
        "reach": reached,
    }
