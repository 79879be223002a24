"""A stack of the first release is read by the code of today: each stored format, and a run that continues from it."""

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from handlers.stores import (
    DataLake,
    ModelRegistry,
    Predictions,
    checkpoint_object,
    clients,
    last_seen_object,
)
from mlops_core.lake import decode_failures, decode_quarantine, decode_readings
from mlops_core.prognosis import predict
from tests.handlers import stores

RELEASE = Path(__file__).resolve().parents[1] / "fixtures/release_1"
EXPECTED: dict[str, Any] = json.loads((RELEASE / "expected.json").read_text())
PROCESSED_UNTIL = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _stack_of_the_first_release(aws) -> None:
    for path in sorted((RELEASE / "lake").rglob("*")):
        if path.is_file():
            key = path.relative_to(RELEASE / "lake").as_posix()
            aws.put(key, path.read_bytes())
    for path in (RELEASE / "tables").glob("*.json"):
        for item in json.loads(path.read_text()):
            aws.dynamodb.put_item(TableName=path.stem, Item=item)


@pytest.fixture
def lake() -> DataLake:
    return stores.lake()


def distinct(readings: pl.DataFrame) -> list[list[Any]]:
    rows = readings.sort("machine_id", "channel", "event_timestamp").unique(
        ["machine_id", "channel", "event_timestamp"], keep="first", maintain_order=True
    )
    columns = rows.select("machine_id", "channel", "event_timestamp", "value").rows()
    return [[machine_id, channel, at.isoformat(), value] for machine_id, channel, at, value in columns]


def test_raw_objects_hold_the_same_readings(aws):
    assert distinct(decode_readings(list(aws.objects("raw/").values()))) == EXPECTED["readings"]


def test_event_objects_hold_the_same_failures(aws):
    failures = decode_failures(list(aws.objects("events/").values()))
    rows = failures.select(EXPECTED["failures"][0].keys()).to_dicts()
    assert [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    ] == EXPECTED["failures"]


def test_quarantined_messages_are_whole_and_keep_their_reason(aws):
    records = [decode_quarantine(body) for body in aws.objects("quarantine/").values()]
    assert sorted(record.reason for record in records) == [
        "BAD_ENCODING", "MISSING_FIELD", "MISSING_FIELD", "OUT_OF_RANGE", "TOO_LATE", "UNKNOWN_SENSOR",
    ]  # fmt: skip
    assert b"\xff\x00not text" in {record.payload for record in records}


def test_the_checkpoint_is_where_it_was(lake):
    stored = checkpoint_object(lake).load()
    assert stored.value.processed_until == PROCESSED_UNTIL
    assert stored.value.hours == {}  # watched hours are built once more, from objects without shards


def test_what_is_silent_stays_silent(lake):
    channels = last_seen_object(lake).load().value
    assert {name.machine_id for name, seen in channels.items() if seen.is_silent} == {"FAN-B01"}
    assert len(channels) == 6


def test_the_online_features_and_the_predictions_are_read(aws):
    features = stores.online().load_all()
    assert [row.machine_id for row in features] == ["FAN-B01", "PUMP-00", "PUMP-01"]
    assert {row.window_end for row in features} == {PROCESSED_UNTIL}
    assert features[0].features["vibration_count_1h"] == 0
    assert features[1].features["vibration_max_6h"] == 9.5
    scores = Predictions(clients.dynamodb(), "predictions").load_all()
    assert {score.prediction.model_version for score in scores.values()} == {EXPECTED["serving"]}
    assert all(score.prediction.reasons for score in scores.values())


def test_the_history_of_labels_is_read(aws):
    history = stores.labels()
    (failure,) = history.load_all()
    (repair,) = history.load_repairs()
    assert (failure["machine_id"], failure["returned_to_service_at"]) == (
        "PUMP-01",
        datetime(2026, 11, 20, 12, 30, tzinfo=UTC),
    )
    assert (repair["machine_id"], repair["event_timestamp"]) == ("PUMP-00", datetime(2026, 11, 20, 7, tzinfo=UTC))


def test_the_champion_its_history_and_every_model_are_read(lake, aws):
    registry = ModelRegistry(lake)
    stored = registry.champion()
    assert stored.value.recent == (EXPECTED["serving"], EXPECTED["previous"])
    assert set(registry.versions()) == {EXPECTED["serving"], EXPECTED["previous"]}
    assert registry.load(EXPECTED["previous"]).version == EXPECTED["previous"]
    bundle = registry.load(EXPECTED["serving"])
    rows = pl.read_parquet(BytesIO(aws.objects("training/")["training/run-1/rows.parquet"]))
    probabilities = predict(bundle, rows.filter(~pl.col("is_held_out")))["failure_probability"].to_list()
    assert probabilities[:5] == pytest.approx(list(EXPECTED["failure_probability"].values()), abs=1e-12)
    assert probabilities[-1] == pytest.approx(EXPECTED["last_failure_probability"], abs=1e-12)


def test_the_machines_of_the_simulator_live_on(deploy, aws):
    states = stores.machine_states()
    before = states.load("PUMP-A01")
    outcome = deploy("simulator")({"at": "2026-11-20T06:32:00Z"})
    after = states.load("PUMP-A01")
    assert outcome["machines"] == 2
    assert after.state.event_timestamp > before.state.event_timestamp


def test_processing_continues_from_the_checkpoint_and_scoring_from_its_predictions(deploy, document, deliver, aws):
    topic = "industrial/machine/PUMP-01/vibration"
    reading = {"machine_id": "PUMP-01", "timestamp_utc": "2026-11-20T09:30:00Z", "vibration_rms": 9.0}
    received_at = int(datetime(2026, 11, 20, 9, 30, 1, tzinfo=UTC).timestamp() * 1000)
    event = deliver((topic, json.dumps(reading).encode()), received_at_ms=received_at)
    assert not deploy("ingestion")(event)["batchItemFailures"]
    outcome = deploy("processing", LAKE_SHARDS="2")({"at": "2026-11-20T10:05:00Z"})
    assert (outcome["window_end"], outcome["is_complete"]) == ("2026-11-20T10:00:00.000000Z", True)
    row = stores.online().load("PUMP-01")
    assert row.features["vibration_max_1h"] == 9.0
    assert row.features["vibration_count_6h"] == 19  # 18 of the first release
    scored = deploy("scoring")({})
    assert (scored["scored"], scored["model_version"]) == (3, EXPECTED["serving"])


def test_the_endpoint_answers_of_every_machine(api):
    status, document = api("inference")("GET /machines")
    assert (status, document["total"]) == (200, 3)
    assert document["model_version"] == EXPECTED["serving"]
