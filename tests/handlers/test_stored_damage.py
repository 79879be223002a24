"""Whatever is damaged of what a stack stores, each function that reads it goes on, or names it."""

from collections.abc import Callable

import pytest

from mlops_core.errors import MlopsError, UntrainableError
from mlops_core.lake import (
    BASELINE_CHAMPION_KEY,
    BEGINNINGS_KEY,
    CHAMPION_KEY,
    CHECKPOINT_KEY,
    FRESHNESS_KEY,
    RANKING_KEY,
    SCORES_KEY,
    channels_key,
)
from mlops_core.telemetry import CHANNELS
from tests.handlers.processed_lake import at, put, readings

CHANNELS_KEY = channels_key(CHANNELS.hash)
HOUR = "date=2026-11-21/hour=11"
OBJECTS = (
    "raw/",
    "compacted/",
    f"processed/buckets/{HOUR}/shard=00.parquet",
    f"processed/features/{HOUR}/shard=00.parquet",
    "processed/features/date=2026-11-21/hour=12/shard=00.parquet",
    CHECKPOINT_KEY,
    BEGINNINGS_KEY,
    FRESHNESS_KEY,
    SCORES_KEY,
    RANKING_KEY,
    CHAMPION_KEY,
    BASELINE_CHAMPION_KEY,
    CHANNELS_KEY,
)
ITEMS = {
    "realtime-features": {"machine_id": "PUMP-A01"},
    "machines": {"machine_id": "PUMP-A01"},
    "alarms": {"machine_id": "PUMP-A01", "alarm": "LIMIT#vibration"},
    "label-history": {"machine_id": "PUMP-A01", "event_timestamp": "yesterday"},
}
TRAINING = {"execution": "damaged", "started_at": "2026-11-21T13:00:00Z"}
READERS = {
    "processing": at(1.5),
    "scoring": {},
    "baseline": TRAINING,
    "training_set": TRAINING,
    "inference": {
        "version": "2.0",
        "routeKey": "GET /machines",
        "rawPath": "/machines",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/machines"}, "stage": "$default"},
        "isBase64Encoded": False,
    },
}


@pytest.fixture
def lived(aws, deploy):
    """A stack that has processed and scored, and keeps versions."""
    aws.keep_versions()
    aws.put(CHANNELS_KEY, CHANNELS.document)
    for minutes in (20, 7):
        put(aws, readings(-6, 0, minutes=minutes))
    deploy("processing", CHANNELS_KEY=CHANNELS_KEY)(at(0.5))
    deploy("scoring", CHANNELS_KEY=CHANNELS_KEY)({})
    put(aws, readings(0, 1))
    return aws


def goes_on_or_names(invoke: Callable[[object], object], event: object, *named: str) -> None:
    message, answer = "", None
    try:
        answer = invoke(event)
    except UntrainableError:  # too few failures to learn from
        return
    except MlopsError as error:
        message = str(error)
    assert not message or any(name in message for name in named)
    if isinstance(answer, dict) and "statusCode" in answer:
        assert answer["statusCode"] in {200, 503}  # 503: there is no model


@pytest.mark.verify
@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("place", OBJECTS)
def test_a_damaged_object_stops_no_function_that_does_not_name_it(lived, deploy, place):
    keys = list(lived.objects(place)) or [place]
    lived.put(keys[0], b"\0damaged")
    for name, event in READERS.items():
        goes_on_or_names(deploy(name, CHANNELS_KEY=CHANNELS_KEY), event, keys[0])


@pytest.mark.verify
@pytest.mark.parametrize("table", ITEMS)
def test_a_damaged_item_stops_no_function(lived, deploy, table):
    item = {name: {"S": value} for name, value in ITEMS[table].items()} | {"revision": {"S": "five"}}
    lived.dynamodb.put_item(TableName=table, Item=item)
    for name, event in READERS.items():
        goes_on_or_names(deploy(name, CHANNELS_KEY=CHANNELS_KEY), event)
