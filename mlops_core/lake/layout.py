"""Into how many shards the outputs of each hour are divided: a number that may change, and never for an hour that was.

A change holds from an hour on that has not begun, so that no stored hour is ever divided anew: a machine's row has one
place for good, whatever the setting says when the hour is computed again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, Self

from pydantic import BaseModel, Field, model_validator

from mlops_core.lake.keys import MAXIMUM_SHARDS, hour_of_text, hour_text
from mlops_core.records import canonical_json, stored_record

_HOUR: Final = timedelta(hours=1)


class Epoch(BaseModel, frozen=True):
    """From an hour on (text as `2026-11-21T10`; None: from the beginning), outputs lie in so many shards."""

    since: str | None
    shards: int = Field(ge=1, le=MAXIMUM_SHARDS)


class Layout(BaseModel, frozen=True):
    """The epochs of a lake, oldest first."""

    epochs: tuple[Epoch, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_with_the_lake(self) -> Self:
        if self.epochs[0].since is not None:
            raise ValueError("does not say how the lake began")
        for epoch in self.epochs[1:]:
            hour_of_text(epoch.since or "")
        return self

    @classmethod
    def of(cls, shards: int) -> Self:
        """Return the layout of a lake that has had one number of shards from the beginning."""
        return cls(epochs=(Epoch(since=None, shards=shards),))

    @property
    def shards(self) -> int:
        """The number of shards of the newest hours."""
        return self.epochs[-1].shards

    def shards_of(self, hour: datetime) -> int:
        """Return the number of shards of one hour."""
        text = hour_text(hour)
        return [epoch.shards for epoch in self.epochs if epoch.since is None or epoch.since <= text][-1]

    def changed(self, shards: int, *, closed_until: datetime) -> Self:
        """Return the layout with another number of shards, from the first hour on that nothing can be stored of yet."""
        since = hour_text(closed_until.replace(minute=0) + _HOUR)
        kept = tuple(epoch for epoch in self.epochs if epoch.since is None or epoch.since < since)
        return self.model_copy(update={"epochs": (*kept, Epoch(since=since, shards=shards))})

    def runs(self, hours: Sequence[datetime]) -> list[list[datetime]]:
        """Divide consecutive hours into pieces of one number of shards each."""
        return [list(piece) for _, piece in groupby(hours, self.shards_of)]

    def encode(self) -> bytes:
        """Return the layout as JSON; equal layouts give equal bytes."""
        return canonical_json(self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what `encode` wrote. Raises MalformedObjectError for anything else."""
        return stored_record(cls, body, where="layout", hint="Restore its previous version")
