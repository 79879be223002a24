"""Scoring a fleet, and the list of machines: the real handlers over tables in memory.

python -m benchmarks.scale.scoring 5 1000 10000
"""

import contextlib
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import polars as pl

from benchmarks.scale.stores import Bucket, Tables, invocation
from handlers.stores.lake import DataLake
from handlers.stores.newest_features import NewestFeatures
from handlers.stores.online_features import FeatureRow, OnlineFeatures
from mlops_core.lake import CHAMPION_KEY, CHECKPOINT_KEY, MODELS_PREFIX, Checkpoint
from mlops_core.prognosis import TrainingSettings, TreeSettings, label_features, promoted, train
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.simulation import simulate_fleet
from mlops_core.telemetry import CHANNELS

_START = datetime(2026, 10, 1, tzinfo=UTC)
_LENGTHS = tuple(timedelta(hours=hours) for hours in (1, 6, 24))


def model_and_rows() -> tuple[ModelBundle, list[dict[str, float]]]:
    """Return a model of a simulated fleet on a stack's features, and rows to give to machines."""
    from handlers.stores.recipes import stack_recipe

    history = simulate_fleet(
        [f"M{number:02d}" for number in range(12)],
        start=_START,
        end=_START + timedelta(days=30),
        interval="10m",
        seed=1,
        commissioned_at=_START - timedelta(60),
    )
    recipe = stack_recipe(CHANNELS, _LENGTHS, timedelta(hours=1))
    features = recipe.compute(history.readings, events=history.failures)
    settings = TrainingSettings(trees=TreeSettings(rounds=100))
    bundle = train(label_features(features, history.failures), seed=1, recipe=recipe, settings=settings)
    newest = features.sort("window_end").group_by("machine_id", maintain_order=True).last()
    names = [name for name, kind in newest.schema.items() if kind.is_numeric()]
    rows = newest.select(pl.col(names).cast(pl.Float64)).iter_rows(named=True)
    return bundle, [{name: value for name, value in row.items() if value is not None} for row in rows]


class FleetFigures(NamedTuple):
    """CPU seconds and requests of scoring, and of GET /machines; how many machines it listed; MB before scoring."""

    scoring: tuple[float, dict[str, int]]
    list: tuple[float, dict[str, int]]
    machines: int
    before: float


def fleet_of(size: int, *, known: tuple[ModelBundle, list[dict[str, float]]] | None = None) -> FleetFigures:
    """Score a fleet twice, an hour apart, then list its machines; the second time counts."""
    os.environ |= {
        "DATA_LAKE_BUCKET": "lake", "DYNAMODB_TABLE_NAME": "features", "PREDICTIONS_TABLE": "predictions",
        "ALARMS_TABLE": "alarms", "LABEL_HISTORY_TABLE": "labels", "MACHINES_TABLE": "machines",
        "NOTICE_TOPIC_ARN": "arn", "FEATURE_LENGTHS_HOURS": "[1,6,24]", "SILENT_AFTER_HOURS": "1",
        "FEATURES_STALE_AFTER_HOURS": "12", "POWERTOOLS_SERVICE_NAME": "scoring", "POWERTOOLS_METRICS_NAMESPACE": "x",
        "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    from handlers import inference, scoring
    from handlers.stores import clients

    bundle, rows = known or model_and_rows()
    bucket, tables = Bucket(), Tables()
    stores: Any = {"s3": lambda: bucket, "dynamodb": lambda: tables, "sns": _quiet_topic}
    for name, store in stores.items():
        setattr(clients, name, store)
    for module in (scoring, inference):
        for cached in vars(module).values():
            getattr(cached, "cache_clear", lambda: None)()
    for name, content in bundle.files().items():
        bucket.put_object(Key=f"{MODELS_PREFIX}{bundle.version}/{name}", Body=content)
    champion = promoted(None, bundle.version, at=_START, reason="a benchmark")
    bucket.put_object(Key=CHAMPION_KEY, Body=champion.encode())
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    _offer(tables, bucket, rows, size, now - timedelta(hours=1))
    _measured(lambda: scoring.handler({}, invocation(1024, 300)))
    _offer(tables, bucket, rows, size, now)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tables.calls.clear()
    bucket.calls.clear()
    took, _ = _measured(lambda: scoring.handler({}, invocation(1024, 300)))
    requests = dict(tables.calls) | dict(bucket.calls)
    tables.calls.clear()
    bucket.calls.clear()
    listed, answer = _measured(lambda: inference.handler(_LIST, invocation(1024, 15)))
    of_list = dict(tables.calls) | dict(bucket.calls)
    return FleetFigures((took, requests), (listed, of_list), json.loads(answer["body"])["total"], before)


def main(sizes: list[int]) -> None:
    """Score fleets of each size and list their machines."""
    known = model_and_rows()
    for size in sizes:
        figures = fleet_of(size, known=known)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{size}: scoring {figures.scoring[0]:.2f} CPU-s {figures.scoring[1]}; GET /machines"
            f" {figures.list[0]:.3f} CPU-s {figures.list[1]} of {figures.machines};"
            f" peak {peak:.0f} MB, before scoring {figures.before:.0f}"
        )


_LIST: Any = {
    "version": "2.0",
    "routeKey": "GET /machines",
    "rawPath": "/machines",
    "rawQueryString": "",
    "headers": {},
    "queryStringParameters": {},
    "requestContext": {"http": {"method": "GET", "path": "/machines"}, "stage": "$default"},
}


def _quiet_topic() -> Any:  # noqa: ANN401 - it stands for the client of SNS
    return SimpleNamespace(publish=dict)


def _offer(tables: Tables, bucket: Bucket, rows: list[dict[str, float]], size: int, at: datetime) -> None:
    stands_for: Any = tables
    lake: Any = bucket
    store = NewestFeatures(DataLake(lake, "lake"), OnlineFeatures(stands_for, "features"))
    newest = (FeatureRow(f"PUMP-{number:05d}", at, 1, rows[number % len(rows)]) for number in range(size))
    store.offer_all(newest, updated_at=at)
    checkpoint = Checkpoint(version=1, processed_from=at - timedelta(days=1), processed_until=at, hours={})
    bucket.objects[CHECKPOINT_KEY] = (checkpoint.encode(), f'"{at}"')


def _measured(call: Callable[[], Any]) -> tuple[float, Any]:
    begins = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        result = call()
    return time.process_time() - begins, result


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
