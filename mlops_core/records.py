"""Frozen dataclasses to canonical JSON and back: equal records give equal bytes."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast, get_type_hints

__all__ = ["canonical_json", "record_from_json"]

Record = TypeVar("Record")


def canonical_json(value: object) -> bytes:
    """Return records, mappings, sequences and plain values as JSON: keys sorted, no blanks, no NaN, one newline."""
    return (json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode()


def record_from_json(kind: type[Record], content: bytes) -> Record:
    """Return the dataclass that `canonical_json` wrote; arrays become tuples, objects read-only mappings.

    Raises ValueError where the content is not JSON, TypeError where it holds other fields than the dataclass.
    """
    return cast("Record", _built(kind, json.loads(content)))


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    return value


def _built(kind: object, value: object) -> object:
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            raise TypeError(f"{kind.__name__} needs a JSON object")
        hints = get_type_hints(kind)
        items = cast("dict[str, object]", value)
        built: Any = kind(**{name: _built(hints.get(name), item) for name, item in items.items()})
        return built
    if isinstance(value, list):
        return tuple(_built(None, item) for item in cast("list[object]", value))
    if isinstance(value, dict):
        return MappingProxyType(cast("dict[str, object]", value))
    return value
