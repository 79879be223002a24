"""When a message speaks of: any offset, no naive time, neither too late nor of the future."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.errors import QuarantineReason
from mlops_core.telemetry import (
    parse_message,
)
from mlops_core.time import utc_text
from tests.unit.messages_at_noon import FAILURE, FAILURE_TOPIC, NOON, READING, TOPIC, payload, rejected


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
