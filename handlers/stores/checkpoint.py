"""The checkpoint of processing: one object of the lake, moved by compare and swap, so that of two runs one wins."""

from dataclasses import dataclass

from handlers.stores.damage import DamageRecords, readable_document
from handlers.stores.lake import DataLake
from mlops_core.lake import CHECKPOINT_KEY, Checkpoint


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint and the version (ETag) in which it stands."""

    checkpoint: Checkpoint
    seen: str


class CheckpointFile:
    """The checkpoint object of a lake."""

    def __init__(self, lake: DataLake) -> None:
        self._lake = lake

    def load(self) -> StoredCheckpoint | None:
        """Return the checkpoint; None where no run has made one. Raises MalformedObjectError where it is damaged.

        Its absence is what the listing says, not a failed read: without permission to list everything, S3 answers 403
        for a missing key, and a forbidden read must not look like a first run. Where another run moves it between
        listing and read, the version listed fails the next `move`, as it should.
        """
        seen = self._lake.versions(CHECKPOINT_KEY).get(CHECKPOINT_KEY)
        if seen is None:
            return None
        return StoredCheckpoint(Checkpoint.decode(self._lake.read(CHECKPOINT_KEY)), seen)

    def recovered(self, records: DamageRecords, *, otherwise: Checkpoint) -> StoredCheckpoint | None:
        """Return the checkpoint as `load` does; in the place of a damaged one its latest earlier version.

        An older checkpoint costs work and no reading. Where none is left, `otherwise` counts.
        """
        seen = self._lake.versions(CHECKPOINT_KEY).get(CHECKPOINT_KEY)
        if seen is None:
            return None
        checkpoint = readable_document(self._lake, CHECKPOINT_KEY, seen, Checkpoint.decode, records)
        return StoredCheckpoint(otherwise if checkpoint is None else checkpoint, seen)

    def move(self, checkpoint: Checkpoint, *, after: StoredCheckpoint | None) -> StoredCheckpoint:
        """Put `checkpoint` in the place of `after`. Raises ObjectMovedError where another run was first."""
        seen = self._lake.replace(CHECKPOINT_KEY, checkpoint.encode(), seen=after.seen if after else None)
        return StoredCheckpoint(checkpoint, seen)
