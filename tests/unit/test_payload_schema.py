"""The schema in the documents says of a payload what ingestion says of it."""

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from docs import generate_payload_schema
from mlops_core.telemetry import CHANNELS, parse_messages, payload_schema

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = "2026-11-21T11:59:00Z"
SCHEMA = payload_schema(CHANNELS)
EPOCH_MS = round(NOON.timestamp() * 1000)


def test_the_schema_in_the_documents_is_that_of_the_code():
    assert generate_payload_schema.FILE.read_text() == generate_payload_schema.render(), (
        "run: python -m docs.generate_payload_schema"
    )


@pytest.mark.parametrize(
    ("kind", "level", "payload"),
    [
        ("reading_of_temperature", "temperature", {"timestamp_utc": AT, "temperature_celsius": 61.5}),
        ("reading_of_temperature", "temperature", {"timestamp_ms": EPOCH_MS, "value": 61, "quality": "Good"}),
        ("reading_of_temperature", "temperature", {"timestamp_utc": AT, "vibration_rms": 2.5}),
        ("reading_of_temperature", "temperature", {"timestamp_utc": AT, "value": 1254.005}),
        ("reading_of_temperature", "temperature", {"timestamp_utc": AT, "value": "61.5"}),
        ("reading_of_temperature", "temperature", {"value": 61.5}),
        ("reading_of_temperature", "temperature", 61.5),
        ("batch", "readings", {"timestamp_utc": AT, "values": {"temperature": 61.5, "vibration": 2.5}}),
        ("batch", "readings", [{"timestamp_utc": AT, "values": {"vibration": 2.5}, "historical": True}]),
        ("batch", "readings", {"timestamp_utc": AT, "values": {"vibration": 2.5}, "quality": {"vibration": 0}}),
        ("batch", "readings", {"timestamp_utc": AT, "values": {"vibration": 2.5}, "quality": "fine"}),
        ("batch", "readings", {"timestamp_utc": AT, "timestamp_ms": EPOCH_MS, "values": {"vibration": 2.5}}),
        ("batch", "readings", {"timestamp_utc": AT, "values": {"pressure": 3}}),
        ("batch", "readings", {"timestamp_utc": AT, "values": {}}),
        ("batch", "readings", {"timestamp_utc": AT, "vibration": 2.5}),
        ("batch", "readings", []),
        ("event", "event/error", {"timestamp_utc": AT, "event_code": "E-17", "measured_value": 3}),
        ("event", "event/error", {"timestamp_utc": AT}),
        ("event", "event/error", {"timestamp_utc": AT, "event_code": "x" * 101}),
    ],
)
def test_schema_and_parser_agree(kind: str, level: str, payload: object):
    checked = jsonschema.Draft202012Validator(SCHEMA | {"$ref": f"#/$defs/{kind}"})
    parsed = parse_messages(f"industrial/machine/P/{level}", json.dumps(payload).encode(), NOON)
    assert checked.is_valid(payload) == (not parsed.refused)
