"""Messages that machines publish: how they are written, and the one strict way of reading them.

Topics are `{prefix}/{machine_id}/{channel}` and `{prefix}/{machine_id}/event/failure`; payloads are JSON objects.
The topic's machine id is the identity. Fields that this version does not know are kept as `extras`.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from mlops_core.errors import InvalidArgumentError, MessageRejectedError, QuarantineReason, UnknownChannelError
from mlops_core.telemetry.channel import CHANNELS, Channel
from mlops_core.telemetry.machine import MachineId, check_machine_id, is_machine_id
from mlops_core.telemetry.payload import (
    Payload,
    excerpt,
    extra_fields,
    flag,
    json_object,
    number,
    stated_machine,
    string,
    timestamp,
)
from mlops_core.time import in_utc, utc_text

__all__ = [
    "LARGEST_EVENT_VALUE",
    "MAXIMUM_PAYLOAD_BYTES",
    "TOPIC_PREFIX",
    "FailureEvent",
    "Message",
    "Reading",
    "failure_message",
    "parse_message",
    "reading_message",
]

TOPIC_PREFIX: Final = "industrial/machine"

# AWS IoT Core's limit for an MQTT payload.
MAXIMUM_PAYLOAD_BYTES: Final = 128 * 1024

# The largest magnitude that the table of labels (DynamoDB) stores.
LARGEST_EVENT_VALUE: Final = 9.9e125

_LONGEST_EVENT_CODE: Final = 100
_EVENT_CODE_RULE: Final = f"is not 1 to {_LONGEST_EVENT_CODE} printable characters on one line"

_FAILURE_SUFFIX: Final = "/event/failure"
_COMMON_FIELDS: Final = frozenset({"machine_id", "timestamp_utc", "replayed"})
_FAILURE_FIELDS: Final = _COMMON_FIELDS | {"event_code", "measured_value", "threshold"}


class Message(NamedTuple):
    """What is published: `payload` is UTF-8 JSON of at most 128 KiB."""

    topic: str
    payload: bytes


class _Accepted(BaseModel):
    """What every accepted message has. Timestamps are aware; `extras` holds the payload's unknown fields."""

    model_config = ConfigDict(frozen=True)

    machine_id: MachineId
    event_timestamp: AwareDatetime
    received_at: AwareDatetime
    replayed: bool = False
    extras: dict[str, JsonValue] = Field(default_factory=dict)


class Reading(_Accepted):
    """One measured value of one channel, in the channel's unit. Identity: (machine_id, channel, event_timestamp)."""

    channel: str
    value: FiniteFloat


class FailureEvent(_Accepted):
    """A functional failure at `event_timestamp`: `measured_value` is what exceeded `threshold`, in one unit.

    `event_code` is one line of 1 to 100 printable characters; both numbers lie within LARGEST_EVENT_VALUE of zero.
    """

    event_code: str
    measured_value: FiniteFloat
    threshold: FiniteFloat


def reading_message(
    machine_id: str,
    channel: str,
    event_timestamp: datetime,
    value: float,
    *,
    topic_prefix: str = TOPIC_PREFIX,
    replayed: bool = False,
    channels: Mapping[str, Channel] = CHANNELS,
) -> Message:
    """Return the message that publishes one reading; `value` is in the channel's unit.

    `replayed` marks history, to which no rule of lateness applies. Equal arguments give equal bytes.

    Raises:
        InvalidArgumentError: illegal machine id, naive timestamp, or a value that is not finite.
        UnknownChannelError: `channels` does not hold the channel.

    """
    if channel not in channels:
        raise UnknownChannelError(channel, channels)
    fields = {channels[channel].payload_field: _finite("value", value)}
    return _message(machine_id, channel, event_timestamp, fields, topic_prefix=topic_prefix, replayed=replayed)


def failure_message(
    machine_id: str,
    event_timestamp: datetime,
    event_code: str,
    measured_value: float,
    threshold: float,
    *,
    topic_prefix: str = TOPIC_PREFIX,
    replayed: bool = False,
) -> Message:
    """Return the message that publishes a functional failure.

    Arguments and errors are those of `reading_message`; InvalidArgumentError, too, for an `event_code` or a number
    that a `FailureEvent` may not have.
    """
    if not _is_event_code(event_code):
        raise InvalidArgumentError("event_code", event_code, _EVENT_CODE_RULE)
    for name, value in {"measured_value": measured_value, "threshold": threshold}.items():
        if abs(value) > LARGEST_EVENT_VALUE:
            raise InvalidArgumentError(name, value, f"is further from zero than {LARGEST_EVENT_VALUE:g}")
    fields = {
        "event_code": event_code,
        "measured_value": _finite("measured_value", measured_value),
        "threshold": _finite("threshold", threshold),
    }
    return _message(machine_id, "event/failure", event_timestamp, fields, topic_prefix=topic_prefix, replayed=replayed)


def parse_message(
    topic: str,
    payload: bytes,
    received_at: datetime,
    *,
    topic_prefix: str = TOPIC_PREFIX,
    channels: Mapping[str, Channel] = CHANNELS,
    allowed_lateness: timedelta = timedelta(hours=48),
    future_tolerance: timedelta = timedelta(minutes=5),
) -> Reading | FailureEvent:
    """Return what a message says, or raise `MessageRejectedError` with the first reason to refuse it.

    Checked in this order: size, topic, encoding, JSON, machine id, fields and their types, values, time. A timestamp
    with another offset than UTC is converted; one without is refused, since guessing would shift readings by hours.
    `received_at - allowed_lateness <= event_timestamp <= received_at + future_tolerance` must hold, its first half not
    for a payload with `"replayed": true`. A name that occurs twice in an object makes it ambiguous: BAD_JSON.

    Raises:
        MessageRejectedError: whatever `topic` and `payload` are, nothing else is raised because of them.
        InvalidArgumentError: `received_at` has no time zone.

    """
    received_at = in_utc("received_at", received_at)
    if len(payload) > MAXIMUM_PAYLOAD_BYTES:
        raise MessageRejectedError(
            QuarantineReason.OVERSIZE, f"{len(payload)} bytes, more than the {MAXIMUM_PAYLOAD_BYTES} of MQTT"
        )
    machine_id, channel = _addressed(topic, topic_prefix, channels)
    body = json_object(payload)
    stated_machine(body, machine_id)
    event_timestamp = timestamp(body, "timestamp_utc")
    replayed = flag(body, "replayed")
    if channel is None:
        accepted = FailureEvent(
            machine_id=machine_id,
            event_timestamp=event_timestamp,
            event_code=_event_code(body),
            measured_value=_event_value(body, "measured_value"),
            threshold=_event_value(body, "threshold"),
            received_at=received_at,
            replayed=replayed,
            extras=extra_fields(body, _FAILURE_FIELDS),
        )
    else:
        accepted = Reading(
            machine_id=machine_id,
            channel=channel.name,
            event_timestamp=event_timestamp,
            value=_plausible(body, channel),
            received_at=received_at,
            replayed=replayed,
            extras=extra_fields(body, _COMMON_FIELDS | {channel.payload_field}),
        )
    _check_time(accepted, allowed_lateness, future_tolerance)
    return accepted


def _finite(argument: str, value: float) -> float:
    if not isfinite(value):
        raise InvalidArgumentError(argument, value, "is not finite", "Leave out what was not measured")
    return float(value)


def _message(
    machine_id: str,
    suffix: str,
    event_timestamp: datetime,
    fields: Mapping[str, object],
    *,
    topic_prefix: str,
    replayed: bool,
) -> Message:
    body: dict[str, object] = {"machine_id": check_machine_id(machine_id), "timestamp_utc": utc_text(event_timestamp)}
    body |= fields
    if replayed:
        body["replayed"] = True
    return Message(f"{topic_prefix}/{machine_id}/{suffix}", json.dumps(body, separators=(",", ":")).encode())


def _addressed(topic: str, prefix: str, channels: Mapping[str, Channel]) -> tuple[str, Channel | None]:
    """Return the machine id and the channel of a topic; no channel for a failure event.

    The id is everything between prefix and channel, so that `../x` is reported as a bad id and not as a bad topic.
    """
    rest = topic.removeprefix(f"{prefix}/")
    if rest == topic:
        raise MessageRejectedError(QuarantineReason.BAD_TOPIC, f"{excerpt(topic)} does not begin with {prefix}/")
    is_failure = rest.endswith(_FAILURE_SUFFIX)
    machine_id, _, name = (rest.removesuffix(_FAILURE_SUFFIX), "/", "") if is_failure else rest.rpartition("/")
    channel = channels.get(name)
    if not is_failure and channel is None and ("/" in machine_id or not name or "/" not in rest):
        raise MessageRejectedError(
            QuarantineReason.BAD_TOPIC, f"{excerpt(topic)} is not {prefix}/<machine>/<channel> or .../event/failure"
        )
    if not is_machine_id(machine_id):
        raise MessageRejectedError(QuarantineReason.BAD_MACHINE_ID, f"the topic's machine id is {excerpt(machine_id)}")
    if not is_failure and channel is None:
        known = ", ".join(sorted(channels))
        raise MessageRejectedError(QuarantineReason.UNKNOWN_SENSOR, f"channel {excerpt(name)} is none of {known}")
    return machine_id, channel


def _check_time(accepted: Reading | FailureEvent, allowed_lateness: timedelta, future_tolerance: timedelta) -> None:
    ahead = accepted.event_timestamp - accepted.received_at
    if ahead > future_tolerance:
        raise MessageRejectedError(
            QuarantineReason.FUTURE,
            f"{utc_text(accepted.event_timestamp)} is {ahead} after it was received; {future_tolerance} is tolerated",
        )
    if -ahead > allowed_lateness and not accepted.replayed:
        raise MessageRejectedError(
            QuarantineReason.TOO_LATE,
            f"{utc_text(accepted.event_timestamp)} is {-ahead} before it was received; {allowed_lateness} is allowed",
        )


def _is_event_code(text: str) -> bool:
    return 1 <= len(text) <= _LONGEST_EVENT_CODE and text.isprintable() and not text.isspace()


def _event_code(body: Payload) -> str:
    code = string(body, "event_code")
    if not _is_event_code(code):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"event_code {excerpt(code)} {_EVENT_CODE_RULE}")
    return code


def _event_value(body: Payload, name: str) -> float:
    value = number(body, name)
    if abs(value) > LARGEST_EVENT_VALUE:
        raise MessageRejectedError(
            QuarantineReason.OUT_OF_RANGE, f"{name}={value} is further from zero than {LARGEST_EVENT_VALUE:g}"
        )
    return value


def _plausible(body: Payload, channel: Channel) -> float:
    value = number(body, channel.payload_field)
    if not channel.minimum <= value <= channel.maximum:
        raise MessageRejectedError(
            QuarantineReason.OUT_OF_RANGE,
            f"{channel.payload_field}={value} is not within {channel.minimum} to {channel.maximum} {channel.unit}",
        )
    return value
