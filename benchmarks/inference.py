"""Answering one request: the inference function as it is deployed, against a first draft of the same.

    make bench                            # all benchmarks, this one last
    .venv/bin/python -m benchmarks.inference

Runs in .venv, from where each way gets a process with the packages that belong to it: the function has Lambda's own,
its layer and its archive; the drafts have pandas and LightGBM from the environment of the benchmarks. AWS is played by
files in memory, so that what is measured is ours. The ways agree on the sum of the predicted probabilities.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from benchmarks.harness import Benchmark, Figures, Reach, Way, ratio, refuse_disagreement, summary
from contract.functions import FUNCTIONS
from handlers.stores.online_features import FeatureRow, OnlineFeatures
from infra.local.engine.environments import lambda_interpreter
from infra.packaging import InterpreterNotFoundError, Layer, Target, build
from infra.sources import ROOT, function_sources
from mlops_core.features import compute_features
from mlops_core.lake import CHAMPION_KEY, MODELS_PREFIX
from mlops_core.prognosis import ModelBundle, label_features, promoted, train
from mlops_core.simulation import simulate_fleet

OURS = "inference function, with reasons"
EACH = "pandas row, LightGBM read each time"
ONCE = "pandas row, LightGBM kept, nothing verified"
REQUESTS = {OURS: 2000, EACH: 200, ONCE: 2000}
_LENGTHS = (1, 6, 24)
_BENCH_PYTHON = ROOT / "build" / "envs" / "bench" / "bin" / "python"
_HERE = Path(__file__).parent
_START = datetime(2026, 1, 1, tzinfo=UTC)
_MOST_MB = 75.0

VARIABLES: Final = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "DATA_LAKE_BUCKET": "lake",
    "DYNAMODB_TABLE_NAME": "features",
    "LABEL_HISTORY_TABLE": "labels",
    "ALARMS_TABLE": "alarms",
    "MACHINES_TABLE": "machines",
    "SILENT_AFTER_HOURS": "3",
    "FEATURE_LENGTHS_HOURS": json.dumps(_LENGTHS),
    "FEATURES_STALE_AFTER_HOURS": "12",
    "MODEL_RECHECK_SECONDS": "3600",
    "POWERTOOLS_SERVICE_NAME": "inference",
    "POWERTOOLS_METRICS_NAMESPACE": "benchmarks",
}
"""The environment of the function that is measured."""


@dataclass(frozen=True)
class Deployed:
    """What the function deploys, unpacked, and files that play AWS."""

    path: Sequence[Path]
    code_bytes: int
    data: Path


class ItemKept:
    """Stands for the DynamoDB client while a row is written: keeps the item as the store makes it."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}

    def put_item(self, *, Item: dict[str, Any], **_: object) -> None:  # noqa: N803 - boto3's name
        self.items[Item["machine_id"]["S"]] = Item


def deployed(folder: Path) -> Deployed:
    """Unpack layers and archive, train a model of a simulated fleet, and write it and newest rows for all to read."""
    code, layer, data = folder / "code", folder / "layer", folder / "data"
    for file in function_sources("handlers.inference"):
        (code / file).parent.mkdir(parents=True, exist_ok=True)
        (code / file).write_bytes((ROOT / file).read_bytes())
    for name in FUNCTIONS["inference"].layers:
        with zipfile.ZipFile(build(Layer.of(name, Target.of("host", "host")))) as packed:
            packed.extractall(layer)
    bundle, rows = _model()
    for name, content in bundle.files().items():
        _write(data / "lake" / MODELS_PREFIX / bundle.version / name, content)
    _write(data / "lake" / CHAMPION_KEY, promoted(None, bundle.version, at=_START, reason="benchmark").encode())
    table: Any = ItemKept()
    for row in rows:
        OnlineFeatures(table, "features").offer(row, updated_at=row.window_end)
    _write(data / "items.json", json.dumps(table.items).encode())
    return Deployed((code, layer / "python"), sum(file.stat().st_size for file in code.rglob("*.py")), data)


def package_megabytes(code_bytes: int) -> float | None:
    """Unzipped size of archive and layers as they go to AWS; None where no Python of that version can compile them."""
    try:
        archives = [build(Layer.of(name, Target.of("3.13", "arm64"))) for name in FUNCTIONS["inference"].layers]
    except InterpreterNotFoundError:
        return None
    layers = 0
    for archive in archives:
        with zipfile.ZipFile(archive) as packed:
            layers += sum(entry.file_size for entry in packed.infolist())
    return (code_bytes + layers) / 1e6


def _model() -> tuple[ModelBundle, list[FeatureRow]]:
    ids = [f"M{number:02d}" for number in range(40)]
    history = simulate_fleet(
        ids,
        start=_START,
        end=_START + timedelta(days=30),
        interval="10m",
        seed=1,
        commissioned_at=_START - timedelta(60),
    )
    features = compute_features(history.readings, lengths=[f"{hours}h" for hours in _LENGTHS])
    newest = features.sort("window_end").group_by("machine_id").last().sort("machine_id")
    names = [name for name, kind in newest.schema.items() if kind.is_numeric()]
    rows = [
        FeatureRow(row["machine_id"], row["window_end"], 1, {name: row[name] for name in names})
        for row in newest.with_columns(pl.col(names).cast(pl.Float64)).iter_rows(named=True)
    ]
    return train(label_features(features, history.failures), seed=1), rows


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def measure(way: str, given: Deployed) -> dict[str, Any]:
    """Answer requests one way in a process of its own: its import, its first answer, and then each later one."""
    if way == OURS:
        script = [str(lambda_interpreter()), str(_HERE / "served_requests.py"), str(given.data), str(REQUESTS[way])]
        environment = {"PYTHONPATH": os.pathsep.join(map(str, given.path)), **VARIABLES}
    else:
        reading = "each" if way == EACH else "once"
        script = [str(_BENCH_PYTHON), str(_HERE / "naive_requests.py"), str(given.data), str(REQUESTS[way]), reading]
        environment = {}
    done = subprocess.run(
        script,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=given.data,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    result["cpu_seconds"] /= REQUESTS[way]
    result["number"] /= REQUESTS[way]
    return result


def reach(runs: Mapping[str, Sequence[Mapping[str, Any]]], megabytes: float | None) -> tuple[Reach, ...]:
    """What was measured beside CPU time, with a bound where there is one. Milliseconds are of the wall clock."""

    def milliseconds(of: Callable[[Mapping[str, Any]], float]) -> Callable[[Figures], float]:
        return lambda _: 1e3 * statistics.median(of(run) for run in runs[OURS])

    return (
        Reach("package for AWS, MB unzipped", 1, lambda _: megabytes, at_most=_MOST_MB),
        Reach("warm, p50 ms", 1, milliseconds(lambda run: _quantile(run["seconds"], 0.5))),
        Reach("warm, p99 ms", 1, milliseconds(lambda run: _quantile(run["seconds"], 0.99))),
        Reach("cold import, ms", 1, milliseconds(lambda run: run["import_seconds"])),
        Reach("first answer: model read, verified, loaded, ms", 1, milliseconds(lambda run: run["first_seconds"])),
        ratio(EACH, 1, at_least=10),
        ratio(ONCE, 1, at_least=2),
    )


def _quantile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]


def measured(rounds: int) -> dict[str, Any]:
    """Run every way `rounds` times, in turns; returns what build/bench.json says of it. Raises DisagreementError."""
    with tempfile.TemporaryDirectory() as scratch:
        given = deployed(Path(scratch))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in REQUESTS}
        for _ in range(rounds):
            for way, made in runs.items():
                made.append(measure(way, given))
                print(f"inference  {way:<44} {1e3 * made[-1]['cpu_seconds']:8.3f} ms a request", flush=True)
    cells = {
        (way, 1): {"cpu_seconds": [run["cpu_seconds"] for run in made], "memory_mb": [0.0], "number": made[0]["number"]}
        for way, made in runs.items()
    }
    figures = Figures(OURS, cells)
    ways = dict.fromkeys(REQUESTS, Way(lambda _: None))
    targets = reach(runs, package_megabytes(given.code_bytes))
    benchmark = Benchmark("inference", (1,), lambda size: size, ways, OURS, targets)
    refuse_disagreement(benchmark, figures)
    return summary(benchmark, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    result = measured(arguments.rounds)
    for target in result["reach"]:
        print(f"inference: {target}")
    document: dict[str, Any] = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    document.setdefault("benchmarks", {})["inference"] = result
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
