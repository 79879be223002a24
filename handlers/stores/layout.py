"""Into how many shards outputs are divided: one object of the lake, which settings change by compare-and-swap."""

from datetime import datetime

from handlers.stores.damage import DamageRecords
from handlers.stores.lake import DataLake
from handlers.stores.versioned import VersionedObject
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import LAYOUT_KEY, Layout


def current_layout(lake: DataLake, shards: int, *, closed_until: datetime, records: DamageRecords) -> Layout:
    """Return the layout of a lake whose newest hours are to lie in so many shards, noted there.

    In the place of a damaged one its latest earlier version is taken, and noted again. Raises MalformedObjectError
    where there is none, and ObjectMovedError where another run has noted something else meanwhile.
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
