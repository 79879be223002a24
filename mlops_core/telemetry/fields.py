"""The fields of a message's elements: each is read and checked here, and refused with its reason."""

from pydantic import JsonValue

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.channel import Channel
from mlops_core.telemetry.message import EVENT_CODE_RULE, LARGEST_EVENT_VALUE, is_event_code
from mlops_core.telemetry.payload import Payload, as_object, excerpt, flag, number, string
from mlops_core.telemetry.quality import Quality, parse_quality


def is_historical(body: Payload) -> bool:
    """Whether an element says that it is historical."""
    if "historical" not in body and "replayed" not in body:  # as in most: two calls less for every element
        return False
    return flag(body, "historical") or flag(body, "replayed")


def channel_values(body: Payload) -> Payload:
    """Return the values of a batch by channel. Raises MessageRejectedError."""
    if "values" not in body:
        raise MessageRejectedError(
            QuarantineReason.MISSING_FIELD, 'values is missing: an object such as {"temperature": 61.5}'
        )
    try:
        values = as_object(body["values"])
    except MessageRejectedError:
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, "values is not an object of channels") from None
    if not values:
        raise MessageRejectedError(QuarantineReason.EMPTY, "values is empty")
    return values


def stated_quality(body: Payload) -> tuple[Quality, Payload | None]:
    """Return the quality of an element, and the qualities by channel where it states them so.

    Raises MessageRejectedError.
    """
    stated = body.get("quality")
    if stated is None:
        return Quality.GOOD, None
    if isinstance(stated, dict):
        return Quality.GOOD, stated
    return parse_quality(stated), None


def readings_in(value: JsonValue) -> int:
    """Return how many readings an element would give, at least 1."""
    values = value.get("values") if isinstance(value, dict) else None
    return max(1, len(values)) if isinstance(values, dict) else 1


def event_code(body: Payload) -> str:
    """Return the code of an event. Raises MessageRejectedError."""
    code = string(body, "event_code")
    if not is_event_code(code):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"event_code {excerpt(code)} {EVENT_CODE_RULE}")
    return code


def event_value(body: Payload, name: str, *, is_needed: bool) -> float | None:
    """Return a figure of an event; None where it may be left out. Raises MessageRejectedError."""
    if not is_needed and body.get(name) is None:
        return None
    value = number(body, name)
    if abs(value) > LARGEST_EVENT_VALUE:
        raise MessageRejectedError(
            QuarantineReason.OUT_OF_RANGE, f"{name}={value} is further from zero than {LARGEST_EVENT_VALUE:g}"
        )
    return value


def plausible(name: str, value: float, channel: Channel) -> float:
    """Return a value that lies within the channel's range. Raises MessageRejectedError."""
    if not channel.minimum <= value <= channel.maximum:
        raise MessageRejectedError(
            QuarantineReason.OUT_OF_RANGE,
            f"{name}={value} is not within {channel.minimum} to {channel.maximum} {channel.unit}",
        )
    return value
