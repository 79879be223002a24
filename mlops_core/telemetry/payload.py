"""The strict reading of a message's payload: one JSON object, and the kinds of field that it may have.

Every function either returns what the payload says or raises `MessageRejectedError` with the reason; none converts.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Final, cast

from pydantic import JsonValue
from pydantic_core import from_json

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.machine import is_machine_id

__all__ = [
    "Payload",
    "excerpt",
    "extra_fields",
    "flag",
    "json_object",
    "number",
    "stated_machine",
    "string",
    "timestamp",
]

_KINDS: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
}

Payload = Mapping[str, JsonValue]

# The profile of ISO 8601 that every supported Python parses alike; group 1 is the offset.
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def json_object(payload: bytes) -> Payload:
    """Return the object that the payload holds.

    Raises with EMPTY (nothing but white space), BAD_ENCODING (not UTF-8), BAD_JSON (malformed, nested beyond 200
    levels, a name twice in one object) or BAD_TYPE (something else than an object).
    """
    if not payload.strip():
        raise MessageRejectedError(QuarantineReason.EMPTY, "the payload is empty")
    try:
        # Stricter than the standard library's parser: no lone surrogates, and nesting is bounded.
        body: object = from_json(payload)
    except ValueError as error:
        _check_encoding(payload)
        raise MessageRejectedError(QuarantineReason.BAD_JSON, str(error)) from None
    if not isinstance(body, dict):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"the payload is {_kind(body)}, not an object")
    fields = cast("dict[str, JsonValue]", body)
    _check_unique_names(payload, fields)
    return fields


def string(body: Payload, name: str) -> str:
    """Return a field that must be a string. Raises with MISSING_FIELD or BAD_TYPE."""
    value = _present(body, name)
    if not isinstance(value, str):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"{name} is {_kind(value)}, not a string")
    return value


def number(body: Payload, name: str) -> float:
    """Return a field that must be a finite number.

    Raises with MISSING_FIELD, BAD_TYPE, NOT_FINITE, or OUT_OF_RANGE for an integer beyond what a double holds.
    """
    value = _present(body, name)
    # Exact types: a bool is an int to Python, and whoever sends "12.5" or true is confused about more than notation.
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise MessageRejectedError(QuarantineReason.OUT_OF_RANGE, f"{name} exceeds what a double holds") from None
    if type(value) is not float:
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"{name} is {_kind(value)}, not a number")
    if not isfinite(value):
        raise MessageRejectedError(QuarantineReason.NOT_FINITE, f"{name} is {value}")
    return value


def flag(body: Payload, name: str) -> bool:
    """Return an optional field that must be true or false where present, else false. Raises with BAD_TYPE."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"{name} is {_kind(value)}, not true or false")
    return value


def timestamp(body: Payload, name: str) -> datetime:
    """Return a field that must be an ISO 8601 date and time with an offset, converted to UTC.

    Raises with MISSING_FIELD, BAD_TYPE, BAD_TIMESTAMP, or NAIVE_TIMESTAMP where it has no offset: taking it for UTC
    would shift a machine's readings by hours without a trace. Digits beyond the microsecond are cut.
    """
    text = string(body, name)
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, f"{excerpt(text)} is not an ISO 8601 date and time")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, f"{text}: {error}") from None
    if match[1] is None:
        raise MessageRejectedError(QuarantineReason.NAIVE_TIMESTAMP, f"{text} has no offset: write Z or +hh:mm")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, f"{text} in UTC is not in years 1-9999") from None


def stated_machine(body: Payload, machine_id: str) -> None:
    """Check that the body names the machine of the topic.

    Raises with MISSING_FIELD, BAD_TYPE, BAD_MACHINE_ID (no machine may be called so) or ID_MISMATCH (another machine).
    """
    stated = string(body, "machine_id")
    if stated == machine_id:
        return
    if not is_machine_id(stated):
        raise MessageRejectedError(QuarantineReason.BAD_MACHINE_ID, f"the body's machine id is {excerpt(stated)}")
    raise MessageRejectedError(QuarantineReason.ID_MISMATCH, f"the topic is {machine_id}'s, the body {stated}'s")


def extra_fields(body: Payload, known: frozenset[str]) -> dict[str, JsonValue]:
    """Return the fields that are not known. Raises with NOT_FINITE where one cannot be written as JSON again."""
    if body.keys() <= known:
        return {}
    extras = {name: value for name, value in body.items() if name not in known}
    try:
        json.dumps(extras, allow_nan=False)
    except ValueError:
        raise MessageRejectedError(QuarantineReason.NOT_FINITE, "an extra field holds NaN or infinity") from None
    return extras


def excerpt(text: str, limit: int = 80) -> str:
    """Return text from outside as a quoted, printable, bounded piece of an error's detail."""
    return ascii(text if len(text) <= limit else f"{text[:limit]}...")


def _present(body: Payload, name: str) -> JsonValue:
    if name not in body:
        raise MessageRejectedError(QuarantineReason.MISSING_FIELD, f"{name} is missing")
    return body[name]


def _check_encoding(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        detail = f"byte {payload[error.start]:#04x} at {error.start} is not UTF-8: {error.reason}"
        raise MessageRejectedError(QuarantineReason.BAD_ENCODING, detail) from None


def _check_unique_names(payload: bytes, body: Payload) -> None:
    # Every name and every string of the parsed object took two quotes. More quotes mean a name that was overwritten,
    # an escaped quote or a nested value, and only then is the slower look worth it.
    strings = sum(type(value) is str for value in body.values())
    if payload.count(b'"') != 2 * (len(body) + strings):
        json.loads(payload, object_pairs_hook=_refuse_repeated_names, parse_int=str, parse_float=str)


def _refuse_repeated_names(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MessageRejectedError(QuarantineReason.BAD_JSON, f"the name {excerpt(name)} occurs twice")
        seen.add(name)


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
