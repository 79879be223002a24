"""The one strict way of reading what machines publish: a reading, a batch of readings, or an event.

Every element of a message is accepted or refused by itself, by the same rules in every reader: ingestion, the replay
of quarantined messages, and the import of files.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import JsonValue

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.channel import CHANNELS, Channel, Channels
from mlops_core.telemetry.fields import (
    channel_values,
    event_code,
    event_value,
    is_historical,
    plausible,
    readings_in,
    stated_quality,
)
from mlops_core.telemetry.machine import is_machine_id
from mlops_core.telemetry.message import (
    EVENT_KIND_PATTERN,
    FAILURE_KIND,
    MAXIMUM_PAYLOAD_BYTES,
    TOPIC_PREFIX,
    Event,
    FailureEvent,
    Reading,
)
from mlops_core.telemetry.payload import (
    Element,
    Payload,
    as_number,
    elements,
    excerpt,
    extra_fields,
    json_object,
    moment,
    number,
    stated_machine,
    strip_padding,
)
from mlops_core.telemetry.quality import Quality, parse_quality
from mlops_core.time import FUTURE_TOLERANCE, in_utc, utc_text

__all__ = ["READINGS_LEVEL", "ParsedMessage", "RefusedElement", "parse_message", "parse_messages"]

READINGS_LEVEL: Final = "readings"
"""The last level of a topic that takes batches: `{prefix}/{machine_id}/readings`."""

_EVENT_TOPIC: Final = re.compile(rf"(.*)/event/({EVENT_KIND_PATTERN})", re.DOTALL)
_COMMON_FIELDS: Final = frozenset({"machine_id", "timestamp_utc", "timestamp_ms", "historical", "replayed"})
_EVENT_FIELDS: Final = _COMMON_FIELDS | {"event_code", "measured_value", "threshold"}
_ONE_CHANNEL_FIELDS: Final = _COMMON_FIELDS | {"quality"}
_BATCH_FIELDS: Final = _COMMON_FIELDS | {"quality", "values"}
_SHARED_FIELD: Final = "value"
"""Stands for the field of any channel on its own topic."""

_NO_EXTRAS: Final[Mapping[str, JsonValue]] = MappingProxyType({})


class RefusedElement(NamedTuple):
    """What was refused of a message, why, and its own bytes: those of the array's element, or of the whole message.

    `readings` is how many it would have given, 1 or more.
    """

    reason: QuarantineReason
    detail: str
    payload: bytes
    readings: int = 1


class ParsedMessage(NamedTuple):
    """What a message gave, in its order."""

    accepted: list[Reading | FailureEvent | Event]
    refused: list[RefusedElement]

    def readings(self, payload: bytes) -> tuple[list[Reading], list[RefusedElement]]:
        """Return what is for ingestion: an event on the way to it is refused, with the message's `payload`."""
        readings = [one for one in self.accepted if isinstance(one, Reading)]
        if len(readings) == len(self.accepted):
            return readings, self.refused
        return [], [RefusedElement(QuarantineReason.BAD_TOPIC, "an event, which belongs in the label queue", payload)]

    def events(self, payload: bytes) -> tuple[list[FailureEvent | Event], list[RefusedElement]]:
        """Return what is for labels: readings on the way to it are refused, with the message's `payload`."""
        events = [one for one in self.accepted if not isinstance(one, Reading)]
        if len(events) == len(self.accepted):
            return events, self.refused
        detail = "a reading, which belongs in the ingestion queue"
        return [], [RefusedElement(QuarantineReason.BAD_TOPIC, detail, payload, len(self.accepted))]


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
        InvalidArgumentError: `received_at` has no time zone.

    Example:
        >>> at = datetime(2026, 1, 1, tzinfo=UTC)
        >>> payload = b'{"timestamp_utc": "2026-01-01T00:00:00Z", "temperature_celsius": 61.5}'
        >>> mc.parse_message("industrial/machine/PUMP-A01/temperature", payload, at).value
        61.5

    """
    received_at = in_utc("received_at", received_at)
    registry = _registry(channels) if isinstance(channels, Channels) else channels
    message = _Message(registry, received_at, allowed_lateness, future_tolerance, historical_reach)
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
        InvalidArgumentError: `received_at` has no time zone. Nothing is raised because of `topic` and `payload`.

    Example:
        >>> batch = b'[{"timestamp_ms": 1767225600000, "values": {"temperature": 61.5, "vibration": -1}}]'
        >>> parsed = mc.parse_messages("industrial/machine/PUMP-A01/readings", batch, datetime(2026, 1, 1, tzinfo=UTC))
        >>> len(parsed.accepted), [str(refusal.reason) for refusal in parsed.refused]
        (1, ['OUT_OF_RANGE'])

    """
    received_at = in_utc("received_at", received_at)
    registry = _registry(channels) if isinstance(channels, Channels) else channels
    message = _Message(registry, received_at, allowed_lateness, future_tolerance, historical_reach)
    parsed = ParsedMessage([], [])
    try:
        address = message.address(topic, payload, topic_prefix)
        if address.level == READINGS_LEVEL and address.channel is None:
            for element in elements(strip_padding(payload)):
                message.add_element(address.machine_id, element, parsed)
            return parsed
        body = json_object(strip_padding(payload))
        if address.channel is None:
            parsed.accepted.append(message.event(address, body))
            return parsed
        parsed.accepted.append(message.reading(address.machine_id, address.channel, body))
        faults = _Faults()
        for channel in message.further_channels(address.channel, body):
            with faults:
                parsed.accepted.append(message.reading(address.machine_id, channel, body))
        faults.tell(parsed, lambda: payload)
    except MessageRejectedError as refusal:
        parsed.refused.append(RefusedElement(refusal.reason, refusal.detail, payload))
    return parsed


class _Address(NamedTuple):
    """What a topic says: of which machine, and a channel or another last level."""

    machine_id: str
    level: str
    channel: Channel | None


class _Faults:
    """Counts what is refused of one element, as a context: the first refusal is the one that is reported."""

    def __init__(self) -> None:
        self.first: MessageRejectedError | None = None
        self.count = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if not isinstance(error, MessageRejectedError):
            return False
        self.add(error)
        return True

    def add(self, refusal: MessageRejectedError, readings: int = 1) -> None:
        self.first = self.first or refusal
        self.count += readings

    def tell(self, parsed: ParsedMessage, read_bytes: Callable[[], bytes]) -> None:
        """Add the element to what was refused, if anything of it was."""
        if self.first is not None:
            others = f" (and {self.count - 1} more of this element)" if self.count > 1 else ""
            detail = f"{self.first.detail}{others}"
            parsed.refused.append(RefusedElement(self.first.reason, detail, read_bytes(), self.count))


@dataclass(frozen=True, slots=True)
class _Message:
    """One message's rules: the channels there are, when it was received, and how old and new its elements may be."""

    channels: Mapping[str, Channel]
    received_at: datetime
    allowed_lateness: timedelta
    future_tolerance: timedelta
    historical_reach: timedelta | None

    def address(self, topic: str, payload: bytes, prefix: str) -> _Address:
        """Return what the topic says. Raises with OVERSIZE, BAD_TOPIC, BAD_MACHINE_ID or UNKNOWN_SENSOR.

        The id is everything between prefix and level, so that `../x` is reported as a bad id and not as a bad topic.
        """
        if len(payload) > MAXIMUM_PAYLOAD_BYTES:
            raise MessageRejectedError(
                QuarantineReason.OVERSIZE, f"{len(payload)} bytes, more than the {MAXIMUM_PAYLOAD_BYTES} of MQTT"
            )
        rest = topic.removeprefix(f"{prefix}/")
        if rest == topic:
            raise MessageRejectedError(QuarantineReason.BAD_TOPIC, f"{excerpt(topic)} does not begin with {prefix}/")
        event = _EVENT_TOPIC.fullmatch(rest)
        machine_id, _, level = (event[1], "/", event[2]) if event is not None else rest.rpartition("/")
        channel = None if event is not None else self.channels.get(level)
        is_known = event is not None or channel is not None or level == READINGS_LEVEL
        if not is_known and ("/" in machine_id or not level or "/" not in rest):
            raise MessageRejectedError(
                QuarantineReason.BAD_TOPIC,
                f"{excerpt(topic)} is not {prefix}/<machine>/<channel>, .../{READINGS_LEVEL} or .../event/<kind>",
            )
        if not is_machine_id(machine_id):
            raise MessageRejectedError(
                QuarantineReason.BAD_MACHINE_ID, f"the topic's machine id is {excerpt(machine_id)}"
            )
        if not is_known:
            raise self._unknown(level)
        return _Address(machine_id, level, channel)

    def event(self, address: _Address, body: Payload) -> FailureEvent | Event:
        """Return the event in a body."""
        stated_machine(body, address.machine_id)
        at, historical, code = moment(body), is_historical(body), event_code(body)
        measured = event_value(body, "measured_value", is_needed=address.level == FAILURE_KIND)
        threshold = event_value(body, "threshold", is_needed=address.level == FAILURE_KIND)
        extras = extra_fields(body, _EVENT_FIELDS) or _NO_EXTRAS
        self._check_time(at, is_historical=historical)
        if address.level == FAILURE_KIND and measured is not None and threshold is not None:
            return FailureEvent(
                machine_id=address.machine_id, event_timestamp=at, received_at=self.received_at, replayed=historical,
                event_code=code, measured_value=measured, threshold=threshold, extras=extras,
            )  # fmt: skip
        return Event(
            machine_id=address.machine_id, event_timestamp=at, received_at=self.received_at, replayed=historical,
            kind=address.level, event_code=code, measured_value=measured, threshold=threshold, extras=extras,
        )  # fmt: skip

    def reading(self, machine_id: str, channel: Channel, body: Payload) -> Reading:
        """Return one channel's reading out of the object of a one-channel topic."""
        stated_machine(body, machine_id)
        at, historical = moment(body), is_historical(body)
        quality = parse_quality(body["quality"]) if "quality" in body else Quality.GOOD
        field = channel.payload_field if channel.payload_field in body or _SHARED_FIELD not in body else _SHARED_FIELD
        value = None if quality is Quality.BAD else plausible(field, number(body, field), channel)
        known = _ONE_CHANNEL_FIELDS | {field}
        extras = extra_fields(body, known)
        if extras:  # the fields of other channels are readings of their own
            extras = extra_fields(body, known | {name for name in body if self._of_field(name) is not None})
        self._check_time(at, is_historical=historical)
        return Reading(
            machine_id, channel.name, at, value, self.received_at, replayed=historical, quality=quality,
            extras=extras or _NO_EXTRAS,
        )  # fmt: skip

    def further_channels(self, own: Channel, body: Payload) -> Iterator[Channel]:
        """Return the other channels whose fields a body of a one-channel topic holds."""
        others = body.keys() - _ONE_CHANNEL_FIELDS - {own.payload_field}
        for name in sorted(others):
            channel = self._of_field(name)
            if channel is not None:
                yield channel

    def _of_field(self, name: str) -> Channel | None:
        """Return the channel whose own payload field this is: not one that several share, as `value` is shared."""
        if name == _SHARED_FIELD:
            return None
        found = [channel for channel in self.channels.values() if channel.payload_field == name]
        return found[0] if len(found) == 1 else None

    def add_element(self, machine_id: str, element: Element, parsed: ParsedMessage) -> None:
        """Sort what one element of a batch holds into accepted and refused."""
        faults = _Faults()
        try:
            body = element.check()
            stated_machine(body, machine_id)
            at, historical = moment(body), is_historical(body)
            self._check_time(at, is_historical=historical)
            values = channel_values(body)
            extras = extra_fields(body, _BATCH_FIELDS)
            default, qualities = stated_quality(body)
        except MessageRejectedError as refusal:
            faults.add(refusal, readings_in(element.value))
        else:
            received_at, accepted, channels = self.received_at, parsed.accepted, self.channels
            for name, value in values.items():
                channel = channels.get(name)
                if (
                    channel is not None and type(value) is float and channel.minimum <= value <= channel.maximum
                    and qualities is None and default is not Quality.BAD
                ):  # fmt: skip
                    accepted.append(
                        Reading(machine_id, name, at, value, received_at, historical, default, extras or _NO_EXTRAS)
                    )
                else:
                    with faults:
                        quality = default if qualities is None else parse_quality(qualities.get(name, "GOOD"))
                        channel, measured = self._measured(name, value, values, quality)
                        accepted.append(
                            Reading(
                                machine_id, channel.name, at, measured, received_at, historical, quality,
                                extras or _NO_EXTRAS,
                            )
                        )  # fmt: skip
                extras = None  # kept once: with the first reading of its element
        faults.tell(parsed, element.read_bytes)

    def _measured(self, name: str, value: JsonValue, values: Payload, quality: Quality) -> tuple[Channel, float | None]:
        """Return the channel that a name in `values` means, by its own name or its field's, and what was measured."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self._of_field(name)
            if channel is None:
                raise self._unknown(name)
            if channel.name in values:
                raise MessageRejectedError(
                    QuarantineReason.BAD_JSON, f"{channel.name} and {name} are one channel with two values"
                )
        return channel, None if quality is Quality.BAD else plausible(name, as_number(name, value), channel)

    def _unknown(self, name: str) -> MessageRejectedError:
        known = ", ".join(sorted(self.channels)[:20])
        return MessageRejectedError(QuarantineReason.UNKNOWN_SENSOR, f"channel {excerpt(name)} is none of {known}")

    def _check_time(self, at: datetime, *, is_historical: bool) -> None:
        ahead = at - self.received_at
        if ahead > self.future_tolerance:
            raise MessageRejectedError(
                QuarantineReason.FUTURE,
                f"{utc_text(at)} is {ahead} after it was received; {self.future_tolerance} is tolerated",
            )
        allowed = self.historical_reach if is_historical else self.allowed_lateness
        if allowed is not None and -ahead > allowed:
            what = "allowed for what is historical" if is_historical else "allowed"
            raise MessageRejectedError(
                QuarantineReason.TOO_LATE, f"{utc_text(at)} is {-ahead} before it was received; {allowed} is {what}"
            )


@lru_cache(maxsize=8)
def _registry(channels: Channels) -> Mapping[str, Channel]:
    """The same channels as a dict: what is looked up for every reading is looked up fast."""
    return dict(channels)
