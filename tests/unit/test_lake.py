import gzip
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from mlops_core.errors import InvalidArgumentError, MalformedObjectError
from mlops_core.lake import (
    buckets_key,
    compacted_hour,
    compacted_key,
    decode_failures,
    decode_readings,
    encode_events,
    encode_readings,
    events_key,
    features_key,
    hour_of_text,
    hour_path,
    hour_text,
    quarantine_key,
    raw_hour,
    raw_key,
    replaced_key,
    shard_of,
)
from mlops_core.telemetry import FAILURES, MACHINE_ID_PATTERN, READINGS, FailureEvent, Reading

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HASH = "0123456789abcdef" * 4

MACHINE_IDS = st.from_regex(MACHINE_ID_PATTERN, fullmatch=True)
TIMES = st.builds(
    lambda seconds, micros: NOON + timedelta(seconds=seconds, microseconds=micros),
    st.integers(-9000, 9000) | st.integers(-63_000_000_000, 200_000_000_000),
    st.integers(0, 999_999),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EXTRAS = st.dictionaries(st.text(), JSON, max_size=2)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
READINGS_OF_MACHINES = st.builds(
    Reading,
    machine_id=MACHINE_IDS,
    channel=st.sampled_from(["temperature", "vibration"]),
    event_timestamp=TIMES,
    value=FINITE,
    received_at=TIMES,
    replayed=st.booleans(),
    extras=EXTRAS,
)
FAILURE_EVENTS = st.builds(
    FailureEvent,
    machine_id=MACHINE_IDS,
    event_timestamp=TIMES,
    event_code=st.text(),
    measured_value=FINITE,
    threshold=FINITE,
    received_at=TIMES,
    replayed=st.booleans(),
    extras=EXTRAS,
)


def reading(**changed):
    fields = {
        "machine_id": "PUMP-A01",
        "channel": "vibration",
        "event_timestamp": NOON,
        "value": 2.5,
        "received_at": NOON,
    }
    return Reading(**(fields | changed))


def lines_of(body):
    return gzip.decompress(body).splitlines()


def gz(*lines):
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


GOOD = b'{"machine_id":"PUMP-A01","channel":"vibration","event_timestamp":"2026-11-21T12:00:00.000000Z","value":2.5}'


def test_keys_are_the_documented_ones():
    hour = datetime(2026, 1, 2, 3, 59, 59, tzinfo=UTC)
    assert raw_key(hour, HASH) == f"raw/date=2026-01-02/hour=03/{HASH}.jsonl.gz"
    assert replaced_key(hour, HASH) == f"replaced/date=2026-01-02/hour=03/{HASH}.jsonl.gz"
    assert compacted_key(hour) == "compacted/date=2026-01-02/hour=03/readings.parquet"
    assert events_key(hour, HASH) == f"events/date=2026-01-02/hour=03/{HASH}.jsonl.gz"
    assert quarantine_key(date(2026, 1, 2), HASH) == f"quarantine/date=2026-01-02/{HASH}.json.gz"
    assert features_key(hour, 0) == "processed/features/date=2026-01-02/hour=03/shard=00.parquet"
    assert buckets_key(hour, 99) == "processed/buckets/date=2026-01-02/hour=03/shard=99.parquet"


@given(TIMES)
def test_a_key_tells_its_hour(time):
    hour = time.replace(minute=0, second=0, microsecond=0)
    assert raw_hour(raw_key(time, HASH)) == hour
    assert raw_hour(f"raw/{hour_path(time)}/shard=07/{HASH}.jsonl.gz") == hour  # as the first release wrote them
    assert compacted_hour(compacted_key(time)) == hour
    assert hour_of_text(hour_text(time)) == hour


@pytest.mark.parametrize("shard", [-1, 100])
def test_a_shard_that_two_digits_cannot_hold_is_refused(shard):
    with pytest.raises(InvalidArgumentError, match="shard"):
        buckets_key(NOON, shard)


@pytest.mark.parametrize("shards", [0, -1, 101])
def test_a_number_of_shards_that_two_digits_cannot_hold_is_refused(shards):
    with pytest.raises(InvalidArgumentError, match="shards"):
        shard_of("PUMP-A01", shards)


def test_shards_are_the_same_for_ever_and_about_even():
    assert [shard_of(machine_id, 16) for machine_id in ("PUMP-A01", "PUMP-A02", "FAN-B01")] == [0, 1, 6]
    sizes = [0] * 10
    for number in range(2000):
        sizes[shard_of(f"PUMP-{number:04d}", 10)] += 1
    assert min(sizes) > 140
    assert max(sizes) < 260


@given(st.lists(READINGS_OF_MACHINES, max_size=8))
def test_every_reading_that_is_written_is_read_to_the_last_bit(readings):
    objects = encode_readings(readings)
    decoded = decode_readings([body for _, body in objects])
    assert decoded.schema == READINGS
    written = {(r.machine_id, r.channel, r.event_timestamp, r.value.hex()) for r in readings}
    assert {(*identity, value.hex()) for *identity, value in decoded.iter_rows()} == written
    for key, body in objects:
        for event_timestamp in decode_readings([body])["event_timestamp"]:
            assert raw_hour(key) <= event_timestamp < raw_hour(key) + timedelta(hours=1)


@given(st.lists(READINGS_OF_MACHINES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_batch_in_another_order_and_with_repetitions_is_the_same_objects(readings, random):
    again = readings + random.choices(readings, k=3)
    random.shuffle(again)
    assert encode_readings(again) == encode_readings(readings)


@given(st.lists(READINGS_OF_MACHINES, max_size=4), st.lists(FAILURE_EVENTS, max_size=4))
def test_keys_hold_nothing_that_a_sender_chose(readings, failures):
    for key, _ in encode_readings(readings):
        assert len(key.encode()) <= 1024
        assert not {reading.machine_id for reading in readings if len(reading.machine_id) > 4} & set(key.split("/"))
    for key, _ in encode_events(failures):
        assert len(key.encode()) <= 1024
        assert key.startswith("events/date=")
        assert not {failure.machine_id for failure in failures if len(failure.machine_id) > 4} & set(key.split("/"))


@given(st.lists(FAILURE_EVENTS, max_size=6))
def test_every_failure_that_is_written_is_read(failures):
    decoded = decode_failures([body for _, body in encode_events(failures)])
    assert decoded.schema == FAILURES
    written = {(f.machine_id, f.event_timestamp, f.event_code, f.measured_value, f.threshold, None) for f in failures}
    assert set(decoded.iter_rows()) == written


def test_a_line_is_the_documented_json():
    history = reading(replayed=True, extras={"site": {"name": "Šibenik"}})
    (_, body) = encode_readings([history])[0]
    (line,) = lines_of(body)
    fields = json.loads(line)
    assert json.loads(fields.pop("extras")) == {"site": {"name": "Šibenik"}}
    assert fields == {
        "machine_id": "PUMP-A01",
        "channel": "vibration",
        "event_timestamp": "2026-11-21T12:00:00.000000Z",
        "value": 2.5,
        "received_at": "2026-11-21T12:00:00.000000Z",
        "replayed": True,
    }
    (plain,) = lines_of(encode_readings([reading()])[0].body)
    assert set(json.loads(plain)) == {"machine_id", "channel", "event_timestamp", "value", "received_at"}


def test_many_readings_of_one_instant_are_all_kept():
    readings = [reading(machine_id=f"PUMP-{n}", channel=c) for n in range(50) for c in ("vibration", "temperature")]
    (stored,) = encode_readings(readings)
    assert decode_readings([stored.body]).height == 100


def test_two_values_for_one_identity_are_both_kept():
    (stored,) = encode_readings([reading(value=2.5), reading(value=3.5)])
    assert sorted(decode_readings([stored.body])["value"]) == [2.5, 3.5]


def test_an_object_depends_on_content_alone_and_not_on_when_it_was_written():
    (stored,) = encode_readings([reading()])
    assert stored.body[4:8] == bytes(4)  # RFC 1952: MTIME


def test_no_objects_are_no_readings():
    assert decode_readings([]).equals(READINGS.to_frame())
    assert decode_failures([]).equals(FAILURES.to_frame())
    assert decode_readings([gz(), gz(GOOD)]).height == 1


MALFORMED = [
    b"{not json",
    b"[1]",
    b"null",
    b"{}",
    b"\xff",
    GOOD[:-1],
    GOOD + GOOD,
    GOOD.replace(b"2.5", b"null"),
    GOOD.replace(b"2.5", b'"2.5"'),
    GOOD.replace(b"2.5", b"true"),
    GOOD.replace(b"2.5", b"NaN"),
    GOOD.replace(b"2.5", b"1e999"),
    GOOD.replace(b"000Z", b"000"),
    GOOD.replace(b"2026-11-21T", b"2026-13-21T"),
    GOOD.replace(b'"channel":"vibration",', b""),
]


@pytest.mark.parametrize("line", MALFORMED)
def test_a_malformed_line_is_reported_and_affects_no_other(line):
    found = []
    bodies = [gz(GOOD), gz(GOOD, line, GOOD), gz(GOOD)]
    readings = decode_readings(bodies, on_malformed=found.append)
    assert readings.rows() == [("PUMP-A01", "vibration", NOON, 2.5)] * 4
    assert [(entry.object_index, entry.line_number, entry.text) for entry in found] == [(1, 2, line)]
    assert found[0].problem


@pytest.mark.parametrize("line", MALFORMED)
def test_a_malformed_line_that_nobody_looks_at_is_an_error(line):
    with pytest.raises(MalformedObjectError, match="object 1, line 2"):
        decode_readings([gz(GOOD), gz(GOOD, line)])
    with pytest.raises(MalformedObjectError, match="object 0, line 1"):
        decode_failures([gz(line)])


@pytest.mark.parametrize(
    "body", [b"", b"plain", gz(GOOD)[:-4], gz(GOOD)[:-8] + bytes(8), gz(*[GOOD] * 999)[:80]], ids=range(5)
)
def test_an_object_that_is_not_whole_is_an_error_and_never_empty(body):
    for decode in (decode_readings, decode_failures):
        with pytest.raises(MalformedObjectError, match="object 1"):
            decode([gz(), body], on_malformed=[].append)


def test_fields_that_a_later_version_adds_do_not_disturb():
    later = GOOD[:-1] + b',"quality":{"good":[true]},"unit":"mm/s"}'
    assert decode_readings([gz(later)]).rows() == decode_readings([gz(GOOD)]).rows()
