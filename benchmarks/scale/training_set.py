"""The training set of a fleet: generated features of 180 days in a folder, and the real handler over them.

python -m benchmarks.scale.training_set 1000 180
"""

import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from benchmarks.scale.stores import Bucket, Tables, invocation
from handlers.stores.recipes import stack_recipe
from mlops_core.features import bucket_readings
from mlops_core.lake import features_key
from mlops_core.telemetry import CHANNELS, READINGS

END = datetime(2026, 11, 28, tzinfo=UTC)
LENGTHS = tuple(timedelta(hours=hours) for hours in (1, 6, 24))
MEMORY_MB = 3008
SECONDS = 900


def generate(folder: Path, machines: int, days: int) -> None:
    """Write the feature partitions of `days`, as processing names them, with random values."""
    names = [f"PUMP-{number:05d}" for number in range(machines)]
    noise = np.random.default_rng(1)
    recipe = stack_recipe(CHANNELS, LENGTHS, timedelta(hours=1))
    reading = pl.DataFrame(
        [(name, channel, END, 1.0) for name in names[:1] for channel in CHANNELS], schema=READINGS, orient="row"
    )
    columns = recipe.windows(bucket_readings(reading, hop="1h")).columns
    values = {name: pl.Series(name, noise.normal(5, 1, machines)) for name in columns[2:] if "_count_" not in name}
    for hour in range(days * 24):
        at = END - timedelta(hours=hour)
        rows = pl.DataFrame({"machine_id": names}).with_columns(
            pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("window_end"),
            *((values[name] + hour * 1e-3 if name in values else pl.lit(60)).alias(name) for name in columns[2:]),
        )
        path = folder / features_key(at, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path, compression="uncompressed")


def failures(machines: int, days: int, every_days: float) -> list[dict[str, Any]]:
    """Failures of the fleet: each machine about one in `every_days`, back after eight hours."""
    chance = np.random.default_rng(2)
    found: list[dict[str, Any]] = []
    for number in range(machines):
        at = chance.exponential(every_days)
        while at < days:
            moment = END - timedelta(days=float(days - at))
            found.append(
                {
                    "machine_id": f"PUMP-{number:05d}",
                    "event_timestamp": moment,
                    "event_code": "WEAR",
                    "measured_value": 12.0,
                    "threshold": 11.2,
                    "returned_to_service_at": moment + timedelta(hours=8),
                }
            )
            at += 1 + chance.exponential(every_days)
    return found


def main(machines: int, days: int, every_days: float = 365.0) -> None:
    """Generate in a process of its own, so that its memory does not count; then build the set here."""
    with tempfile.TemporaryDirectory() as name:
        child = get_context("spawn").Process(target=generate, args=(Path(name), machines, days))
        child.start()
        child.join()
        known = failures(machines, days, every_days)
        took, requests, base, size, outcome = build(Path(name), known, days)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{machines} machines x {days} days, {len(known)} failures: {took:.1f} CPU-s, peak {peak:.0f} MB"
            f" (before {base:.0f}), {requests}, set of {size:.0f} MB: {outcome}"
        )


def build(
    folder: Path, known: list[dict[str, Any]], days: int
) -> tuple[float, dict[str, int], float, float, dict[str, Any]]:
    """Build the training set; returns CPU s, requests, MB before, the set's MB and the function's answer."""
    os.environ |= {
        "DATA_LAKE_BUCKET": "lake", "LABEL_HISTORY_TABLE": "labels", "MACHINES_TABLE": "machines",
        "FEATURE_LENGTHS_HOURS": "[1,6,24]",
        "PREDICTION_HORIZON_HOURS": "24", "TRAINING_HISTORY_DAYS": str(days), "POWERTOOLS_SERVICE_NAME": "training-set",
        "POWERTOOLS_METRICS_NAMESPACE": "x", "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    from handlers import runtime, training_set
    from handlers.stores import clients

    bucket = Bucket(folder)
    tables: Any = Tables()
    clients.s3, clients.dynamodb = (lambda: bucket), (lambda: tables)
    runtime.label_history = lambda _: SimpleNamespace(load_all=lambda: known, load_repairs=list, load_verdicts=list)
    begins, base = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    outcome = training_set.handler(
        {"execution": "run-1", "started_at": END.isoformat()}, invocation(MEMORY_MB, SECONDS)
    )
    took = time.process_time() - begins
    size = len(bucket.objects["training/run-1/rows.parquet"][0]) / 1e6
    return took, dict(bucket.calls), base, size, outcome


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:]))
