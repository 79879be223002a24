from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, strategies as st

from mlops_core.errors import ColumnValueError, InvalidArgumentError
from mlops_core.lake import encode_history, encode_readings
from mlops_core.telemetry import READINGS, Quality, Reading

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["PUMP-A01", "FAN-B01", "x"]),
        st.sampled_from(["vibration", "temperature"]) | st.text(max_size=4),
        st.datetimes(datetime.min, datetime.max, timezones=st.just(UTC))  # noqa: DTZ901 - the ends of what is possible
        | st.integers(0, 3).map(lambda hour: NOON + timedelta(hours=hour)),
        st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1000, 1000),
    ),
    max_size=12,
)


@given(rows=ROWS, replayed=st.booleans())
def test_a_history_is_byte_for_byte_what_its_readings_are(rows, replayed):
    readings = [
        Reading(
            machine_id=machine_id,
            channel=channel,
            event_timestamp=event_timestamp,
            value=value,
            received_at=NOON,
            replayed=replayed,
        )
        for machine_id, channel, event_timestamp, value in rows
    ]
    frame = pl.DataFrame(rows, schema=READINGS, orient="row")
    history = encode_history(frame, received_at=NOON, replayed=replayed)
    assert history == encode_readings(readings)


def test_what_was_not_measured_is_left_out():
    row = {"machine_id": ["PUMP-A01"], "channel": ["vibration"], "event_timestamp": [NOON], "value": [None]}
    assert encode_history(pl.DataFrame(row), received_at=NOON) == []


@given(rows=ROWS, replayed=st.booleans())
def test_what_was_not_measured_can_be_kept_as_a_message_of_bad_quality_is(rows, replayed):
    marked = [
        (name, channel, at, None if place % 2 else value) for place, (name, channel, at, value) in enumerate(rows)
    ]
    readings = [
        Reading(name, channel, at, value, NOON, replayed, Quality.BAD if value is None else Quality.GOOD)
        for name, channel, at, value in marked
    ]
    frame = pl.DataFrame(marked, schema=READINGS, orient="row")
    history = encode_history(frame, received_at=NOON, replayed=replayed, keep_not_measured=True)
    assert history == encode_readings(readings)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"machine_id": ["../etc"]}, InvalidArgumentError),
        ({"value": [float("nan")]}, ColumnValueError),
    ],
)
def test_what_the_lake_cannot_hold_is_refused(changed, error):
    row = {"machine_id": ["PUMP-A01"], "channel": ["vibration"], "event_timestamp": [NOON], "value": [2.5]}
    with pytest.raises(error):
        encode_history(pl.DataFrame(row | changed), received_at=NOON)


def test_when_a_history_arrived_must_be_said_with_a_time_zone():
    with pytest.raises(InvalidArgumentError, match="time zone"):
        encode_history(READINGS.to_frame(), received_at=NOON.replace(tzinfo=None))
