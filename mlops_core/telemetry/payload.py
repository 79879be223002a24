"""The strict reading of a message's payload: one JSON object or many, and the kinds of field that they may have.

Every function either returns what the payload says or raises `MessageRejectedError` with the reason; none converts.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from math import isfinite
from typing import Final, NamedTuple, cast

from pydantic import JsonValue
from pydantic_core import from_json

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.extras import Extras
from mlops_core.telemetry.machine import is_machine_id

_KINDS: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
}

Payload = Mapping[str, JsonValue]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BETWEEN: Final = re.compile(r"[\s,]*")

# The profile of ISO 8601 that every supported Python parses alike; group 1 is the offset.
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def strip_padding(payload: bytes) -> bytes:
    """Leave out a byte order mark in front, and NULs behind, as firmware in C sends them: neither is JSON."""
    payload = payload.removeprefix(_BYTE_ORDER_MARK)
    return payload.rstrip(b"\x00 \t\r\n") if payload.endswith(b"\x00") else payload


def json_object(payload: bytes) -> Payload:
    """Return the object that the payload holds.

    Raises with EMPTY (nothing but white space), BAD_ENCODING (not UTF-8), BAD_JSON (malformed, nested beyond 200
    levels, a name twice in one object) or BAD_TYPE (something else than an object).
    """
    fields = as_object(_parsed(payload))
    _check_unique_names(payload, _quotes(fields))
    return fields


def elements(payload: bytes) -> "list[Element]":
    """Return the elements of a batch, an object or an array of any values, each with what reads its own bytes.

    Raises with EMPTY, BAD_ENCODING, BAD_JSON or BAD_TYPE as `json_object`; a name twice in an object is left to
    `Element.check`.
    """
    body = _parsed(payload)
    if not isinstance(body, list):
        fields = as_object(body)
        return [Element(fields, lambda: payload, is_unique=payload.count(b'"') == _quotes(fields))]
    if not body:
        raise MessageRejectedError(QuarantineReason.EMPTY, "the array has no elements")
    values = cast("list[JsonValue]", body)
    is_unique = payload.count(b'"') == sum(map(_quotes, values))
    slices = cache(lambda: _slices(payload))
    return [Element(value, lambda at=at: slices()[at], is_unique=is_unique) for at, value in enumerate(values)]


class Element(NamedTuple):
    """One element of a batch: its value, its own bytes, and whether all its names are known to differ."""

    value: JsonValue
    read_bytes: Callable[[], bytes]
    is_unique: bool

    def check(self) -> Payload:
        """Return the element as an object. Raises with BAD_TYPE, or with BAD_JSON where a name occurs twice in it."""
        fields = as_object(self.value)
        if not self.is_unique:
            _check_unique_names(self.read_bytes(), _quotes(fields))
        return fields


def as_object(value: object) -> dict[str, JsonValue]:
    """Return a value that must be an object. Raises with BAD_TYPE."""
    if not isinstance(value, dict):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"the payload is {_kind(value)}, not an object")
    return cast("dict[str, JsonValue]", value)


def string(body: Payload, name: str) -> str:
    """Return a field that must be a string. Raises with MISSING_FIELD or BAD_TYPE."""
    value = _present(body, name)
    if not isinstance(value, str):
        raise MessageRejectedError(QuarantineReason.BAD_TYPE, f"{name} is {_kind(value)}, not a string")
    return value


def number(body: Payload, name: str) -> float:
    """Return a field that must be a finite number. Raises with MISSING_FIELD, or as `as_number`."""
    return as_number(name, _present(body, name))


def as_number(name: str, value: JsonValue) -> float:
    """Return a value that must be a finite number.

    Raises with BAD_TYPE, NOT_FINITE, or OUT_OF_RANGE for an integer beyond what a double holds.
    """
    # Exact types: a bool is an int to Python, and a sender of "12.5" or true is wrong about more than notation.
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


def moment(body: Payload) -> datetime:
    """Return when it was measured, in UTC: `timestamp_utc`, or whole `timestamp_ms` since 1970.

    Raises with MISSING_FIELD, BAD_TYPE, or BAD_TIMESTAMP, also where both are there.
    """
    if "timestamp_ms" not in body:
        return _iso_moment(string(body, "timestamp_utc"))
    if "timestamp_utc" in body:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, "both timestamp_utc and timestamp_ms are given")
    since_epoch = body["timestamp_ms"]
    if type(since_epoch) is not int:
        raise MessageRejectedError(
            QuarantineReason.BAD_TYPE, f"timestamp_ms is {_kind(since_epoch)}, not a whole number of milliseconds"
        )
    try:
        return _EPOCH + timedelta(milliseconds=since_epoch)
    except OverflowError:
        raise MessageRejectedError(
            QuarantineReason.BAD_TIMESTAMP, "timestamp_ms is not in years 1-9999: are these micro- or nanoseconds?"
        ) from None


def _iso_moment(text: str) -> datetime:
    """Return an ISO 8601 date and time, which must have an offset, in UTC.

    Raises with BAD_TIMESTAMP, or NAIVE_TIMESTAMP where it has no offset: taking it for UTC would shift a machine's
    readings by hours without a trace. Digits beyond the microsecond are cut.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, f"{excerpt(text)} is not an ISO 8601 date and time")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, f"{text}: {error}") from None
    if match[1] is None:
        raise MessageRejectedError(QuarantineReason.NAIVE_TIMESTAMP, f"{text} has no offset: write Z or +hh:mm")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise MessageRejectedError(QuarantineReason.BAD_TIMESTAMP, f"{text} in UTC is not in years 1-9999") from None


def stated_machine(body: Payload, machine_id: str) -> None:
    """Check that a body that names a machine names the one of the topic.

    Raises with BAD_TYPE, BAD_MACHINE_ID (no machine may be called so) or ID_MISMATCH (another machine).
    """
    if "machine_id" not in body:
        return
    stated = string(body, "machine_id")
    if stated == machine_id:
        return
    if not is_machine_id(stated):
        raise MessageRejectedError(QuarantineReason.BAD_MACHINE_ID, f"the body's machine id is {excerpt(stated)}")
    raise MessageRejectedError(QuarantineReason.ID_MISMATCH, f"the topic is {machine_id}'s, the body {stated}'s")


def extra_fields(body: Payload, known: frozenset[str]) -> Extras | None:
    """Return the fields that are not known, if any. Raises with NOT_FINITE where one cannot be written as JSON."""
    if body.keys() <= known:
        return None
    extras = {name: value for name, value in body.items() if name not in known}
    try:
        return Extras(json.dumps(extras, allow_nan=False, separators=(",", ":")))
    except ValueError:
        raise MessageRejectedError(QuarantineReason.NOT_FINITE, "an extra field holds NaN or infinity") from None


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


def _parsed(payload: bytes) -> object:
    if not payload.strip():
        raise MessageRejectedError(QuarantineReason.EMPTY, "the payload is empty")
    try:
        # Stricter than the standard library's parser: no lone surrogates, and nesting is bounded.
        return from_json(payload)
    except ValueError as error:
        _check_encoding(payload)
        raise MessageRejectedError(QuarantineReason.BAD_JSON, str(error)) from None


def _quotes(value: object) -> int:
    """Number of quotes that an object took whose values are numbers, strings, or objects of numbers and strings."""
    if not isinstance(value, dict):
        return 0
    fields, strings = cast("dict[str, JsonValue]", value), 0
    for inner in fields.values():
        if type(inner) is str:
            strings += 1
        elif type(inner) is dict:
            strings += len(inner) + [*map(type, inner.values())].count(str)
    return 2 * (len(fields) + strings)


def _check_unique_names(payload: bytes, quotes: int) -> None:
    # Every name and every string of the parsed object took two quotes. More quotes mean a name that was overwritten,
    # an escaped quote or a deeper value, and only then is the slower look worth it.
    if payload.count(b'"') != quotes:
        json.loads(payload, object_pairs_hook=_refuse_repeated_names, parse_int=str, parse_float=str)


def _slices(payload: bytes) -> list[bytes]:
    """Return the bytes of each element of a JSON array."""
    text, found = payload.decode(), list[bytes]()
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    at = text.index("[") + 1
    while (begin := _BETWEEN.match(text, at)) is not None and begin.end() < len(text) and text[begin.end()] != "]":
        _, at = decoder.raw_decode(text, begin.end())
        found.append(text[begin.end() : at].encode())
    return found


def _refuse_repeated_names(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MessageRejectedError(QuarantineReason.BAD_JSON, f"the name {excerpt(name)} occurs twice")
        seen.add(name)


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
