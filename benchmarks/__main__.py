"""Measures, prints and writes build/bench.json: `python -m benchmarks [--only features] [--sizes 1e5 1e6]`."""

import argparse
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from benchmarks import harness

_LIBRARIES = ("polars", "pandas", "duckdb", "numba", "numpy", "tsflex")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="names of benchmarks; default all")
    parser.add_argument("--sizes", nargs="*", type=float, default=[], help="sizes; default each benchmark's own")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--measure", nargs=3, metavar=("BENCHMARK", "WAY", "SIZE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, way, size = arguments.measure
        print(json.dumps(harness.measure_here(harness.load([name])[name], way, int(size))))
        return
    document: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "benchmarks": _measured_before(arguments.output),
    }
    for name, benchmark in harness.load(arguments.only).items():
        sizes = [int(size) for size in arguments.sizes] or benchmark.sizes
        figures = harness.measure(benchmark, sizes, arguments.rounds, report=lambda line: print(line, flush=True))
        document["benchmarks"][name] = harness.summary(benchmark, figures)
        for target in document["benchmarks"][name]["reach"]:
            print(f"{name}: {target}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")
    print(f"Written: {arguments.output}")


def _measured_before(output: Path) -> dict[str, Any]:
    """Other benchmarks' figures of an earlier run, which stay."""
    return json.loads(output.read_text())["benchmarks"] if output.exists() else {}


if __name__ == "__main__":
    main()
