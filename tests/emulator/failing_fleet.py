"""A fleet that fails, put where processing and the label function would have put it, and taken away again.

The short history of the stack knows no failure but what tests before have recorded, and that can be set aside; from
this one a model can be made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl

from handlers.stores import encode_parquet
from mlops_core.prognosis import LABELS
from mlops_core.time import utc_text
from ops.stack import Stack
from tests.recorded_failures import failure_of
from tests.unit.degrading_fleet import degrading_fleet

_SHARD = 99  # of no partition that processing writes


@contextmanager
def nothing_recorded(stack: Stack) -> Iterator[None]:
    """An empty label history; what stood there stands there again afterwards."""
    table = stack.outputs.label_history_table_name
    pages = stack.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    for item in items:
        stack.dynamodb.delete_item(
            TableName=table, Key={name: item[name] for name in ("machine_id", "event_timestamp")}
        )
    try:
        yield
    finally:
        for item in items:
            stack.dynamodb.put_item(TableName=table, Item=item)


@contextmanager
def failing_fleet(stack: Stack) -> Iterator[None]:
    """Features of ten machines that each ran to failure before the stack's own history, and those failures."""
    rows = degrading_fleet(machines=10, runs=1, unfinished=False)
    shift = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=5) - rows["window_end"].max()
    rows = rows.with_columns(pl.col("window_end") + shift)
    lake, bucket, table = stack.lake, stack.outputs.data_lake_bucket, stack.outputs.label_history_table_name
    own = pl.read_parquet(BytesIO(lake.read(list(lake.versions("processed/features/"))[-1])))
    features = rows.drop(list(LABELS)).with_columns(
        pl.lit(None).alias(name) for name in own.columns if name not in rows.columns
    )
    keys = {
        f"processed/features/date={day:%Y-%m-%d}/hour=00/shard={_SHARD}.parquet": part.select(
            pl.col(name).cast(kind) for name, kind in own.schema.items()
        )
        for (day,), part in features.group_by(pl.col("window_end").dt.truncate("1d"))
    }
    failures = [
        failure_of(machine_id, end + timedelta(hours=hours))
        for machine_id, end, hours in rows.group_by("machine_id")
        .last()
        .select("machine_id", "window_end", "rul_hours")
        .iter_rows()
    ]
    for key, part in keys.items():
        lake.create(key, encode_parquet(part))
    for failure in failures:
        stack.label_history.record(failure)
    try:
        yield
    finally:
        for key in keys:
            stack.s3.delete_object(Bucket=bucket, Key=key)
        for failure in failures:
            name, at = failure.machine_id, utc_text(failure.event_timestamp)
            stack.dynamodb.delete_item(TableName=table, Key={"machine_id": {"S": name}, "event_timestamp": {"S": at}})
