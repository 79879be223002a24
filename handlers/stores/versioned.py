"""Documents of the lake that are replaced by compare-and-swap (S3's If-Match): of two runs that write, one wins."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from aws_lambda_powertools import Logger

from handlers.stores.damage import DamageRecords
from handlers.stores.lake import DataLake, ObjectMovedError
from mlops_core.errors import MalformedObjectError

logger = Logger(child=True)

Value = TypeVar("Value")
Held = TypeVar("Held", covariant=True)

_ATTEMPTS = 5
_READS = 2
"""A body is damaged where two reads of it agree: a single one may have been cut off on its way."""


@dataclass(frozen=True)
class Stored(Generic[Held]):
    """A document and the version (ETag) of the object that holds it."""

    value: Held
    seen: str


class VersionedObject(Generic[Value]):
    """One document under one key."""

    def __init__(
        self, lake: DataLake, key: str, *, encode: Callable[[Value], bytes], decode: Callable[[bytes], Value]
    ) -> None:
        self._lake = lake
        self.key = key
        self._encode = encode
        self.decode = decode

    def seen(self) -> str | None:
        """Return the version (ETag) of the object; None where there is none.

        Its absence is what the listing says, not a failed read: without permission to list everything, S3 answers 403
        for a missing key, and a forbidden read must not look like a missing document.
        """
        return self._lake.versions(self.key).get(self.key)

    def load(self) -> Stored[Value] | None:
        """Return the document; None where there is none. Raises what `decode` raises.

        Where another run replaces it between listing and read, the version listed fails the next `save`, as it should.
        """
        seen = self.seen()
        return None if seen is None else Stored(self.decode(self._lake.read(self.key)), seen)

    def recovered(self, records: DamageRecords) -> Stored[Value | None] | None:
        """Return the document as `load` does; where it is damaged, which is noted, its latest earlier version.

        The value is None where no earlier version can be read either. `seen` is the version that was damaged.
        """
        seen = self.seen()
        if seen is None:
            return None
        problem = ""
        for _ in range(_READS):
            try:
                return Stored(self.decode(self._lake.read(self.key)), seen)
            except MalformedObjectError as error:
                problem = error.message
        earlier = self._lake.earlier(self.key, self.decode)
        records.note(self.key, seen, problem, is_mended=earlier is not None)
        return Stored(earlier, seen)

    def readable(self) -> Stored[Value | None] | None:
        """Return the document as `load` does; the value is None where it is damaged, which is named in the log."""
        seen = self.seen()
        if seen is None:
            return None
        try:
            return Stored(self.decode(self._lake.read(self.key)), seen)
        except MalformedObjectError as error:
            logger.error("A damaged document is passed over", extra={"key": self.key, "problem": error.message})  # noqa: TRY400 - the message says it all
            return Stored(None, seen)

    def save(self, value: Value, *, after: Stored[Value | None] | None) -> Stored[Value]:
        """Put `value` in the place of `after`, None for no object. Raises ObjectMovedError where another run did."""
        seen = self._lake.replace(self.key, self._encode(value), seen=after.seen if after else None)
        return Stored(value, seen)

    def update(self, change: Callable[[Value | None], Value]) -> Stored[Value]:
        """Save what `change` makes of the current value, which it is given anew wherever another run was faster.

        Nothing is written where `change` returns what it was given. A value that cannot be read counts as none, and is
        replaced.

        Raises:
            ObjectMovedError: another run was faster time after time.

        """
        for _ in range(_ATTEMPTS):
            stored = self.readable()
            value = change(stored.value if stored else None)
            if stored is not None and value == stored.value:
                return Stored(value, stored.seen)
            with suppress(ObjectMovedError):
                return self.save(value, after=stored)
        raise ObjectMovedError(self.key)
