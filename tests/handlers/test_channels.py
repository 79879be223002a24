"""A plant's own channels, from message to feature row: nothing knows the names of those out of the box."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from handlers.stores import load_channels, stack_recipe
from mlops_core.errors import MalformedObjectError
from mlops_core.features import parse_feature_name
from mlops_core.lake import channels_key, decode_readings
from mlops_core.telemetry import CHANNELS, MAXIMUM_CHANNELS, READINGS, Channel, Channels
from tests.handlers import stores

PREFIX = "industrial/machine"
RECEIVED = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
TWELVE = Channels(
    *(
        Channel(name=f"{what}_{place}", payload_field=f"{what}{place}Value", unit="1", minimum=-5, maximum=5000)
        for what in ("current", "pressure", "flow")
        for place in range(4)
    )
)


def store(aws, channels):
    key = channels_key(channels.hash)
    aws.put(key, channels.document)
    return key


def messages(channels, hours=6):
    for minute in range(0, 60 * hours, 10):
        at = RECEIVED - timedelta(hours=hours, seconds=5) + timedelta(minutes=minute)
        for number, (name, channel) in enumerate(channels.items()):
            body = {"timestamp_utc": at.isoformat(), channel.payload_field: 10.0 * number + minute / 60}
            yield f"{PREFIX}/PRESS-7/{name}", json.dumps(body).encode()


def ingested(aws, deploy, deliver, channels, sent=None):
    invoke = deploy("ingestion", CHANNELS_KEY=store(aws, channels))
    event = deliver(*(sent or messages(channels)), received_at_ms=int(RECEIVED.timestamp() * 1000))
    assert invoke(event) == {"batchItemFailures": []}


def processed(aws, deploy, channels):
    invoke = deploy("processing", CHANNELS_KEY=store(aws, channels))
    invoke({"start": "2026-11-21T06:00:00Z", "end": "2026-11-21T12:00:00Z"})
    (item,) = aws.dynamodb.scan(TableName="realtime-features")["Items"]
    return {name: value.get("N") for name, value in item["features"]["M"].items()}


def test_twelve_channels_of_other_names_go_from_message_to_feature(aws, deploy, deliver):
    ingested(aws, deploy, deliver, TWELVE)
    readings = decode_readings(aws.objects("raw/").values())
    assert set(readings["channel"]) == set(TWELVE)
    assert readings.height == 12 * 36
    assert aws.objects("quarantine/") == {}
    features = processed(aws, deploy, TWELVE)
    assert {parts.channel for name in features if (parts := parse_feature_name(name))} == set(TWELVE)
    assert [features[f"{name}_count_6h"] for name in TWELVE] == ["36"] * 12
    assert float(features["flow_3_last_1h"]) == pytest.approx(10.0 * sorted(TWELVE).index("flow_3") + 350 / 60)


def test_a_channel_that_the_stack_does_not_have_is_quarantined(aws, deploy, deliver):
    ingested(aws, deploy, deliver, TWELVE, [(f"{PREFIX}/PRESS-7/temperature", b'{"timestamp_utc": "x", "value": 1}')])
    assert len(aws.objects("quarantine/")) == 1
    assert aws.objects("raw/") == {}


def test_adding_a_channel_to_a_running_stack_changes_no_stored_byte(aws, deploy, deliver):
    ingested(aws, deploy, deliver, TWELVE)
    processed(aws, deploy, TWELVE)
    before = aws.objects("")
    more = Channels(*TWELVE.values(), Channel(name="torque", unit="Nm", minimum=0, maximum=9000))
    later = [(f"{PREFIX}/PRESS-7/torque", json.dumps({"timestamp_utc": "2026-11-21T12:00:00Z", "value": 3}).encode())]
    ingested(aws, deploy, deliver, more, later)
    deploy("processing", CHANNELS_KEY=store(aws, more))(
        {"start": "2026-11-21T12:00:00Z", "end": "2026-11-21T13:00:00Z"}
    )
    after = aws.objects("")
    moving = ("processed/checkpoint", "processed/beginnings", "processed/newest", "processed/layout", "freshness/")
    kept = {key: body for key, body in before.items() if not key.startswith(moving)}
    assert kept.items() <= after.items()
    assert channels_key(more.hash) in after


def test_the_statistics_of_a_channel_are_those_that_it_names(aws, deploy, deliver):
    chosen = Channels(
        Channel(name="torque", unit="Nm", minimum=0, maximum=9000, statistics=("last",)),
        Channel(name="oil", unit="bar", minimum=-1, maximum=9000),
    )
    ingested(aws, deploy, deliver, chosen)
    features = processed(aws, deploy, chosen)
    assert {name for name in features if name.startswith("torque")} == {
        f"torque_{statistic}_{length}" for statistic in ("count", "last") for length in ("1h", "6h")
    }
    assert "oil_kurtosis_6h" in features


def test_without_a_document_channels_are_those_out_of_the_box_and_a_wrong_one_is_an_error(aws):
    lake = stores.lake()
    assert load_channels(lake, None) == CHANNELS
    assert load_channels(lake, store(aws, TWELVE)) == TWELVE
    aws.put(channels_key(TWELVE.hash), CHANNELS.document)
    with pytest.raises(MalformedObjectError, match="other channels than its name says"):
        load_channels(lake, channels_key(TWELVE.hash))


def test_the_newest_row_of_as_many_channels_as_a_stack_may_have_fits_into_an_item():
    names = [f"{number:03}_".rjust(32, "c") for number in range(MAXIMUM_CHANNELS)]  # as long as names may be
    channels = Channels(*(Channel(name=name, unit="1", minimum=-1e70, maximum=1e70) for name in names))
    recipe = stack_recipe(channels, [timedelta(hours=hours) for hours in (1, 6, 24, 168)], timedelta(hours=1))
    at = [RECEIVED - timedelta(minutes=10)] * len(names)
    readings = pl.DataFrame({"machine_id": "M", "channel": names, "event_timestamp": at, "value": 1.0})
    columns = recipe.compute(readings.cast(dict(READINGS))).columns[2:]
    assert len(columns) == 300 * (5 * 4 + 1) + 1
    # An entry of a map is its name in UTF-8, at most 21 bytes of number, of which repr writes 17 digits, and one more.
    longest = sum(len(name.encode()) + (17 + 1) // 2 + 2 + 1 for name in columns)
    assert longest < 400_000
