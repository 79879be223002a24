"""What one message may hold: each of its elements is accepted or refused by itself, by the same rules everywhere."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import JsonValue

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.channel import Channel
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
    Event,
    FailureEvent,
    Reading,
)
from mlops_core.telemetry.payload import (
    Element,
    Payload,
    as_number,
    excerpt,
    extra_fields,
    moment,
    number,
    stated_machine,
)
from mlops_core.telemetry.quality import Quality, parse_quality
from mlops_core.time import utc_text

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


class Address(NamedTuple):
    """What a topic says: of which machine, and a channel or another last level."""

    machine_id: str
    level: str
    channel: Channel | None


class Faults:
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
        """Count a refusal of so many readings."""
        self.first = self.first or refusal
        self.count += readings

    def tell(self, parsed: ParsedMessage, read_bytes: Callable[[], bytes]) -> None:
        """Add the element to what was refused, if anything of it was."""
        if self.first is not None:
            others = f" (and {self.count - 1} more of this element)" if self.count > 1 else ""
            detail = f"{self.first.detail}{others}"
            parsed.refused.append(RefusedElement(self.first.reason, detail, read_bytes(), self.count))


@dataclass(frozen=True, slots=True)
class MessageRules:
    """One message's rules: the channels there are, when it was received, and how old and new its elements may be."""

    channels: Mapping[str, Channel]
    received_at: datetime
    allowed_lateness: timedelta
    future_tolerance: timedelta
    historical_reach: timedelta | None

    def address(self, topic: str, payload: bytes, prefix: str) -> Address:
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
        return Address(machine_id, level, channel)

    def event(self, address: Address, body: Payload) -> FailureEvent | Event:
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

    def further_channels(self, own: Channel, body: Payload) -> list[Channel]:
        """Return the other channels whose fields a body of a one-channel topic holds."""
        others = body.keys() - _ONE_CHANNEL_FIELDS - {own.payload_field}
        return [channel for name in sorted(others) if (channel := self._of_field(name)) is not None]

    def _of_field(self, name: str) -> Channel | None:
        """Return the channel whose own payload field this is: not one that several share, as `value` is shared."""
        if name == _SHARED_FIELD:
            return None
        found = [channel for channel in self.channels.values() if channel.payload_field == name]
        return found[0] if len(found) == 1 else None

    def add_element(self, machine_id: str, element: Element, parsed: ParsedMessage) -> None:
        """Sort what one element of a batch holds into accepted and refused."""
        faults = Faults()
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
