"""The checkpoint of processing: what has been committed, as one small JSON document."""

import json
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mlops_core.errors import MalformedObjectError
from mlops_core.lake.keys import Partition
from mlops_core.time import utc_text

__all__ = ["Checkpoint"]


class Checkpoint(BaseModel):
    """What has been committed.

    Of the window ends after `processed_from`, all up to `processed_until` have been computed; those in the feature
    partitions named in `due` are to be computed again, since readings arrived late. `hours` gives for each partition
    (`2026-11-21T10/00`: hour and shard) the digest of the object names from which its buckets were built. The online
    store has been offered all rows but those in feature partitions from the hour `unoffered_from` on.
    """

    model_config = ConfigDict(frozen=True)

    version: int = Field(ge=0)
    processed_from: AwareDatetime
    processed_until: AwareDatetime
    hours: dict[str, str]
    due: tuple[str, ...] = ()
    unoffered_from: AwareDatetime | None = None

    def offered(self, *, version: int) -> Self:
        """Return the checkpoint that says that the online store has been offered every row."""
        return self.model_copy(update={"version": version, "unoffered_from": None})

    def encode(self) -> bytes:
        """Return the checkpoint as JSON; equal checkpoints give equal bytes."""
        fields = {
            "version": self.version,
            "processed_from": utc_text(self.processed_from),
            "processed_until": utc_text(self.processed_until),
            "hours": self.hours,
            "due": self.due,
        }
        if self.unoffered_from is not None:
            fields["unoffered_from"] = utc_text(self.unoffered_from)
        return f"{json.dumps(fields, sort_keys=True)}\n".encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what `encode` wrote. Raises MalformedObjectError for anything else."""
        try:
            checkpoint = cls.model_validate_json(body)
            for text in (*checkpoint.hours, *checkpoint.due):
                Partition.from_text(text)
        except (ValidationError, MalformedObjectError) as error:
            raise MalformedObjectError(
                "checkpoint", str(error), "Restore its previous version, or remove it to start from the last hours"
            ) from error
        return checkpoint
