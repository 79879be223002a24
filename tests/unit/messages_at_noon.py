"""Messages of one machine, received at noon, and the reasons for which others are refused."""

import json
from datetime import UTC, datetime

import pytest

from mlops_core.errors import MessageRejectedError
from mlops_core.telemetry import (
    parse_message,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOPIC = "industrial/machine/PUMP-A01/temperature"
FAILURE_TOPIC = "industrial/machine/PUMP-A01/event/failure"
READING = {"machine_id": "PUMP-A01", "timestamp_utc": "2026-11-21T11:59:00Z", "temperature_celsius": 61.5}
FAILURE = {
    "machine_id": "PUMP-A01",
    "timestamp_utc": "2026-11-21T11:59:00Z",
    "event_code": "VIBRATION_HIGH",
    "measured_value": 12.5,
    "threshold": 11.2,
}


def payload(base=READING, **fields):
    """The JSON of a valid body with fields changed; a field set to `...` is left out."""
    return json.dumps({name: value for name, value in (base | fields).items() if value is not ...}).encode()


def rejected(body, topic=TOPIC, **options):
    with pytest.raises(MessageRejectedError) as raised:
        parse_message(topic, body, NOON, **options)
    assert raised.value.detail
    return raised.value.reason
