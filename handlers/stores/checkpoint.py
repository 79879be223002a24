"""The checkpoint of processing, and the layout (shards) of its outputs: two objects, moved by compare-and-swap.

Of two runs that move one of them at the same time, one wins.
"""

from datetime import datetime

from handlers.stores.damage import DamageRecords
from handlers.stores.lake import DataLake
from handlers.stores.versioned import Stored, VersionedObject
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import CHECKPOINT_KEY, LAYOUT_KEY, Checkpoint, Layout


def checkpoint_object(lake: DataLake) -> VersionedObject[Checkpoint]:
    """Return the object of a lake's checkpoint; it does not exist until a first run makes it."""
    return VersionedObject(lake, CHECKPOINT_KEY, encode=Checkpoint.encode, decode=Checkpoint.decode)


def recovered_checkpoint(lake: DataLake, records: DamageRecords, *, otherwise: Checkpoint) -> Stored[Checkpoint] | None:
    """Return the checkpoint; in the place of a damaged one its latest earlier version. None where no run has made one.

    An older checkpoint costs work and no reading. Where none is left, `otherwise` counts.
    """
    stored = checkpoint_object(lake).recovered(records)
    return None if stored is None else Stored(stored.value or otherwise, stored.seen)


def current_layout(lake: DataLake, shards: int, *, closed_until: datetime, records: DamageRecords) -> Layout:
    """Return the layout of a lake, stored anew where its newest hours are in another number of shards than `shards`.

    A damaged layout is replaced by its latest earlier version. Raises MalformedObjectError where there is none, and
    ObjectMovedError where another run has stored a layout meanwhile.
    """
    document = VersionedObject(lake, LAYOUT_KEY, encode=Layout.encode, decode=Layout.decode)
    stored = document.recovered(records)
    if stored is None:
        return document.save(Layout.of(shards), after=None).value
    layout = stored.value
    if layout is None:
        problem = "is damaged, and the bucket keeps no earlier version of it"
        raise MalformedObjectError(LAYOUT_KEY, problem, "See what can be done: mlops doctor")
    if layout.shards != shards:
        layout = layout.changed(shards, closed_until=closed_until)
    elif not records.is_set_aside(LAYOUT_KEY, stored.seen):
        return layout
    return document.save(layout, after=stored).value
