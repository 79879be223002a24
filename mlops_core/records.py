"""The JSON of stored records: frozen dataclasses to canonical JSON, and back with their types checked.

Equal records give equal bytes. Reading is strict about types (text is no number) and ignores fields that it does not
know, so that a record of a newer release can be read.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import AfterValidator, AwareDatetime, TypeAdapter

from mlops_core.time import utc_text

__all__ = ["Number", "UtcInstant", "canonical_json", "record_from_json"]

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


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc_text(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    return value
