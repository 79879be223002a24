"""The checkpoint of processing: what has been committed, as one small JSON document."""

from datetime import datetime
from typing import Annotated, NamedTuple, Self, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from mlops_core.errors import MalformedObjectError
from mlops_core.lake.keys import Sources, hour_of_text, hour_text
from mlops_core.records import UtcInstant, canonical_json, stored_record


class Built(NamedTuple):
    """What the buckets of one hour were built from, and which shards they lie in (bit n: shard n)."""

    compacted: str
    raw_digest: str
    shards: int

    @classmethod
    def of(cls, sources: Sources, shards: int) -> Self:
        """Return what is to be noted of an hour that was built from `sources`."""
        return cls((sources.compacted or "").strip('"'), sources.raw_digest, shards)

    @property
    def text(self) -> str:
        """All three, as the checkpoint stores them."""
        return f"{self.compacted}/{self.raw_digest}/{self.shards:x}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what `text` gave. Raises MalformedObjectError for any other."""
        try:
            compacted, digest, shards = text.split("/")
            return cls(compacted, digest, int(shards, 16))
        except ValueError as error:
            raise MalformedObjectError(text[:80], "does not say what buckets were built from") from error


def _machines_by_hour(due: object) -> object:
    """Turn arrays into tuples, and the list of hours and shards (`2026-11-21T10/00`) of the first release into hours.

    All is due in an hour of the first release.
    """
    match due:
        case list():
            return {str(text).partition("/")[0]: None for text in cast("list[object]", due)}
        case dict():
            named = cast("dict[str, object]", due)
            return {hour: tuple(cast("list[object]", m)) if isinstance(m, list) else m for hour, m in named.items()}
        case _:
            return due


def _without_shards(hours: dict[str, str]) -> dict[str, str]:
    """Drop hours and shards of the first release, so that nothing is built there.

    Its buckets were built from objects by shard, which today's listing does not distinguish.
    """
    return {text: built for text, built in hours.items() if "/" not in text}


Due = Annotated[dict[str, tuple[str, ...] | None], BeforeValidator(_machines_by_hour)]


class Checkpoint(BaseModel, frozen=True):
    """What has been committed.

    Of the window ends after `processed_from`, all up to `processed_until` have been computed; those in the feature
    partitions of the hours in `due` are to be computed again, for the machines named or for all (None), since readings
    arrived late. `hours` gives for each hour (`2026-11-21T10`) what its buckets were built from. The online store has
    been offered all rows but those in feature partitions from the hour `unoffered_from` on. `made_with` says with what
    hop, features and rules of running all this was computed; None in a checkpoint of the first release.
    """

    version: int = Field(ge=0)
    processed_from: UtcInstant
    processed_until: UtcInstant
    hours: Annotated[dict[str, str], AfterValidator(_without_shards)]
    due: Due = Field(default_factory=dict[str, tuple[str, ...] | None])
    unoffered_from: UtcInstant | None = None
    made_with: dict[str, str] | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for text in (*self.hours, *self.due):
            hour_of_text(text)
        for text in self.hours:
            self.built(text)
        if self.processed_from > self.processed_until:
            raise ValueError("processed_from is later than processed_until")
        if self.due and max(self.due) > hour_text(self.processed_until):
            raise ValueError("an hour is due that was never computed")
        return self

    def built(self, hour_text: str) -> Built | None:
        """Return what the buckets of an hour were built from; None where they were not."""
        text = self.hours.get(hour_text)
        return None if text is None else Built.from_text(text)

    @property
    def first_due(self) -> datetime | None:
        """The earliest hour that is due."""
        return hour_of_text(min(self.due)) if self.due else None

    def offered(self, *, version: int) -> Self:
        """Return the checkpoint that says that the online store has been offered every row."""
        return self.model_copy(update={"version": version, "unoffered_from": None})

    def encode(self) -> bytes:
        """Return the checkpoint as JSON; equal checkpoints give equal bytes."""
        absent = {"unoffered_from"} if self.unoffered_from is None else set[str]()
        return canonical_json(self.model_dump(exclude=absent))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what `encode` wrote. Raises MalformedObjectError for anything else."""
        hint = "Restore its previous version, or remove it to start from the last hours"
        return stored_record(cls, body, where="checkpoint", hint=hint)
