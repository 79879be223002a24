"""One message of each kind that must be refused, and the reason that it must be refused for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from mlops_core.errors import QuarantineReason as Reason
from mlops_core.telemetry import MAXIMUM_PAYLOAD_BYTES
from mlops_core.time import utc_text


class BadMessage(NamedTuple):
    """A message that the broker accepts and the platform must refuse, whole."""

    topic: str
    payload: bytes
    reason: Reason


def bad_messages(prefix: str, machine_id: str, now: datetime) -> list[BadMessage]:
    """Return one message of each kind; their payloads differ, so that each can be identified."""
    topic = f"{prefix}/{machine_id}/temperature"
    valid = _temperature(machine_id)

    def at(moment: str) -> bytes:
        return valid(moment, "20.5")

    stamp = utc_text(now)
    return [
        *_clocks(topic, at, now),
        BadMessage(topic, at(utc_text(now).removesuffix("Z")), Reason.NAIVE_TIMESTAMP),
        BadMessage(topic, at("yesterday"), Reason.BAD_TIMESTAMP),
        BadMessage(topic, b'{"machine_id": "poison', Reason.BAD_JSON),
        BadMessage(topic, b"\xff\xfe\x00not UTF-8", Reason.BAD_ENCODING),
        BadMessage(topic, b"", Reason.EMPTY),
        BadMessage(topic, valid(stamp, "NaN"), Reason.NOT_FINITE),
        BadMessage(topic, valid(stamp, "Infinity"), Reason.NOT_FINITE),
        BadMessage(topic, valid(stamp, "null"), Reason.BAD_TYPE),
        BadMessage(topic, valid(stamp, "true"), Reason.BAD_TYPE),
        BadMessage(topic, valid(stamp, '"20.5"'), Reason.BAD_TYPE),
        BadMessage(topic, valid(stamp, "1e308"), Reason.OUT_OF_RANGE),
        BadMessage(topic, f'{{"machine_id":"{machine_id}","timestamp_utc":"{stamp}"}}'.encode(), Reason.MISSING_FIELD),
        BadMessage(topic, _temperature("SOMEBODY-ELSE")(stamp, "20.5"), Reason.ID_MISMATCH),
        *(
            BadMessage(f"{prefix}/{name}/temperature", _temperature(name)(stamp, "20.5"), Reason.BAD_MACHINE_ID)
            for name in ("..", "%2e%2e", "Zürich", "", "a b", "M" * 65)
        ),
        BadMessage(f"{prefix}/{machine_id}/pressure", at(stamp), Reason.UNKNOWN_SENSOR),
        BadMessage(f"{prefix}/{machine_id}/temperature/inner", at(stamp), Reason.BAD_TOPIC),
        BadMessage(topic, at(stamp).ljust(MAXIMUM_PAYLOAD_BYTES + 1), Reason.OVERSIZE),
        BadMessage(f"{prefix}/{machine_id}/event/failure", at(stamp), Reason.MISSING_FIELD),
    ]


def _temperature(machine_id: str) -> Callable[[str, str], bytes]:
    """Return what writes a temperature message with any timestamp and value, valid JSON or not."""

    def write(timestamp: str, value: str) -> bytes:
        body = f'{{"machine_id":"{machine_id}","timestamp_utc":"{timestamp}","temperature_celsius":{value}}}'
        return body.encode()

    return write


def _clocks(topic: str, at: Callable[[str], bytes], now: datetime) -> list[BadMessage]:
    ahead, behind = utc_text(now + timedelta(days=1)), utc_text(now - timedelta(days=30))
    return [
        BadMessage(topic, at(ahead), Reason.FUTURE),
        BadMessage(topic, at("2106-02-07T06:28:15Z"), Reason.FUTURE),  # the end of unsigned 32-bit time
        BadMessage(topic, at(behind), Reason.TOO_LATE),
        BadMessage(topic, at("1970-01-01T00:00:00Z"), Reason.TOO_LATE),
    ]
