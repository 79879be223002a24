"""Into how many shards outputs are divided: one object of the lake, which settings change by compare and swap."""

from datetime import datetime

from handlers.stores.damage import DamageRecords, readable_document
from handlers.stores.lake import DataLake
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import LAYOUT_KEY, Layout


def current_layout(lake: DataLake, shards: int, *, closed_until: datetime, records: DamageRecords) -> Layout:
    """Return the layout of a lake whose newest hours are to lie in so many shards, noted there.

    In the place of a damaged one its latest earlier version is taken, and noted again. Raises MalformedObjectError
    where there is none, and ObjectMovedError where another run has noted something else meanwhile.
    """
    seen = lake.versions(LAYOUT_KEY).get(LAYOUT_KEY)
    if seen is None:
        layout = Layout.of(shards)
    else:
        layout = readable_document(lake, LAYOUT_KEY, seen, Layout.decode, records)
        if layout is None:
            problem = "is damaged, and the bucket keeps no earlier version of it"
            raise MalformedObjectError(LAYOUT_KEY, problem, "See what can be done: mlops doctor")
        if layout.shards != shards:
            layout = layout.changed(shards, closed_until=closed_until)
        elif not records.is_set_aside(LAYOUT_KEY, seen):
            return layout
    lake.replace(LAYOUT_KEY, layout.encode(), seen=seen)
    return layout
