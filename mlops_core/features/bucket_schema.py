"""What a frame of buckets is: columns, types, and the check of one that comes from storage."""

from dataclasses import fields
from datetime import timedelta
from typing import Final

import polars as pl

from mlops_core.errors import BucketError, ColumnTypeError, require_columns
from mlops_core.features.kernel import Moments, empty_moments
from mlops_core.telemetry import TIMESTAMP

IDENTITY: Final = ("machine_id", "channel", "bucket_start")

BUCKETS: Final = pl.Schema(
    {"machine_id": pl.String(), "channel": pl.String(), "bucket_start": TIMESTAMP, "bucket_end": TIMESTAMP}
    | pl.DataFrame(vars(empty_moments(0))).schema
    | {"last_timestamp": TIMESTAMP}
)
"""One row per machine, channel and hop with readings, `[bucket_start, bucket_end)`: sums that merge (moments about the
mean, co-moments with time in microseconds), extremes, and the latest reading. `revision` counts distinct raw rows."""


def fitted_buckets(buckets: pl.DataFrame, hop: timedelta | None = None) -> pl.DataFrame:
    """The columns of BUCKETS, checked; with `hop`, all of that width.

    Raises:
        SchemaError: a column is missing or has another type.
        BucketError: a bucket of another width.

    """
    found = buckets.schema
    for column, kind in BUCKETS.items():
        require_columns("buckets", found, column)
        if found[column] != kind:
            raise ColumnTypeError(
                "buckets",
                column,
                str(found[column]),
                str(kind),
                "Make buckets with bucket_readings, and store them as Parquet",
            )
    if hop is not None:
        widths = buckets["bucket_end"] - buckets["bucket_start"]
        others = widths.filter(widths != hop)
        if others.len():
            raise BucketError(
                "buckets",
                "bucket_end",
                f"is {others[0]} after bucket_start, where the hop is {hop},",
                others.len(),
                "Use the hop that the buckets were made with, or make them again with this one",
            )
    return buckets[list(BUCKETS)]


def bucket_moments(buckets: pl.DataFrame) -> Moments:
    """The moments of checked buckets."""
    physical = buckets.select(pl.col([field.name for field in fields(Moments)]).to_physical())
    return Moments(*(column.to_numpy() for column in physical))
