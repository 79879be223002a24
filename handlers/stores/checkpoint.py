"""The checkpoint of processing: one object of the lake, moved by compare-and-swap, so that of two runs one wins."""

from handlers.stores.damage import DamageRecords
from handlers.stores.lake import DataLake
from handlers.stores.versioned import Stored, VersionedObject
from mlops_core.lake import CHECKPOINT_KEY, Checkpoint


def checkpoint_object(lake: DataLake) -> VersionedObject[Checkpoint]:
    """Return the object of a lake's checkpoint; it does not exist until a first run makes it."""
    return VersionedObject(lake, CHECKPOINT_KEY, encode=Checkpoint.encode, decode=Checkpoint.decode)


def recovered_checkpoint(lake: DataLake, records: DamageRecords, *, otherwise: Checkpoint) -> Stored[Checkpoint] | None:
    """Return the checkpoint; in the place of a damaged one its latest earlier version. None where no run has made one.

    An older checkpoint costs work and no reading. Where none is left, `otherwise` counts.
    """
    stored = checkpoint_object(lake).recovered(records)
    return None if stored is None else Stored(stored.value or otherwise, stored.seen)
