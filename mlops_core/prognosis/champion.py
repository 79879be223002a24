"""Which model serves, and every promotion that led there: the content of one object that is moved by compare and swap.

Promotions are only ever added, so the object is its own history; a rollback is the promotion of an earlier version.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from mlops_core.errors import NothingToRollBackError
from mlops_core.lake import CHAMPION_KEY
from mlops_core.records import UtcInstant, canonical_json, stored_record


@dataclass(frozen=True)
class Promotion:
    """One move: the `sequence`-th (from 1), to `version`, from `previous` (None for the first), and why."""

    sequence: int
    version: str
    promoted_at: UtcInstant
    previous: str | None
    reason: str


@dataclass(frozen=True)
class Champion:
    """All promotions, oldest first; the last one serves. There is at least one."""

    promotions: tuple[Promotion, ...]

    @property
    def version(self) -> str:
        """The version that serves."""
        return self.promotions[-1].version

    @property
    def previous(self) -> str:
        """The version that served last before this one and is another. Raises NothingToRollBackError."""
        others = [version for version in self.recent if version != self.version]
        if not others:
            raise NothingToRollBackError
        return others[0]

    @property
    def recent(self) -> tuple[str, ...]:
        """Every version that ever served, once each, the latest first."""
        return tuple(dict.fromkeys(promotion.version for promotion in reversed(self.promotions)))

    def encode(self) -> bytes:
        """Return canonical JSON: the promotion that counts, and `history`, oldest first."""
        return canonical_json({**vars(self.promotions[-1]), "history": self.promotions})

    @classmethod
    def decode(cls, content: bytes) -> "Champion":
        """Read what `encode` wrote, by this program or by a newer one: unknown fields are ignored.

        Raises MalformedObjectError.
        """
        return cls(stored_record(_Stored, content, where=CHAMPION_KEY, problem="holds no promotions").history)


class _Stored(BaseModel):
    """The object as it is stored; the fields beside `history` repeat its last entry for readers."""

    history: tuple[Promotion, ...] = Field(min_length=1)


def promoted(champion: Champion | None, version: str, *, at: datetime, reason: str) -> Champion:
    """Return the champion that follows `champion` (None: there is none yet)."""
    earlier = champion.promotions if champion else ()
    previous = champion.version if champion else None
    return Champion((*earlier, Promotion(len(earlier) + 1, version, at, previous, reason)))
