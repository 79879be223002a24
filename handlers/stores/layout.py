"""Into how many shards outputs are divided: one object of the lake, which settings change by compare and swap."""

from datetime import datetime

from handlers.stores.lake import DataLake
from mlops_core.lake import LAYOUT_KEY, Layout


def current_layout(lake: DataLake, shards: int, *, closed_until: datetime) -> Layout:
    """Return the layout of a lake whose newest hours are to lie in so many shards, noted there.

    Raises ObjectMovedError where another run has noted something else meanwhile.
    """
    seen = lake.versions(LAYOUT_KEY).get(LAYOUT_KEY)
    if seen is None:
        layout = Layout.of(shards)
    else:
        layout = Layout.decode(lake.read(LAYOUT_KEY))
        if layout.shards == shards:
            return layout
        layout = layout.changed(shards, closed_until=closed_until)
    lake.replace(LAYOUT_KEY, layout.encode(), seen=seen)
    return layout
