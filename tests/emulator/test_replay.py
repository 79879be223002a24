"""Someone's own history through the whole platform: every reading in the lake once, and the features of its hours."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from handlers.stores.readings import stored_readings
from infra.local.engine.deploy import deploy
from infra.local.engine.emulator import Endpoint
from infra.packaging import LAYERS, Layer, Target, build
from mlops_core import compute_features
from mlops_core.files import read_readings
from mlops_core.lake import hour_path
from mlops_core.telemetry import reading_message
from ops import journal
from ops.cli import app
from ops.stack import Stack, load_stack
from tests.emulator.waiting import eventually

PROJECT = "mlops-industrial"
REAL_DATA = os.environ.get("MLOPS_REAL_DATA")
with_real_data = pytest.mark.skipif(REAL_DATA is None, reason="MLOPS_REAL_DATA names no folder of real data")


class Platform:
    """The real program as a stack of its own on the tests' emulator, and ``mlops`` at work on it."""

    def __init__(self, stack_file: Path) -> None:
        self.stack_file = stack_file

    @property
    def stack(self) -> Stack:
        return load_stack("replay", self.stack_file)

    def arguments(self, *arguments: str) -> list[str]:
        return [*arguments, "--stack", "replay", "--outputs", str(self.stack_file), "--json"]

    def run(self, *arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, self.arguments(*arguments))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def readings(self, machine_ids: list[str]) -> list[tuple[object, ...]]:
        """Every row of the lake of these machines, duplicates included."""
        stored = stored_readings(self.stack.lake)
        return stored.filter(pl.col("machine_id").is_in(machine_ids)).rows()

    def features(self, machine_ids: list[str]) -> pl.DataFrame:
        lake = self.stack.lake
        bodies = lake.read_all(lake.versions("processed/features/"))
        stored = pl.concat([pl.read_parquet(body) for body in bodies])
        return stored.filter(pl.col("machine_id").is_in(machine_ids)).sort("machine_id", "window_end")


@pytest.fixture(scope="module")
def platform(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    for name in LAYERS:
        build(Layer.of(name, Target.of("host", "host")))
    settings = {
        "lambdaArchitecture": "host",
        "lambdaPython": "host",
        "ingestionBatchWindowSeconds": "1",
        "simulatorEnabled": "false",
        "mqttTopicPrefix": "replay/machine",
        "historicalReachDays": "9125",
    }
    overrides = {"aws:region": endpoint.region} | {f"{PROJECT}:{key}": value for key, value in settings.items()}
    folder = tmp_path_factory.mktemp("replay")
    stack_file = folder / "stack.json"
    outputs = dict(deploy(endpoint, stack="replay", overrides=overrides).outputs)
    stack_file.write_text(json.dumps({**endpoint.model_dump(), "outputs": outputs}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "FOLDER", folder / "journals")
        yield Platform(stack_file)


def synthetic(file: Path, machine_ids: list[str], hours: int = 9) -> pl.DataFrame:
    """Ten-minute readings with rows that come twice, a second value for one moment, gaps and faults."""
    generator = random.Random(f"{file.name}{machine_ids}")  # noqa: S311 - test data
    rows = [
        (
            machine_id,
            datetime(2024, 5, 1, tzinfo=UTC) + timedelta(minutes=10 * step),
            channel,
            f"{generator.uniform(1, 90)!r}",
        )
        for machine_id in machine_ids
        for step in range(6 * hours)
        for channel in ("temperature", "vibration")
        if generator.random() > 0.1
    ]
    rows += [*generator.sample(rows, 10), (*rows[0][:3], "91.5")]
    faults = [("bad id", *rows[0][1:]), (*rows[0][:2], "pressure", "1"), (*rows[0][:3], "1e9"), (*rows[0][:3], "")]
    generator.shuffle(rows)
    frame = pl.DataFrame([*rows, *faults], schema=["machine", "at", "tag", "reading"], orient="row")
    frame.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(file)
    return pl.DataFrame(
        [(machine_id, tag, at, float(value)) for machine_id, at, tag, value in rows],
        schema=["machine_id", "channel", "event_timestamp", "value"],
        orient="row",
    ).with_columns(pl.col("event_timestamp").dt.cast_time_unit("us"))


LONG = ("--machine-column", "machine", "--time-column", "at", "--channel-column", "tag", "--value-column", "reading")


def assert_features_stand(platform: Platform, readings: pl.DataFrame, report: dict[str, Any]) -> None:
    """What is stored is what the library computes from the very readings, for every window that holds any."""
    start, end = (datetime.fromisoformat(report["processed"][edge]) for edge in ("start", "end"))
    held = pl.sum_horizontal(pl.col(f"{channel}_count_24h") for channel in readings["channel"].unique())
    computed = compute_features(readings, start=start, end=end).filter(held > 0).sort("machine_id", "window_end")
    stored = platform.features(readings["machine_id"].unique().to_list())
    assert_frame_equal(stored.select(computed.columns), computed, rel_tol=1e-9, abs_tol=1e-9, check_dtypes=False)


@pytest.mark.parametrize("via", ["live", "bulk"])
def test_a_history_is_in_the_lake_once_and_its_features_are_those_of_the_library(
    platform: Platform, tmp_path: Path, via: str
) -> None:
    machine_ids = [f"{via}-1", f"{via}-2"]
    file = tmp_path / f"{via}.csv"
    readings = synthetic(file, machine_ids)
    report = platform.run("replay", str(file), *LONG, "--via", via, "--process")
    distinct = readings.unique()
    assert report["rejected"] == {"BAD_MACHINE_ID": 1, "MISSING_FIELD": 1, "OUT_OF_RANGE": 1, "UNKNOWN_SENSOR": 1}
    assert (report["sent"], report["repeated"]) == (distinct.height, 10)
    assert Counter(platform.readings(machine_ids)) == Counter(distinct.rows())
    assert_features_stand(platform, readings, report)
    again = platform.run("replay", str(file), *LONG, "--via", via, "--wait")
    assert (again["sent"], again["in_lake"]) == (0, distinct.height)


def test_hours_and_pieces_side_by_side_give_the_features_of_the_library_once_and_twice(
    platform: Platform, tmp_path: Path
) -> None:
    machine_ids = ["MAP-1", "MAP-2", "MAP-3"]
    readings = synthetic(tmp_path / "map.csv", machine_ids, hours=30)
    sent = platform.run("replay", str(tmp_path / "map.csv"), *LONG, "--via", "bulk")
    assert sent["sent"] == readings.unique().height
    span = ("--start", "2024-05-01", "--end", "2024-05-03T06:00Z")
    report = platform.run("backfill", *span, "--distributed")
    assert (report["hours"], report["pieces"]) == (30, 9)  # windows of 24 h end until 06:00 two days later
    assert report["execution"].endswith("-1")
    assert_features_stand(platform, readings, {"processed": report})
    bodies = platform.stack.lake.versions("processed/features/")
    again = platform.run("backfill", *span, "--distributed")
    assert again["execution"] != report["execution"]
    assert platform.stack.lake.versions("processed/features/") == bodies
    one_by_one = platform.run("backfill", *span, "--one-by-one")
    assert (one_by_one["feature_rows"], one_by_one["online_written"]) == (report["feature_rows"], 0)
    assert platform.stack.lake.versions("processed/features/") == bodies


def test_a_replay_that_was_really_interrupted_goes_on_and_every_reading_is_there_once_for_readers(
    platform: Platform, tmp_path: Path
) -> None:
    file = tmp_path / "interrupted.csv"
    distinct = synthetic(file, ["INTERRUPTED-1"], hours=48).unique()
    command = platform.arguments("replay", str(file), *LONG, "--rate", "40")
    script = (
        f"import pathlib, ops.journal; ops.journal.FOLDER = pathlib.Path({str(tmp_path)!r});"
        " from ops.cli import main; main()"
    )
    running = subprocess.Popen([sys.executable, "-c", script, *command], stderr=subprocess.PIPE, text=True)

    def acknowledged() -> int:
        return max((json.loads(entry.read_text())["acknowledged"] for entry in tmp_path.glob("*.json")), default=0)

    eventually(lambda: acknowledged() >= 80, within=60, what="80 readings acknowledged")
    running.send_signal(signal.SIGINT)
    _, printed = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "run the same command again" in printed
    assert acknowledged() < distinct.height
    finished = subprocess.run(
        [sys.executable, "-c", script, *platform.arguments("replay", str(file), *LONG, "--wait")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    report = json.loads(finished.stdout)
    assert report["acknowledged_before"] + report["sent"] == report["in_lake"] == distinct.height
    assert report["acknowledged_before"] >= 80
    assert set(platform.readings(["INTERRUPTED-1"])) == set(distinct.rows())


def test_what_came_too_late_is_let_in_on_purpose_by_one_command(platform: Platform) -> None:
    at = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
    message = reading_message("LATE-1", "vibration", at, 4.0, topic_prefix="replay/machine")
    platform.stack.iot_data.publish(topic=message.topic, qos=1, payload=message.payload)
    late = ("--reason", "TOO_LATE")
    eventually(lambda: platform.run("quarantine", "show", *late)["examples"], within=60, what="it is quarantined")
    assert platform.run("quarantine", "replay", *late)["accepted"] == 0
    assert platform.run("quarantine", "replay", *late, "--accept-late")["accepted"] == 1
    assert platform.run("quarantine", "show", *late)["examples"] == []
    assert platform.readings(["LATE-1"]) == [("LATE-1", "vibration", at, 4.0)]


def test_status_sees_the_stack_that_the_program_deployed(platform: Platform) -> None:
    report = platform.run("status")
    assert set(report["queues"]) == {"readings", "failures", "dead letters"}
    assert platform.run("machines", "list")["stack"] == "replay"


@with_real_data
def test_a_real_machines_months_through_the_live_path(platform: Platform) -> None:
    file = Path(REAL_DATA or "") / "nab" / "machine_temperature_system_failure.csv.gz"
    columns = ("--time-column", "timestamp", "--time-zone", "UTC", "--channel", "value=temperature")
    report = platform.run("replay", str(file), "--machine", "NAB-1", *columns, "--process")
    assert (report["values"], report["rejected"], report["repeated"]) == (22_695, {}, 0)
    names = {"value": "temperature"}
    readings = read_readings(file, machine="NAB-1", channel_names=names, time_zone="UTC").readings
    assert Counter(platform.readings(["NAB-1"])) == Counter(readings.rows())
    assert_features_stand(platform, readings, report)
    hours = readings["event_timestamp"].dt.truncate("1h").n_unique()
    assert report["processed"]["feature_rows"] > hours


@with_real_data
def test_real_bearings_in_bulk(platform: Platform) -> None:
    file = Path(REAL_DATA or "") / "ims" / "ims_test2_features.parquet"
    columns = ("--time-column", "timestamp", "--time-zone", "UTC", "--machine-column", "bearing")
    report = platform.run("replay", str(file), *columns, "--channel", "rms=vibration", "--via", "bulk", "--process")
    raw = pl.read_parquet(file)
    expected = raw.select(
        pl.col("bearing").alias("machine_id"),
        pl.lit("vibration").alias("channel"),
        pl.col("timestamp").dt.replace_time_zone("UTC").alias("event_timestamp"),
        pl.col("rms").alias("value"),
    )
    assert report["sent"] == raw.height == 3936
    assert Counter(platform.readings(raw["bearing"].unique().to_list())) == Counter(expected.rows())
    assert_features_stand(platform, expected, report)
    first = platform.stack.lake.versions(f"processed/features/{hour_path(expected['event_timestamp'].min())[:15]}")
    assert first
