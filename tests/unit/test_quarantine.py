import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from mlops_core.errors import MalformedObjectError, QuarantineReason
from mlops_core.lake import QuarantineRecord, decode_quarantine, encode_quarantine

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def record(**changed):
    fields = {
        "reason": QuarantineReason.BAD_JSON,
        "detail": "expected value at line 1 column 1",
        "topic": "industrial/machine/PUMP-A01/temperature",
        "payload": b"\xff\x00{not json",
        "received_at": NOON,
        "message_id": "5fea7756-0ea4-451a-a703-a558b933e274",
    }
    return QuarantineRecord(**(fields | changed))


@given(
    st.builds(
        QuarantineRecord,
        reason=st.sampled_from(QuarantineReason),
        detail=st.text(),
        topic=st.text(),
        payload=st.binary(),
        received_at=st.datetimes(timezones=st.just(UTC)),
        message_id=st.text(),
    )
)
def test_a_refused_message_is_kept_whole_under_a_key_of_its_own(refused):
    key, body = encode_quarantine(refused)
    assert decode_quarantine(body) == refused
    assert key.startswith(f"quarantine/date={refused.received_at.date().isoformat()}/")
    assert len(key) == len("quarantine/date=2026-11-21/") + 64 + len(".json.gz")


def test_a_record_is_the_documented_json():
    assert json.loads(gzip.decompress(encode_quarantine(record()).body)) == {
        "reason": "BAD_JSON",
        "detail": "expected value at line 1 column 1",
        "topic": "industrial/machine/PUMP-A01/temperature",
        "payload_base64": b64encode(b"\xff\x00{not json").decode(),
        "received_at": "2026-11-21T12:00:00.000000Z",
        "message_id": "5fea7756-0ea4-451a-a703-a558b933e274",
    }


def test_a_delivery_that_is_refused_again_has_the_same_key_and_another_delivery_another():
    assert encode_quarantine(record()) == encode_quarantine(record())
    assert encode_quarantine(record()).key != encode_quarantine(record(message_id="other")).key


def test_the_day_of_a_key_is_the_day_in_utc():
    received_at = datetime(2026, 11, 21, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
    assert encode_quarantine(record(received_at=received_at)).key.startswith("quarantine/date=2026-11-22/")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain",
        gzip.compress(b"{}"),
        gzip.compress(b"[]"),
        gzip.compress(b"\xff"),
        gzip.compress(b'{"payload_base64":"?"}'),
        gzip.compress(b'{"payload_base64":1}'),
        encode_quarantine(record()).body[:-9],
    ],
    ids=range(8),
)
def test_what_is_no_record_is_refused(body):
    with pytest.raises(MalformedObjectError, match="quarantine record"):
        decode_quarantine(body)
