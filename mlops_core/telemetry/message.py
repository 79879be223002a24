"""Messages that machines publish, and what they say: readings and events.

Topics are `{prefix}/{machine_id}/{channel}` (one reading), `{prefix}/{machine_id}/readings` (a batch) and
`{prefix}/{machine_id}/event/{kind}`; payloads are JSON. The topic's machine id is the identity. Fields that this
version does not know are kept as `extras`. `parsing` reads what this module writes.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, SkipValidation

from mlops_core.errors import InvalidArgumentError, UnknownChannelError
from mlops_core.telemetry.channel import CHANNELS, Channel
from mlops_core.telemetry.machine import MachineId, check_machine_id
from mlops_core.telemetry.quality import Quality
from mlops_core.time import utc_text

TOPIC_PREFIX: Final = "industrial/machine"

# AWS IoT Core's limit for an MQTT payload.
MAXIMUM_PAYLOAD_BYTES: Final = 128 * 1024

# The largest magnitude that the table of labels (DynamoDB) stores.
LARGEST_EVENT_VALUE: Final = 9.9e125

FAILURE_KIND: Final = "failure"
"""The kind of event that ends a machine's run; a `FailureEvent` has its own numbers."""

EVENT_KIND_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"

_LONGEST_EVENT_CODE: Final = 100
EVENT_CODE_RULE: Final = f"is not 1 to {_LONGEST_EVENT_CODE} printable characters on one line"


class Message(NamedTuple):
    """What is published: `payload` is UTF-8 JSON of at most 128 KiB."""

    topic: str
    payload: bytes


class _Accepted(BaseModel):
    """What every event has. Timestamps are aware; `extras` holds the payload's unknown fields."""

    model_config = ConfigDict(frozen=True)

    machine_id: MachineId
    event_timestamp: AwareDatetime
    received_at: AwareDatetime
    replayed: bool = False
    extras: SkipValidation[Mapping[str, JsonValue]] = Field(default_factory=dict[str, JsonValue])


class Reading(NamedTuple):
    """What one channel measured, in its unit. Identity: (machine_id, channel, event_timestamp).

    `value` is finite, or None where `quality` is BAD: nothing was measured. Timestamps are aware, in UTC. A tuple and
    no model of pydantic: ingestion makes hundreds of thousands a second of parts that are checked already.
    """

    machine_id: str
    channel: str
    event_timestamp: datetime
    value: float | None
    received_at: datetime
    replayed: bool = False
    quality: Quality = Quality.GOOD
    extras: Mapping[str, JsonValue] = MappingProxyType({})


class FailureEvent(_Accepted):
    """A functional failure at `event_timestamp`: `measured_value` is what exceeded `threshold`, in one unit.

    `event_code` is one line of 1 to 100 printable characters; both numbers lie within LARGEST_EVENT_VALUE of zero.
    """

    event_code: str
    measured_value: FiniteFloat
    threshold: FiniteFloat


class Event(_Accepted):
    """Something else that happened to a machine: an error, an operator's action, a change of state; `kind` says which.

    `event_code` is as a failure's, the numbers likewise, where they apply.
    """

    kind: str
    event_code: str
    measured_value: FiniteFloat | None = None
    threshold: FiniteFloat | None = None


def reading_message(
    machine_id: str,
    channel: str,
    event_timestamp: datetime,
    value: float | None,
    *,
    topic_prefix: str = TOPIC_PREFIX,
    replayed: bool = False,
    channels: Mapping[str, Channel] = CHANNELS,
) -> Message:
    """Return the message that publishes one reading; `value` is in the channel's unit, None with quality BAD.

    `replayed` marks history, to which no rule of lateness applies. Equal arguments give equal bytes.

    Raises:
        InvalidArgumentError: illegal machine id, naive timestamp, or a value that is not finite.
        UnknownChannelError: `channels` does not hold the channel.

    """
    if channel not in channels:
        raise UnknownChannelError(channel, channels)
    fields: dict[str, object] = (
        {"quality": str(Quality.BAD)} if value is None else {channels[channel].payload_field: _finite("value", value)}
    )
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
    if not is_event_code(event_code):
        raise InvalidArgumentError("event_code", event_code, EVENT_CODE_RULE)
    for name, value in {"measured_value": measured_value, "threshold": threshold}.items():
        if abs(value) > LARGEST_EVENT_VALUE:
            raise InvalidArgumentError(name, value, f"is further from zero than {LARGEST_EVENT_VALUE:g}")
    fields = {
        "event_code": event_code,
        "measured_value": _finite("measured_value", measured_value),
        "threshold": _finite("threshold", threshold),
    }
    return _message(machine_id, "event/failure", event_timestamp, fields, topic_prefix=topic_prefix, replayed=replayed)


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


def is_event_code(text: str) -> bool:
    """Whether a text may be the code of an event: it is printed, and it is a key of reports."""
    return 1 <= len(text) <= _LONGEST_EVENT_CODE and text.isprintable() and not text.isspace()
