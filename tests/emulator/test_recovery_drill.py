"""A drill of docs/recovery.md on the deployed stack: what is lost is taken back by its steps, which are printed.

The restore of a table to an earlier moment is AWS's own: the emulator copies the items of today, so what is lost is
lost after the copy here. `pytest -s tests/emulator/test_recovery_drill.py` prints the lines that the page shows.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl
import pytest
from botocore.exceptions import ClientError

from handlers.stores.partitions import decode_parquet
from mlops_core.lake import (
    BUCKETS_PREFIX,
    CHECKPOINT_KEY,
    COMPACTED_PREFIX,
    FEATURES_PREFIX,
    RAW_PREFIX,
    hour_path,
)
from mlops_core.telemetry import failure_message
from ops.damage import Doctor
from ops.ranges import process_range
from tests.emulator.conftest import Laptop
from tests.emulator.test_pipeline import publish, reading_of, this_hour
from tests.emulator.waiting import eventually

HOUR = timedelta(hours=1)
MACHINE = "DRILL-1"


class Drill(NamedTuple):
    """A stack, an hour with readings of one machine, and the machine's rows of it."""

    laptop: Laptop
    hour: datetime
    before: pl.DataFrame


@pytest.fixture(scope="module")
def drill(laptop: Laptop) -> Drill:
    """Readings of one hour that is processed, that hour, and the machine's rows."""
    hour = this_hour() - 6 * HOUR
    publish(
        laptop,
        [reading_of(laptop, MACHINE, "temperature", hour + minute * HOUR / 60, 40.0 + minute) for minute in range(60)],
    )
    return Drill(laptop, hour, recomputed(laptop, hour))


def recomputed(laptop: Laptop, hour: datetime) -> pl.DataFrame:
    """The machine's rows after `mlops backfill` of the hour."""
    process_range(laptop.stack, hour, hour + HOUR, HOUR, quiet=True)
    return rows(laptop, hour)


def rows(laptop: Laptop, hour: datetime) -> pl.DataFrame:
    bodies = laptop.stack.lake.read_all(laptop.stack.lake.versions(f"{FEATURES_PREFIX}{hour_path(hour + HOUR)}/"))
    return pl.concat(map(decode_parquet, bodies)).filter(pl.col("machine_id") == MACHINE)


def drill_says(text: str) -> None:
    print(f"drill: {text}")


def delete(laptop: Laptop, prefix: str) -> list[str]:
    keys = list(laptop.stack.lake.versions(prefix))
    for key in keys:
        laptop.stack.s3.delete_object(Bucket=laptop.stack.outputs.data_lake_bucket, Key=key)
    return keys


def remove_markers(laptop: Laptop, prefix: str) -> int:
    bucket = laptop.stack.outputs.data_lake_bucket
    listed = laptop.stack.s3.list_object_versions(Bucket=bucket, Prefix=prefix)
    markers = [marker for marker in listed.get("DeleteMarkers", []) if marker.get("IsLatest")]
    for marker in markers:
        laptop.stack.s3.delete_object(Bucket=bucket, Key=marker.get("Key", ""), VersionId=marker.get("VersionId", ""))
    return len(markers)


def test_a_deleted_prefix_comes_back_with_its_markers_removed(drill: Drill) -> None:
    laptop, hour, before = drill
    prefixes = [f"{prefix}{hour_path(hour)}/" for prefix in (RAW_PREFIX, COMPACTED_PREFIX)]
    deleted = [key for prefix in prefixes for key in delete(laptop, prefix)]
    drill_says(f"deleted {len(deleted)} objects with the readings of an hour")
    assert not any(laptop.stack.lake.versions(prefix) for prefix in prefixes)
    removed = sum(remove_markers(laptop, prefix) for prefix in prefixes)
    assert {key for prefix in prefixes for key in laptop.stack.lake.versions(prefix)} >= set(deleted)
    assert recomputed(laptop, hour).equals(before)
    drill_says(f"removed {removed} markers, computed the hour again: {before.height} row as before")


def test_damaged_and_deleted_outputs_are_made_again(drill: Drill) -> None:
    laptop, hour, before = drill
    bucket = laptop.stack.outputs.data_lake_bucket
    (key, *_) = laptop.stack.lake.versions(f"{BUCKETS_PREFIX}{hour_path(hour)}/")
    laptop.stack.s3.put_object(Bucket=bucket, Key=key, Body=b"junk")
    doctor = Doctor(laptop.stack, hour)  # as on that day
    found = [finding for finding in doctor.examined(1) if finding.damage.key == key]
    drill_says(f"overwrote a partition of buckets; the doctor names {len(found)} and says: {found[0].what_to_do}")
    assert all(doctor.mend(finding, quiet=True) for finding in found)
    assert decode_parquet(laptop.stack.lake.read(key)).height
    deleted = delete(laptop, f"{FEATURES_PREFIX}{hour_path(hour + HOUR)}/")
    assert recomputed(laptop, hour).equals(before)
    drill_says(f"mended; deleted {len(deleted)} partition of features and computed it again: the same row")


def test_a_lost_checkpoint_is_begun_anew(drill: Drill) -> None:
    laptop, hour, before = drill
    until = laptop.stack.lake.read(CHECKPOINT_KEY)
    delete(laptop, CHECKPOINT_KEY)
    invoked = laptop.endpoint.client("lambda").invoke(FunctionName=laptop.stack.outputs.processing_function_name)
    assert "FunctionError" not in invoked
    eventually(lambda: laptop.stack.lake.versions(CHECKPOINT_KEY), within=60, what="a checkpoint")
    assert rows(laptop, hour).equals(before)
    drill_says(f"deleted the checkpoint ({len(until)} bytes); the next run began with the last hours, no row changed")


def test_items_of_a_restored_table_are_taken_back_and_replace_nothing_newer(drill: Drill) -> None:
    laptop, hour, _ = drill
    table, client = laptop.stack.outputs.label_history_table_name, laptop.stack.dynamodb
    lost, kept = hour, hour + HOUR
    for at in (lost, kept):
        publish(laptop, [failure_message(MACHINE, at, "SEIZED", 12.5, 11.2, topic_prefix=laptop.stack.topic_prefix)])
    restored = f"{table}-restored"
    client.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=restored, UseLatestRestorableTime=True)
    client.get_waiter("table_exists").wait(TableName=restored)
    own = {"machine_id": {"S": MACHINE}}
    items = [item for page in client.get_paginator("scan").paginate(TableName=restored) for item in page["Items"]]
    mine = sorted((item for item in items if item["machine_id"] == own["machine_id"]), key=str)
    assert len(mine) == 2
    drill_says(f"restored the label history as {len(items)} items in another table")
    key = {name: mine[0][name] for name in ("machine_id", "event_timestamp")}
    client.delete_item(TableName=table, Key=key)
    newer = {name: mine[1][name] for name in ("machine_id", "event_timestamp")}
    client.update_item(
        TableName=table,
        Key=newer,
        UpdateExpression="SET note = :note",
        ExpressionAttributeValues={":note": {"S": "new"}},
    )
    put = refused = 0
    for item in items:
        try:
            client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(machine_id)")
            put += 1
        except client.exceptions.ConditionalCheckFailedException:
            refused += 1
    assert client.get_item(TableName=table, Key=key).get("Item") == mine[0]
    assert client.get_item(TableName=table, Key=newer).get("Item", {}).get("note") == {"S": "new"}
    client.delete_table(TableName=restored)
    drill_says(f"put {put} item back that was lost; {refused} that are there were left as they are")
    assert put == 1


def test_a_copy_into_raw_is_refused_where_it_could_overwrite_and_created_where_it_could_not(drill: Drill) -> None:
    laptop, hour, _ = drill
    bucket = laptop.stack.outputs.data_lake_bucket
    key = f"{RAW_PREFIX}{hour_path(hour)}/drill.jsonl.gz"

    body = b"drill"
    laptop.stack.s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    with pytest.raises(ClientError, match=r"PreconditionFailed|412"):
        laptop.stack.s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    laptop.stack.s3.delete_object(Bucket=bucket, Key=key)
    drill_says("a put that creates was let in under raw/, the same again answered 412")
