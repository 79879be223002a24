"""Fields of a payload that this version does not know."""

import json
from collections.abc import Iterator, Mapping

from pydantic import JsonValue


class Extras(Mapping[str, JsonValue]):
    """The unknown fields of a payload, kept as `text`, their JSON, and read when they are asked for.

    Text takes as much memory as was received. The objects that it describes may take fifty times that, and a batch
    holds the messages of many machines.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __bool__(self) -> bool:
        """Whether there are any, without reading them."""
        return self.text != "{}"

    def __getitem__(self, name: str) -> JsonValue:
        """Return one field."""
        return self._fields()[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in the payload's order."""
        return iter(self._fields())

    def __len__(self) -> int:
        """Return how many fields there are."""
        return len(self._fields())

    def _fields(self) -> dict[str, JsonValue]:
        return json.loads(self.text)
