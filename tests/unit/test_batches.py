"""`parse_messages`: each element of a message is accepted or refused by itself, whatever its bytes are."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from mlops_core.errors import InvalidArgumentError, QuarantineReason
from mlops_core.lake import decode_events, decode_failures, decode_readings, encode_events, encode_readings
from mlops_core.telemetry import (
    CHANNELS,
    Channel,
    Event,
    FailureEvent,
    ParsedMessage,
    Quality,
    Reading,
    channel_registry,
    parse_message,
    parse_messages,
)
from mlops_core.time import utc_text

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
BATCH = "industrial/machine/PUMP-A01/readings"
SINGLE = "industrial/machine/PUMP-A01/temperature"


def body(**fields: object) -> dict[str, object]:
    """One element of a batch; a field set to `...` is left out."""
    whole = {"timestamp_utc": "2026-11-21T11:59:00Z", "values": {"temperature": 61.5, "vibration": 2}} | fields
    return {name: value for name, value in whole.items() if value is not ...}


def parsed(document: object, topic: str = BATCH, **options: object) -> ParsedMessage:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_messages(topic, payload, NOON, **options)


def reasons(message: ParsedMessage) -> list[str]:
    return [element.reason for element in message.refused]


def kept(message: ParsedMessage) -> list[tuple[object, ...]]:
    return [(one.channel, one.event_timestamp, one.value) for one in message.accepted if isinstance(one, Reading)]


def test_a_batch_is_an_object_or_an_array_of_many_channels_and_times():
    both = [("temperature", AT, 61.5), ("vibration", AT, 2.0)]
    assert parsed(body()) == ParsedMessage(
        [Reading("PUMP-A01", channel, AT, value, NOON) for channel, _, value in both], []
    )
    earlier = AT - timedelta(milliseconds=250)
    epoch = body(timestamp_utc=..., timestamp_ms=int(earlier.timestamp() * 1000), values={"vibration": 3.5})
    assert kept(parsed([body(), epoch])) == [*both, ("vibration", earlier, 3.5)]


def test_any_channel_of_the_registry_has_values_by_its_name_or_by_its_field():
    pressure = Channel(name="pressure", payload_field="pressure_bar", unit="bar", minimum=0, maximum=25)
    channels = channel_registry(*CHANNELS.values(), pressure)
    values = {"pressure_bar": 3, "vibration_rms": 2.5}
    got = parsed(body(values=values), "plant/P/readings", channels=channels, topic_prefix="plant")
    assert kept(got) == [("pressure", AT, 3.0), ("vibration", AT, 2.5)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (7, "BAD_TYPE"),
        ("text", "BAD_TYPE"),
        (None, "BAD_TYPE"),
        ([], "BAD_TYPE"),
        ({}, "MISSING_FIELD"),
        (body(values=...), "MISSING_FIELD"),
        (body(values=[1]), "BAD_TYPE"),
        (body(values={}), "EMPTY"),
        (body(timestamp_utc="yesterday"), "BAD_TIMESTAMP"),
        (body(timestamp_utc="2026-11-21T11:59:00"), "NAIVE_TIMESTAMP"),
        (body(timestamp_ms=1), "BAD_TIMESTAMP"),
        (body(timestamp_utc=..., timestamp_ms=1.5), "BAD_TYPE"),
        (body(timestamp_utc=..., timestamp_ms=10**30), "BAD_TIMESTAMP"),
        (body(timestamp_utc=..., timestamp_ms=1_763_726_340), "TOO_LATE"),
        (body(timestamp_utc="2026-11-21T13:59:00Z"), "FUTURE"),
        (body(machine_id="FAN-B01"), "ID_MISMATCH"),
        (body(quality="fine"), "BAD_TYPE"),
        (body(quality=1 << 32), "BAD_TYPE"),
        (body(historical="yes"), "BAD_TYPE"),
        (body(values={"pressure": 3.0}), "UNKNOWN_SENSOR"),
        (body(values={"temperature": "61.5"}), "BAD_TYPE"),
        (body(values={"temperature": None}), "BAD_TYPE"),
        (body(values={"temperature": True}), "BAD_TYPE"),
        (body(values={"temperature": float("nan")}), "NOT_FINITE"),
        (body(values={"temperature": 1254.005}), "OUT_OF_RANGE"),
        (body(values={"temperature": 10**400}), "OUT_OF_RANGE"),
        (body(values={"temperature_celsius": 1, "temperature": 2}, machine_id="PUMP-A01"), "BAD_JSON"),
    ],
)
def test_one_bad_element_costs_one_element_and_is_refused_with_its_own_bytes(broken: object, reason: str):
    good = [body(values={"vibration": float(number)}) for number in range(3)]
    payload = f" [{json.dumps(good[0])} ,\n{json.dumps(broken)},{json.dumps(good[1])}, {json.dumps(good[2])}]".encode()
    got = parsed(payload)
    assert [value for channel, _, value in kept(got) if channel == "vibration"] == [0.0, 1.0, 2.0]
    (refused,) = got.refused
    assert (refused.reason, refused.payload) == (reason, json.dumps(broken).encode())
    assert refused.detail.isprintable()


def test_of_one_element_each_value_is_judged_by_itself():
    got = parsed([body(values={"temperature": 61.5, "vibration": -1, "pressure": 3})])
    assert kept(got) == [("temperature", AT, 61.5)]
    (refused,) = got.refused
    assert (refused.reason, refused.readings) == ("OUT_OF_RANGE", 2)
    assert parsed(body(timestamp_utc="?")).refused[0].readings == 2


def test_a_name_twice_costs_its_own_element_alone():
    twice = b'{"timestamp_utc":"2026-11-21T11:59:00Z","values":{"vibration":1.0,"vibration":2.0}}'
    got = parsed(b"[" + json.dumps(body()).encode() + b"," + twice + b"]")
    assert (len(got.accepted), reasons(got), got.refused[0].payload) == (2, ["BAD_JSON"], twice)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"", "EMPTY"), (b"[]", "EMPTY"), (b"[{", "BAD_JSON"), (b"\xff", "BAD_ENCODING"), (b"1", "BAD_TYPE")],
)
def test_what_has_no_elements_is_refused_whole(payload: bytes, reason: str):
    (refused,) = parsed(payload).refused
    assert (refused.reason, refused.payload) == (reason, payload)


def test_a_byte_order_mark_and_trailing_nuls_are_no_part_of_the_message():
    single = b'{"timestamp_utc":"2026-11-21T11:59:00Z","value":61.5}'
    for padded in (b"\xef\xbb\xbf" + single, single + b"\x00" * 9, b"\xef\xbb\xbf" + single + b"\n\x00"):
        assert kept(parsed(padded, SINGLE)) == [("temperature", AT, 61.5)]
        assert parse_message(SINGLE, padded, NOON).value == 61.5
    assert len(parsed(b"\xef\xbb\xbf" + json.dumps([body()]).encode() + b"\x00").accepted) == 2
    assert reasons(parsed(single + b"\x00x", SINGLE)) == ["BAD_JSON"]


@pytest.mark.parametrize(
    ("stated", "quality"),
    [
        ("GOOD", Quality.GOOD),
        ("Uncertain", Quality.UNCERTAIN),
        ("BadCommunicationError", Quality.BAD),
        (0, Quality.GOOD),
        (0x00A60000, Quality.GOOD),
        (0x40920000, Quality.UNCERTAIN),
        (0x80310000, Quality.BAD),
        (0xC0000000, Quality.BAD),
    ],
)
def test_quality_is_a_word_or_a_status_code_of_opc_ua_and_bad_is_no_measurement(stated: object, quality: Quality):
    single = {"timestamp_utc": "2026-11-21T11:59:00Z", "value": 61.5, "quality": stated}
    value = None if quality is Quality.BAD else 61.5
    for got in (
        parsed(body(quality=stated, values={"temperature": 61.5})),
        parsed(body(quality={"temperature": stated}, values={"temperature": 61.5})),
        parsed(single, SINGLE),
    ):
        (reading,) = got.accepted
        assert (reading.quality, reading.value) == (quality, value)


@pytest.mark.parametrize("value", [None, "n/a", 1e9])
def test_what_a_bad_sensor_said_is_not_looked_at(value: object):
    got = parsed(body(values={"temperature": value, "vibration": 2.0}, quality={"temperature": "BAD"}))
    assert (kept(got), got.refused) == ([("temperature", AT, None), ("vibration", AT, 2.0)], [])


def test_history_may_be_older_than_what_is_late_up_to_a_bound():
    old = utc_text(NOON - timedelta(days=15))
    for name in ("historical", "replayed"):
        marked = body(timestamp_utc=old, **{name: True})
        assert all(one.replayed for one in parsed(marked).accepted)
        assert reasons(parsed(marked, historical_reach=timedelta(days=10))) == ["TOO_LATE"]
        single = {"timestamp_utc": old, "value": 61.5, name: True}
        assert len(parsed(single, SINGLE, historical_reach=timedelta(days=20)).accepted) == 1
    assert reasons(parsed(body(timestamp_utc=old))) == ["TOO_LATE"]


def test_unknown_fields_of_an_element_are_kept_once():
    first, second = parsed(body(sequence=7)).accepted
    assert (dict(first.extras), dict(second.extras)) == ({"sequence": 7}, {})


def test_another_channels_field_in_a_one_channel_message_is_a_reading_of_its_own():
    both = {"timestamp_utc": "2026-11-21T11:59:00Z", "temperature_celsius": 61.5, "vibration_rms": 2.5, "site": 1}
    got = parsed(both, SINGLE)
    assert kept(got) == [("temperature", AT, 61.5), ("vibration", AT, 2.5)]
    assert dict(parse_message(SINGLE, json.dumps(both).encode(), NOON).extras) == {"site": 1}
    got = parsed(both | {"vibration_rms": -1}, SINGLE)
    assert (kept(got), reasons(got)) == ([("temperature", AT, 61.5)], ["OUT_OF_RANGE"])


def test_a_batch_is_not_one_message():
    (refused,) = parsed(json.dumps(body()).encode(), "industrial/machine/a/b/readings").refused
    assert refused.reason == "BAD_MACHINE_ID"
    with pytest.raises(InvalidArgumentError, match="reserved"):
        channel_registry(Channel(name="readings", payload_field="x", unit="", minimum=0, maximum=1))


def test_an_event_has_a_kind_a_code_and_numbers_where_they_apply():
    topic = "industrial/machine/PUMP-A01/event/error"
    (event,) = parsed({"timestamp_utc": "2026-11-21T11:59:00Z", "event_code": "E-17"}, topic).accepted
    assert event == Event(machine_id="PUMP-A01", event_timestamp=AT, received_at=NOON, kind="error", event_code="E-17")
    failure = {"timestamp_utc": "2026-11-21T11:59:00Z", "event_code": "X", "measured_value": 3, "threshold": 2}
    (failed,) = parsed(failure, "industrial/machine/PUMP-A01/event/failure").accepted
    assert isinstance(failed, FailureEvent)
    ((_, stored),) = encode_events([event, failed])
    assert decode_events([stored])["kind"].sort().to_list() == ["error", "failure"]
    assert decode_failures([stored])["event_code"].to_list() == ["X"]
    bad = {"timestamp_utc": "2026-11-21T11:59:00Z", "event_code": "\x1b[2J"}
    assert reasons(parsed(bad, topic)) == ["BAD_TYPE"]


@given(payload=st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["2026-11-21T11:59:00Z", "BAD"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["timestamp_utc", "timestamp_ms", "values", "quality", "temperature", "vibration", "x"]),
        inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
@pytest.mark.parametrize("topic", [BATCH, SINGLE, "industrial/machine/P/event/failure"])
def test_nothing_is_raised_because_of_the_input_and_no_byte_is_lost(topic: str, payload: bytes):
    got = parse_messages(topic, payload, NOON)
    assert got.accepted or got.refused
    for element in got.refused:
        assert element.payload in payload
        assert element.reason in QuarantineReason
        assert element.readings >= 1


MEASUREMENTS = st.tuples(
    st.sampled_from(["A", "B"]),
    st.sampled_from(["temperature", "vibration"]),
    st.integers(0, 40).map(lambda minutes: NOON - timedelta(minutes=minutes)),
    st.floats(0, 100, width=32),
    st.sampled_from(Quality),
)


@given(measurements=st.lists(MEASUREMENTS, max_size=20, unique_by=lambda one: one[:3]), data=st.data())
def test_any_batching_order_and_duplication_of_the_same_readings_gives_the_same_lake(measurements, data):
    sent = data.draw(st.permutations(measurements + data.draw(st.lists(st.sampled_from(measurements), max_size=5))
                                     if measurements else []))  # fmt: skip
    bodies: list[bytes] = []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        part, sent = sent[:size], sent[size:]
        for machine in {one[0] for one in part}:
            batch = [
                {"timestamp_utc": utc_text(at), "values": {channel: value}, "quality": quality}
                for name, channel, at, value, quality in part
                if name == machine
            ]
            got = parse_messages(f"industrial/machine/{machine}/readings", json.dumps(batch).encode(), NOON)
            assert not got.refused
            bodies += [content for _, content in encode_readings(one for one in got.accepted if type(one) is Reading)]
    lake = decode_readings(bodies).unique()
    expected = {(m, c, at, None if quality is Quality.BAD else value) for m, c, at, value, quality in measurements}
    assert set(lake.iter_rows()) == expected
