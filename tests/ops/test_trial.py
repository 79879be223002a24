"""``mlops models trial``: what the champion predicted against what then happened."""

import gzip
import json
from datetime import UTC, datetime, timedelta

from handlers.stores import ModelRegistry
from mlops_core.lake import PREDICTIONS_PREFIX, hour_path
from mlops_core.time import utc_text
from tests.handlers.model_bundles import serve, small_bundle
from tests.ops.conftest import Deployed
from tests.recorded_failures import failure_of

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def predicted(deployed: Deployed, version: str, hours: int, machine_id: str = "M1") -> None:
    for hour in range(hours):
        at = NOW - timedelta(hours=hours - hour)
        line = {
            "machine_id": machine_id,
            "window_end": utc_text(at),
            "failure_probability": 0.1,
            "model_version": version,
        }
        body = gzip.compress(json.dumps(line).encode())
        deployed.stack.lake.create(f"{PREDICTIONS_PREFIX}{hour_path(at)}/{hour}.jsonl.gz", body)


def test_what_happened_stands_beside_what_was_promised(deployed: Deployed) -> None:
    bundle = small_bundle()
    serve(ModelRegistry(deployed.stack.lake), bundle, at=NOW)
    assert "has predicted nothing" in deployed.run("models", "trial").stderr
    predicted(deployed, bundle.version, 40)
    deployed.stack.label_history.record(failure_of("M1", NOW - timedelta(minutes=30), received_at=NOW))
    found = deployed.json("models", "trial", "--days", "3")
    assert (found["failures"], found["model_version"]) == (1, bundle.version)
    assert 0 < found["observed"] < 1
    assert round(found["stated"], 6) == 0.1
    assert "happened" in deployed.run("models", "trial", "--days", "3").stdout


def test_without_a_champion_there_is_nothing_to_try(deployed: Deployed) -> None:
    assert "No model has been promoted yet" in deployed.run("models", "trial").stderr
