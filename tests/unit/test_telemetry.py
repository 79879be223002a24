"""What a message must be, and the reason for which each other one is refused."""

from datetime import UTC, datetime

import pytest

from mlops_core.errors import InvalidArgumentError, QuarantineReason
from mlops_core.telemetry import (
    CHANNELS,
    Channel,
    FailureEvent,
    Reading,
    channel_registry,
    failure_message,
    parse_message,
)
from tests.unit.messages_at_noon import FAILURE, FAILURE_TOPIC, NOON, READING, TOPIC, payload, rejected


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
