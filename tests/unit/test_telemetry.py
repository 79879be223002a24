import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, strategies as st

from mlops_core.errors import InvalidArgumentError, MessageRejectedError, QuarantineReason, UnknownChannelError
from mlops_core.telemetry import (
    CHANNELS,
    MACHINE_ID_PATTERN,
    MAXIMUM_PAYLOAD_BYTES,
    Channel,
    FailureEvent,
    Reading,
    channel_registry,
    failure_message,
    parse_message,
    reading_message,
)
from mlops_core.telemetry.message import LARGEST_EVENT_VALUE
from mlops_core.time import utc_text

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


def test_a_reading_is_what_topic_and_body_say():
    assert parse_message(TOPIC, payload(), NOON) == Reading(
        machine_id="PUMP-A01",
        channel="temperature",
        event_timestamp=datetime(2026, 11, 21, 11, 59, tzinfo=UTC),
        value=61.5,
        received_at=NOON,
    )


def test_a_failure_event_is_what_topic_and_body_say():
    assert parse_message(FAILURE_TOPIC, payload(FAILURE), NOON) == FailureEvent(
        machine_id="PUMP-A01",
        event_timestamp=datetime(2026, 11, 21, 11, 59, tzinfo=UTC),
        event_code="VIBRATION_HIGH",
        measured_value=12.5,
        threshold=11.2,
        received_at=NOON,
    )


def test_fields_of_a_later_schema_are_kept():
    fields = {"schema_version": 2, "site": {"name": "Šibenik", "lines": [1, None]}}
    assert parse_message(TOPIC, payload(**fields), NOON).extras == fields
    assert parse_message(FAILURE_TOPIC, payload(FAILURE, **fields), NOON).extras == fields


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_nothing_is_empty(body):
    assert rejected(body) == QuarantineReason.EMPTY


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{}", payload().replace(b"PUMP", b"P\xc3MP"), b'{"machine_id":"\xed\xa0\x80"}']
)
def test_bytes_that_are_not_utf8_are_a_bad_encoding(body):
    assert rejected(body) == QuarantineReason.BAD_ENCODING


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        payload()[:-1],
        payload() + b"x",
        payload() * 2,
        payload().replace(b"61.5", b"0x3d"),
        payload().replace(b"61.5", b"061.5"),
        payload().replace(b"61.5", b"6" * 5000),
        payload(note="a\ud800b"),
        payload().replace(b"PUMP", b"\x00PUMP"),
        b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
    ids=range(11),
)
def test_what_is_not_json_is_poison(body):
    assert rejected(body) == QuarantineReason.BAD_JSON


@pytest.mark.parametrize(
    "body",
    [
        payload()[:-1] + b',"temperature_celsius":99.0}',
        payload()[:-1] + b',"temperature_celsius":61.5}',
        b'{"machine_id":"FAN-B01",' + payload()[1:],
        payload()[:-1] + b',"m\\u0061chine_id":"PUMP-A01"}',
        payload()[:-1] + b',"site":{"a":1,"a":2}}',
    ],
)
def test_a_name_that_occurs_twice_is_ambiguous(body):
    assert rejected(body) == QuarantineReason.BAD_JSON


def test_quotes_and_nested_names_are_not_mistaken_for_names_that_occur_twice():
    extras = {"note": 'says "machine_id"', "machine": {"machine_id": "other"}, "list": ["a", "a"]}
    assert parse_message(TOPIC, payload(**extras), NOON).extras == extras


@pytest.mark.parametrize("body", [b"null", b"[]", b"[{}]", b"61.5", b'"text"', b"true"])
def test_json_that_is_no_object_is_of_the_wrong_type(body):
    assert rejected(body) == QuarantineReason.BAD_TYPE


@pytest.mark.parametrize("code", ["", " ", "A\nB", "\x1b[2J", "\u202eX", "\x9b31m", "A" * 101])
def test_an_event_code_is_one_line_of_printable_characters(code):
    assert rejected(payload(FAILURE, event_code=code), FAILURE_TOPIC) == QuarantineReason.BAD_TYPE
    with pytest.raises(InvalidArgumentError):
        failure_message("PUMP-A01", NOON, code, 1.0, 0.5)


@pytest.mark.parametrize("code", ["[/x]", "Überlast 3.2", "A" * 100])
def test_an_event_code_may_be_any_line_of_text(code):
    assert parse_message(FAILURE_TOPIC, payload(FAILURE, event_code=code), NOON).event_code == code


@pytest.mark.parametrize("field", ["measured_value", "threshold"])
def test_an_event_whose_value_fits_no_table_is_out_of_range(field):
    body = payload(FAILURE, **{field: -1e126})
    assert rejected(body, FAILURE_TOPIC) == QuarantineReason.OUT_OF_RANGE
    with pytest.raises(InvalidArgumentError):
        failure_message("PUMP-A01", NOON, "X", **({"measured_value": 1.0, "threshold": 0.5} | {field: -1e126}))


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "temperature",
        "other/machine/PUMP-A01/temperature",
        "industrial/machine",
        "industrial/machine/",
        "industrial/machine/PUMP-A01",
        "industrial/machine/PUMP-A01/",
        "industrial/machine/PUMP-A01/event/",
        "industrial/machine/PUMP-A01/event/a/b",
        "industrial/machinePUMP-A01/temperature",
        "/industrial/machine/PUMP-A01/temperature",
    ],
)
def test_a_topic_of_another_shape_is_bad(topic):
    assert rejected(payload(), topic) == QuarantineReason.BAD_TOPIC


ILLEGAL_IDS = [
    "",
    "..",
    "../PUMP-A01",
    "a/b",
    "%2e%2e",
    "PÜMP",
    "泵",
    "A" * 65,
    "A" * 4096,
    "PUMP A01",
    "-A",
    "A\x00",
    "A\n",
]


@pytest.mark.parametrize("machine_id", ILLEGAL_IDS)
@pytest.mark.parametrize("suffix", ["temperature", "event/failure"])
def test_a_topic_for_an_illegal_machine_id_is_refused_for_it(machine_id, suffix):
    topic = f"industrial/machine/{machine_id}/{suffix}"
    assert rejected(payload(machine_id=machine_id), topic) == QuarantineReason.BAD_MACHINE_ID


@pytest.mark.parametrize("machine_id", ILLEGAL_IDS)
def test_an_illegal_machine_id_in_the_body_is_refused_for_it(machine_id):
    assert rejected(payload(machine_id=machine_id)) == QuarantineReason.BAD_MACHINE_ID


@pytest.mark.parametrize("machine_id", ["FAN-B01", "pump-a01", "PUMP-A011"])
def test_a_body_of_another_machine_is_a_mismatch(machine_id):
    assert rejected(payload(machine_id=machine_id)) == QuarantineReason.ID_MISMATCH


@pytest.mark.parametrize("channel", ["pressure", "Temperature", "tempera ture"])
def test_a_channel_that_is_not_registered_is_an_unknown_sensor(channel):
    assert rejected(payload(), f"industrial/machine/PUMP-A01/{channel}") == QuarantineReason.UNKNOWN_SENSOR


def test_a_registered_channel_is_known():
    pressure = Channel(name="pressure", payload_field="pressure_bar", unit="bar", minimum=0, maximum=25)
    body = payload(temperature_celsius=..., pressure_bar=3)
    channels = channel_registry(*CHANNELS.values(), pressure)
    reading = parse_message("plant/PUMP-A01/pressure", body, NOON, topic_prefix="plant", channels=channels)
    assert (reading.channel, reading.value, reading.extras) == ("pressure", 3.0, {})


@pytest.mark.parametrize(
    ("topic", "base", "field"),
    [(topic, base, field) for topic, base in [(TOPIC, READING), (FAILURE_TOPIC, FAILURE)] for field in base],
)
def test_every_field_of_the_contract_but_the_machine_must_be_there(topic, base, field):
    body = payload(base, **{field: ...})
    if field == "machine_id":
        assert parse_message(topic, body, NOON).machine_id == "PUMP-A01"
    else:
        assert rejected(body, topic) == QuarantineReason.MISSING_FIELD


def test_the_value_may_stand_under_value():
    assert parse_message(TOPIC, payload(temperature_celsius=..., value=61.5), NOON) == parse_message(
        TOPIC, payload(), NOON
    )
    assert rejected(payload(temperature_celsius=..., value=1e9)) == QuarantineReason.OUT_OF_RANGE


def test_a_value_under_another_channels_name_is_missing():
    body = payload(temperature_celsius=..., vibration_rms=2.5)
    assert rejected(body) == QuarantineReason.MISSING_FIELD


@pytest.mark.parametrize("value", [None, True, False, "61.5", "", [61.5], {"value": 61.5}])
@pytest.mark.parametrize(
    ("topic", "base", "field"),
    [
        (TOPIC, READING, "temperature_celsius"),
        (FAILURE_TOPIC, FAILURE, "measured_value"),
        (FAILURE_TOPIC, FAILURE, "threshold"),
    ],
)
def test_a_number_is_a_json_number_and_nothing_that_converts_to_one(topic, base, field, value):
    assert rejected(payload(base, **{field: value}), topic) == QuarantineReason.BAD_TYPE


@pytest.mark.parametrize(
    ("topic", "base", "field", "value"),
    [
        (TOPIC, READING, "machine_id", 7),
        (TOPIC, READING, "machine_id", None),
        (TOPIC, READING, "timestamp_utc", 1_795_262_400),
        (TOPIC, READING, "timestamp_utc", None),
        (TOPIC, READING, "replayed", "true"),
        (TOPIC, READING, "replayed", 1),
        (TOPIC, READING, "replayed", None),
        (FAILURE_TOPIC, FAILURE, "event_code", 17),
        (FAILURE_TOPIC, FAILURE, "event_code", None),
    ],
)
def test_fields_of_another_type_are_refused(topic, base, field, value):
    assert rejected(payload(base, **{field: value}), topic) == QuarantineReason.BAD_TYPE


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
@pytest.mark.parametrize(("topic", "base", "number"), [(TOPIC, READING, b"61.5"), (FAILURE_TOPIC, FAILURE, b"12.5")])
def test_numbers_that_are_not_finite_are_refused_as_such(topic, base, number, literal):
    assert rejected(payload(base).replace(number, literal), topic) == QuarantineReason.NOT_FINITE


def test_an_extra_field_that_no_json_could_hold_is_refused():
    assert rejected(payload(site={"drift": [float("nan")]})) == QuarantineReason.NOT_FINITE


@pytest.mark.parametrize("value", [1e308, -1e308, 500.001, -50.001, 10**400, -(10**400), 1e70])
def test_a_value_that_no_working_sensor_reports_is_out_of_range(value):
    assert rejected(payload(temperature_celsius=value)) == QuarantineReason.OUT_OF_RANGE


@pytest.mark.parametrize("value", [500, -50, 0, -0.0, 5e-324, 499.99999999999994])
def test_the_range_includes_its_ends(value):
    assert parse_message(TOPIC, payload(temperature_celsius=value), NOON).value == float(value)


def test_a_failures_numbers_have_no_range_of_a_channel_but_fit_the_table_of_labels():
    assert parse_message(FAILURE_TOPIC, payload(FAILURE, measured_value=9.9e125), NOON).measured_value == 9.9e125
    assert rejected(payload(FAILURE, threshold=10**400), FAILURE_TOPIC) == QuarantineReason.OUT_OF_RANGE


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T11:59:00Z",
        "2026-11-21T11:59Z",
        "2026-11-21 11:59:00.000000Z",
        "2026-11-21T11:59:00.0000009Z",
        "2026-11-21T11:59:00,000Z",
        "2026-11-21T08:59:00-03:00",
        "2026-11-21T08:59:00-0300",
        "2026-11-21T08:59:00-03",
        "2026-11-22T01:59:00+14:00",
    ],
)
def test_any_offset_names_the_same_instant_in_utc(text):
    parsed = parse_message(TOPIC, payload(timestamp_utc=text), NOON).event_timestamp
    assert parsed == datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-11-21T11:59:00", "2026-11-21 11:59", "2026-11-21T11:59:00.5"])
def test_a_timestamp_without_offset_is_naive(text):
    assert rejected(payload(timestamp_utc=text)) == QuarantineReason.NAIVE_TIMESTAMP


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-21",
        "1795262340",
        "2026-W47-6T11:59:00Z",
        "20261121T115900Z",
        "2026-02-30T11:59:00Z",
        "2026-11-21T24:01:00Z",
        "2026-11-21T11:59:60Z",
        "2026-11-21T11:59:00+25:00",
        "2026-11-21T11:59:00Z\n",
        "2026-11-21T11:59:00 Z",
        "٢٠٢٦-11-21T11:59:00Z",
        "12026-11-21T11:59:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_date_and_time_is_a_bad_timestamp(text):
    assert rejected(payload(timestamp_utc=text)) == QuarantineReason.BAD_TIMESTAMP


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(days=1), None),
        (timedelta(hours=48), None),
        (timedelta(hours=48, microseconds=1), QuarantineReason.TOO_LATE),
        (NOON - datetime(1970, 1, 1, tzinfo=UTC), QuarantineReason.TOO_LATE),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=-5, microseconds=-1), QuarantineReason.FUTURE),
        (timedelta(days=-1), QuarantineReason.FUTURE),
        (NOON - datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC), QuarantineReason.FUTURE),
    ],
)
@pytest.mark.parametrize(("topic", "base"), [(TOPIC, READING), (FAILURE_TOPIC, FAILURE)])
def test_a_skewed_clock_is_accepted_up_to_the_lateness_and_refused_beyond(topic, base, age, reason):
    body = payload(base, timestamp_utc=utc_text(NOON - age))
    if reason is None:
        assert parse_message(topic, body, NOON).event_timestamp == NOON - age
    else:
        assert rejected(body, topic) == reason


def test_lateness_and_tolerance_are_the_callers():
    late = payload(timestamp_utc="2026-11-21T10:59:59Z")
    assert rejected(late, allowed_lateness=timedelta(hours=1)) == QuarantineReason.TOO_LATE
    early = payload(timestamp_utc="2026-11-21T12:00:01Z")
    assert rejected(early, future_tolerance=timedelta(0)) == QuarantineReason.FUTURE


def test_replayed_history_is_never_late_but_the_future_is_no_history():
    history = payload(timestamp_utc="1970-01-01T00:00:00Z", replayed=True)
    reading = parse_message(TOPIC, history, NOON)
    assert (reading.replayed, reading.extras) == (True, {})
    future = payload(timestamp_utc="2106-02-07T06:28:15Z", replayed=True)
    assert rejected(future) == QuarantineReason.FUTURE
    assert rejected(payload(timestamp_utc="1970-01-01T00:00:00Z", replayed=False)) == QuarantineReason.TOO_LATE


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
