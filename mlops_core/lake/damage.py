"""What is damaged in the lake: named in a record under damaged/, and from then on passed over.

The damaged object itself stays where it is, or stays behind as an earlier version where it is made again. A record is
of one version of one key: an object that was restored or replaced is another version, and is read again.
"""

from datetime import datetime
from hashlib import sha256
from typing import Self

from pydantic import AwareDatetime, BaseModel

from mlops_core.lake.keys import ACCEPTED_DAMAGE_PREFIX, DAMAGED_PREFIX, RawObject
from mlops_core.records import canonical_json, stored_record


def damage_id(key: str, version: str) -> str:
    """Return the name of the record of one version (ETag) of an object."""
    return sha256(f"{key}\n{_bare(version)}".encode()).hexdigest()[:32]


class Damage(BaseModel, frozen=True):
    """A damaged object or item: its key, the version (ETag) that is damaged, what is wrong, and who noticed when.

    is_mended: it was made again. content: of an item, which has no earlier version, what it held, as JSON.
    """

    key: str
    version: str
    problem: str
    noticed_at: AwareDatetime
    noticed_by: str
    is_mended: bool = False
    content: str | None = None

    @classmethod
    def of(cls, key: str, version: str, problem: str, *, at: datetime, by: str, is_mended: bool = False) -> Self:
        """Return the damage of one version of an object."""
        return cls(
            key=key,
            version=_bare(version),
            problem=problem[:500],
            noticed_at=at,
            noticed_by=by,
            is_mended=is_mended,
        )

    @property
    def id(self) -> str:
        """The name of its record."""
        return damage_id(self.key, self.version)

    def encode(self, *, is_accepted: bool = False) -> RawObject:
        """Return the record as an object; accepted: nothing more is to be done about it."""
        prefix = ACCEPTED_DAMAGE_PREFIX if is_accepted else DAMAGED_PREFIX
        return RawObject(f"{prefix}{self.id}.json", canonical_json(self.model_dump()))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what `encode` wrote. Raises MalformedObjectError for anything else."""
        return stored_record(cls, body, where="record of damage")


def _bare(version: str) -> str:
    return version.strip('"')
