"""Sensors on record as replaced or moved, as a frame: their normal level begins anew."""

from collections.abc import Mapping

import polars as pl

from mlops_core.condition import MachineRecord
from mlops_core.features import REPLACED


def replaced_sensors(records: Mapping[str, MachineRecord]) -> pl.DataFrame:
    """Return the frame REPLACED of machines' records."""
    rows = [
        (machine_id, channel, at) for machine_id, record in records.items() for channel, at in record.replaced.items()
    ]
    return pl.DataFrame(rows, schema=REPLACED, orient="row")
