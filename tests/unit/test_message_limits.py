"""What any sender may send, and that messages made here are accepted: size, details, any bytes, round trips."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, strategies as st

from mlops_core.errors import InvalidArgumentError, MessageRejectedError, QuarantineReason, UnknownChannelError
from mlops_core.telemetry import (
    CHANNELS,
    LARGEST_EVENT_VALUE,
    MACHINE_ID_PATTERN,
    MAXIMUM_PAYLOAD_BYTES,
    failure_message,
    parse_message,
    reading_message,
)
from mlops_core.time import utc_text
from tests.unit.messages_at_noon import FAILURE, FAILURE_TOPIC, NOON, READING, TOPIC, payload, rejected


def test_a_body_beyond_128_kib_is_oversize_and_one_of_exactly_that_is_not():
    padding = MAXIMUM_PAYLOAD_BYTES - len(payload(padding=""))
    assert parse_message(TOPIC, payload(padding="x" * padding), NOON).extras == {"padding": "x" * padding}
    assert rejected(payload(padding="x" * (padding + 1))) == QuarantineReason.OVERSIZE
    assert rejected(b"\xff" * (1024 * 1024 + 1)) == QuarantineReason.OVERSIZE


def test_the_detail_of_a_refusal_is_short_and_printable_whatever_was_sent():
    with pytest.raises(MessageRejectedError) as raised:
        parse_message(TOPIC, payload(machine_id="\x1b[31m泵" * 10_000), NOON)
    assert len(raised.value.detail) < 1000
    assert raised.value.detail.isprintable()
    assert raised.value.detail.isascii()


def test_when_a_message_was_received_must_be_said_with_a_time_zone():
    with pytest.raises(InvalidArgumentError, match="received_at"):
        parse_message(TOPIC, payload(), NOON.replace(tzinfo=None))
    received_at = NOON.astimezone(timezone(timedelta(hours=-3)))
    assert parse_message(TOPIC, payload(), received_at).received_at.tzinfo is UTC


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*READING.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NEARLY_VALID = st.dictionaries(st.sampled_from([*FAILURE, *READING, "replayed", "extra"]), JSON, max_size=4).map(
    lambda fields: json.dumps(FAILURE | READING | fields).encode()
)
TOPICS = st.text() | st.sampled_from([TOPIC, FAILURE_TOPIC]) | st.text().map(lambda text: f"industrial/machine/{text}")


@given(topic=TOPICS, body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | NEARLY_VALID)
@example(topic=TOPIC, body=b'{"machine_id":"PUMP-A01","timestamp_utc":"2026-11-21T11:59:00+23:59:59.999999Z"}')
@example(topic=TOPIC, body=payload(x=10**4000))
@example(topic="industrial/machine/\ud800/temperature", body=b"{}")
def test_no_topic_and_no_bytes_raise_anything_but_a_refusal(topic, body):
    try:
        accepted = parse_message(topic, body, NOON)
    except MessageRejectedError as error:
        reason = error.reason
    else:
        assert topic in {TOPIC, FAILURE_TOPIC}
        assert accepted.machine_id == "PUMP-A01"
        return
    assert reason in QuarantineReason


MACHINE_IDS = st.from_regex(MACHINE_ID_PATTERN, fullmatch=True)
OFFSETS = st.timedeltas(-timedelta(hours=23), timedelta(hours=23)).map(timezone)
TIMES = st.builds(
    lambda age, zone: (NOON - age).astimezone(zone), st.timedeltas(timedelta(0), timedelta(days=20_000)), OFFSETS
)
REPLAY = {"topic_prefix": "plant/a", "replayed": True}


@given(machine_id=MACHINE_IDS, time=TIMES, value=st.floats(0, 500))
@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_what_is_built_as_a_reading_is_parsed_as_that_reading(channel, machine_id, time, value):
    message = reading_message(machine_id, channel, time, value, **REPLAY)
    reading = parse_message(*message, datetime(2026, 11, 23, tzinfo=UTC), topic_prefix="plant/a")
    assert (reading.machine_id, reading.channel, reading.event_timestamp) == (machine_id, channel, time)
    assert (reading.value, reading.replayed, reading.extras) == (value, True, {})


@given(
    machine_id=MACHINE_IDS,
    time=TIMES,
    event_code=st.text(min_size=1, max_size=100).filter(lambda code: code.isprintable() and not code.isspace()),
    numbers=st.tuples(*[st.floats(-LARGEST_EVENT_VALUE, LARGEST_EVENT_VALUE)] * 2),
)
def test_what_is_built_as_a_failure_is_parsed_as_that_failure(machine_id, time, event_code, numbers):
    message = failure_message(machine_id, time, event_code, *numbers, **REPLAY)
    failure = parse_message(*message, datetime(2026, 11, 23, tzinfo=UTC), topic_prefix="plant/a")
    assert (failure.machine_id, failure.event_timestamp, failure.event_code) == (machine_id, time, event_code)
    assert (failure.measured_value, failure.threshold) == numbers


def test_a_message_is_the_documented_topic_and_payload():
    message = reading_message("PUMP-A01", "vibration", NOON, 2)
    assert message.topic == "industrial/machine/PUMP-A01/vibration"
    assert json.loads(message.payload) == {
        "machine_id": "PUMP-A01",
        "timestamp_utc": "2026-11-21T12:00:00.000000Z",
        "vibration_rms": 2.0,
    }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("../x", "vibration", NOON, 2.0), InvalidArgumentError),
        (("PUMP-A01", "noise", NOON, 2.0), UnknownChannelError),
        (("PUMP-A01", "vibration", NOON.replace(tzinfo=None), 2.0), InvalidArgumentError),
        (("PUMP-A01", "vibration", NOON, float("nan")), InvalidArgumentError),
    ],
)
def test_a_message_that_would_be_refused_for_its_form_cannot_be_built(arguments, error):
    with pytest.raises(error):
        reading_message(*arguments)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_timestamps_as_text_sort_as_time_does(one, other):
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert len(utc_text(one)) == 27


@pytest.mark.verify
@pytest.mark.parametrize("topic", [TOPIC, FAILURE_TOPIC])
def test_what_a_batch_of_messages_holds_in_memory_is_bounded_by_what_was_received(topic):
    """34 messages of 128 KiB are one event of Lambda (6 MB); each describes tens of thousands of objects."""
    nested = [{"": {"": {"": {}}}}] * (MAXIMUM_PAYLOAD_BYTES // 28)
    body = payload(FAILURE if topic == FAILURE_TOPIC else READING, nested=nested)
    assert MAXIMUM_PAYLOAD_BYTES // 2 < len(body) <= MAXIMUM_PAYLOAD_BYTES
    tracemalloc.start()
    try:
        kept = [parse_message(topic, body, NOON) for _ in range(34)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 34 * len(body)
    assert kept[0].extras == {"nested": nested}
