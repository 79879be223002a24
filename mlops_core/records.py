"""The JSON of stored records: frozen dataclasses and models to canonical JSON, and back with their types checked.

Equal records give equal bytes. Reading is strict about types (text is no number) and ignores fields that it does not
know, so that a record of a newer release can be read.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, TypeAdapter, ValidationError

from mlops_core.errors import RESTORE, MalformedObjectError
from mlops_core.time import utc_text

Record = TypeVar("Record")

UtcInstant: TypeAlias = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""An aware instant: read in any offset and converted to UTC, written as `utc_text` writes it."""

Number: TypeAlias = int | float
"""A number that keeps how it was written: 24 stays 24, so that a record read and written again has the same bytes."""


def canonical_json(value: object) -> bytes:
    """Return records, mappings, sequences and plain values as JSON: keys sorted, no blanks, one newline.

    Raises:
        ValueError: a number is NaN or infinite.

    """
    return (json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode()


def record_from_json(kind: type[Record], content: bytes) -> Record:
    """Return the record that `canonical_json` wrote; arrays become tuples where the type says so.

    Raises:
        pydantic.ValidationError: a ValueError; the content is not JSON, lacks a field, or holds one of another type.

    """
    adapter: TypeAdapter[Record] = _adapter(kind)
    return adapter.validate_json(content, strict=True)


def stored_record(
    kind: type[Record], content: bytes, *, where: str, problem: str = "cannot be read", hint: str = RESTORE
) -> Record:
    """Return the record of a stored object.

    Args:
        kind: Type of the record.
        content: The object's body.
        where: Name of the object, for the error.
        problem: What is wrong with any other content, for the error.
        hint: What mends it, for the error.

    Raises:
        MalformedObjectError: the content is no such record; the message ends with its first fault.

    """
    try:
        return record_from_json(kind, content)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, fault["loc"]))
        first = f"{field}: {fault['msg']}" if field else fault["msg"]
        raise MalformedObjectError(where, f"{problem} ({first})", hint) from error


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc_text(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, BaseModel):
        return {name: _plain(item) for name, item in value}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    return value
