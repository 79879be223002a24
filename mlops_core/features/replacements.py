"""Sensors that were replaced or moved: what was usual of a channel before says nothing after.

```
old sensor            | new sensor                  window of the row
----------------------x------------------------
       [======)         before: compared with the machine's beginning
                  [======)   across: holds readings of both, and is compared with nothing
                         [======)   after: compared with the first windows that lie wholly after
```
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from mlops_core.errors import require_columns
from mlops_core.features.names import parse_feature_name
from mlops_core.telemetry import TIMESTAMP

REPLACED: Final = pl.Schema({"machine_id": pl.String(), "channel": pl.String(), "replaced_at": TIMESTAMP})
"""When the sensor of a machine's channel was replaced or moved last, one row each."""


def replaced_at(features: pl.DataFrame, columns: Sequence[str], replaced: pl.DataFrame) -> dict[str, pl.Series]:
    """Return for those of the columns whose channel was replaced anywhere when that was, by row; null: it was not.

    Raises:
        MissingColumnError: `replaced` is no frame REPLACED.

    """
    require_columns("replaced", replaced.columns, *REPLACED)
    latest = replaced.group_by("machine_id", "channel").agg(pl.col("replaced_at").max().cast(TIMESTAMP))
    parsed = {column: parse_feature_name(column) for column in columns}
    found: dict[str, pl.Series] = {}
    for (channel,), rows in latest.partition_by("channel", as_dict=True).items():
        own = [column for column, parts in parsed.items() if parts is not None and parts.channel == channel]
        if own:
            at = features.select("machine_id").join(rows, on="machine_id", how="left", maintain_order="left")
            found |= dict.fromkeys(own, at["replaced_at"])
    return found


def only_new_sensors(features: pl.DataFrame, columns: Sequence[str], replaced: pl.DataFrame | None) -> pl.DataFrame:
    """Return features with null in the place of values whose window reaches back before the replacement."""
    if replaced is None or replaced.is_empty():
        return features
    moments = replaced_at(features, columns, replaced)
    begins = {column: features["window_end"] - length_of(column) for column in moments}
    kept = {
        column: pl.select(pl.when((begins[column] >= at) | at.is_null()).then(features[column]).alias(column))[column]
        for column, at in moments.items()
    }
    return features.with_columns(**kept)


def length_of(column: str) -> timedelta:
    """Return the length of the window that a feature is of."""
    parts = parse_feature_name(column)
    return timedelta(seconds=0 if parts is None else parts.seconds)
