"""``mlops anomalies``: what was unusual, hour by hour, and in the format of Lookout for Equipment."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from handlers.stores import BaselineRegistry, encode_parquet
from mlops_core.condition import train_baseline
from mlops_core.telemetry import FAILURES
from tests.handlers.model_bundles import serve
from tests.ops.conftest import Deployed
from tests.unit.test_baseline import FORTNIGHT, START, fleet, with_vibration_from

LINE = {"timestamp", "prediction", "prediction_reason", "anomaly_score", "diagnostics"}


def serve_baseline(deployed: Deployed) -> None:
    """A baseline of a fortnight, and two days after it in which one machine is broken, as if they were the last."""
    moved = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - START - timedelta(hours=FORTNIGHT + 48)
    features = with_vibration_from(fleet(4, FORTNIGHT + 48, seed=1), "M3", FORTNIGHT, 4.0)
    learned = features.filter(pl.col("window_end") <= START + timedelta(hours=FORTNIGHT))
    bundle = train_baseline(learned, failures=pl.DataFrame(schema=FAILURES), episodes_per_machine_month=0.6)
    serve(BaselineRegistry(deployed.stack.lake), bundle, at=START)
    later = features.filter(pl.col("window_end") > START + timedelta(hours=FORTNIGHT))
    rows = later.with_columns(pl.col("window_end") + moved)
    for (day,), own in rows.group_by(pl.col("window_end").dt.truncate("1d").alias("day")):
        key = f"processed/features/date={day:%Y-%m-%d}/hour=00/shard=00.parquet"
        deployed.stack.lake.create(key, encode_parquet(own.drop("day", strict=False)))


def test_machines_stand_worst_first_with_the_channels_that_make_them_unusual(deployed: Deployed) -> None:
    serve_baseline(deployed)
    machines = deployed.json("anomalies")["machines"]
    assert machines[0]["machine_id"] == "M3"
    assert machines[0]["unusual_hours"] > 36
    assert machines[0]["by"].startswith("vibration")
    assert [machine["unusual_hours"] for machine in machines[1:]] == [0, 0, 0]
    assert "M3" in deployed.run("anomalies").stdout


def test_results_are_written_as_lookout_for_equipment_writes_them(deployed: Deployed, tmp_path: Path) -> None:
    serve_baseline(deployed)
    written = deployed.json("anomalies", "--format", "lookout", "--output", str(tmp_path), "--machine", "M3")
    assert written["files"] == [str(tmp_path / "M3" / "results.jsonl")]
    lines = [json.loads(line) for line in (tmp_path / "M3" / "results.jsonl").read_text().splitlines()]
    assert len(lines) == written["lines"] == 48
    assert all(line.keys() == LINE for line in lines)
    last = lines[-1]
    assert (last["prediction"], last["prediction_reason"]) == (1, "ANOMALY_DETECTED")
    assert last["diagnostics"][0]["name"] == "M3\\vibration"
    assert abs(sum(part["value"] for part in last["diagnostics"]) - 1.0) < 1e-9
    datetime.strptime(last["timestamp"], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)


def test_without_a_baseline_it_says_what_to_do(deployed: Deployed) -> None:
    assert "training state machine" in deployed.run("anomalies").stderr
