"""The one strict way of reading what machines publish: a reading, a batch of readings, or an event.

Every element of a message is accepted or refused by itself, by the same rules in every reader: ingestion, the replay
of quarantined messages, and the import of files.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.channel import CHANNELS, Channel, Channels
from mlops_core.telemetry.message import TOPIC_PREFIX, Event, FailureEvent, Reading
from mlops_core.telemetry.message_rules import READINGS_LEVEL, Faults, MessageRules, ParsedMessage, RefusedElement
from mlops_core.telemetry.payload import elements, json_object, strip_padding
from mlops_core.time import FUTURE_TOLERANCE, in_utc


def parse_message(
    topic: str,
    payload: bytes,
    received_at: datetime,
    *,
    topic_prefix: str = TOPIC_PREFIX,
    channels: Mapping[str, Channel] = CHANNELS,
    allowed_lateness: timedelta = timedelta(hours=48),
    future_tolerance: timedelta = FUTURE_TOLERANCE,
    historical_reach: timedelta | None = None,
) -> Reading | FailureEvent | Event:
    """Return the one reading or event of a message, or raise the first reason to refuse it.

    Checked in this order: size, topic, encoding, JSON, machine id, fields and their types, values, time. A timestamp
    with another offset than UTC is converted; one without is refused, since guessing would shift readings by hours.
    A name that occurs twice in an object makes it ambiguous: BAD_JSON. A batch is BAD_TOPIC here: see `parse_messages`.

    Args:
        topic: MQTT topic, `{topic_prefix}/{machine_id}/{channel}` or `.../event/{kind}`.
        payload: the message as sent: JSON, 128 KiB at most.
        received_at: aware time at which the broker received it.
        topic_prefix: what topics begin with.
        channels: known channels by name, with their plausible ranges.
        allowed_lateness: `received_at - allowed_lateness <= event_timestamp` must hold.
        future_tolerance: `event_timestamp <= received_at + future_tolerance` must hold.
        historical_reach: replaces `allowed_lateness` for a payload with `"historical": true` (`replayed` is its older
            name). None: any age.

    Returns:
        A `Reading`, a `FailureEvent`, or an `Event` of another kind; times in UTC.

    Raises:
        MessageRejectedError: with the reason; nothing else is raised because of `topic` and `payload`.
        NaiveTimeError: `received_at` has no time zone.

    Example:
        >>> at = datetime(2026, 1, 1, tzinfo=UTC)
        >>> payload = b'{"timestamp_utc": "2026-01-01T00:00:00Z", "temperature_celsius": 61.5}'
        >>> mc.parse_message("industrial/machine/PUMP-A01/temperature", payload, at).value
        61.5

    """
    received_at = in_utc("received_at", received_at)
    registry = _registry(channels) if isinstance(channels, Channels) else channels
    message = MessageRules(registry, received_at, allowed_lateness, future_tolerance, historical_reach)
    address = message.address(topic, payload, topic_prefix)
    if address.level == READINGS_LEVEL and address.channel is None:
        raise MessageRejectedError(QuarantineReason.BAD_TOPIC, "a batch of readings, which parse_messages reads")
    body = json_object(strip_padding(payload))
    if address.channel is None:
        return message.event(address, body)
    return message.reading(address.machine_id, address.channel, body)


def parse_messages(
    topic: str,
    payload: bytes,
    received_at: datetime,
    *,
    topic_prefix: str = TOPIC_PREFIX,
    channels: Mapping[str, Channel] = CHANNELS,
    allowed_lateness: timedelta = timedelta(hours=48),
    future_tolerance: timedelta = FUTURE_TOLERANCE,
    historical_reach: timedelta | None = None,
) -> ParsedMessage:
    """Return every reading or event of a message, and what was refused of it; the rules are those of `parse_message`.

    A batch, on `{prefix}/{machine_id}/readings`, is an object or an array of objects `{"timestamp_utc" |
    "timestamp_ms", "values": {channel: number, ...}, "quality": ..., "historical": true}`. Each value is accepted or
    refused by itself; a refused object is reported once, with its own bytes and the first reason.

    Args:
        topic: MQTT topic of a batch, of one channel or of an event.
        payload: the message as sent: JSON, 128 KiB at most.
        received_at: aware time at which the broker received it.
        topic_prefix: what topics begin with.
        channels: known channels by name, with their plausible ranges.
        allowed_lateness: how much older than `received_at` an element may be.
        future_tolerance: how much later than `received_at` an element may be.
        historical_reach: replaces `allowed_lateness` for historical elements. None: any age.

    Returns:
        `.accepted` (readings or events, each with its quality) and `.refused` (reason, detail and bytes of each).

    Raises:
        NaiveTimeError: `received_at` has no time zone. Nothing is raised because of `topic` and `payload`.

    Example:
        >>> batch = b'[{"timestamp_ms": 1767225600000, "values": {"temperature": 61.5, "vibration": -1}}]'
        >>> parsed = mc.parse_messages("industrial/machine/PUMP-A01/readings", batch, datetime(2026, 1, 1, tzinfo=UTC))
        >>> len(parsed.accepted), [str(refusal.reason) for refusal in parsed.refused]
        (1, ['OUT_OF_RANGE'])

    """
    received_at = in_utc("received_at", received_at)
    registry = _registry(channels) if isinstance(channels, Channels) else channels
    message = MessageRules(registry, received_at, allowed_lateness, future_tolerance, historical_reach)
    parsed = ParsedMessage([], [])
    try:
        address = message.address(topic, payload, topic_prefix)
        if address.level == READINGS_LEVEL and address.channel is None:
            for element in elements(strip_padding(payload)):
                message.add_element(address.machine_id, element, parsed)
        elif address.channel is None:
            parsed.accepted.append(message.event(address, json_object(strip_padding(payload))))
        else:
            body, faults = json_object(strip_padding(payload)), Faults()
            parsed.accepted.append(message.reading(address.machine_id, address.channel, body))
            for channel in message.further_channels(address.channel, body):
                with faults:
                    parsed.accepted.append(message.reading(address.machine_id, channel, body))
            faults.tell(parsed, lambda: payload)
    except MessageRejectedError as refusal:
        parsed.refused.append(RefusedElement(refusal.reason, refusal.detail, payload))
    return parsed


@lru_cache(maxsize=8)
def _registry(channels: Channels) -> Mapping[str, Channel]:
    """The same channels as a dict: what is looked up for every reading is looked up fast."""
    return dict(channels)
