"""``mlops doctor`` names what is damaged, mends what can be mended, and deletes nothing for good."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.stores import FeatureRow
from mlops_core.lake import CHECKPOINT_KEY, Checkpoint, Damage, RawObject, buckets_key, encode_readings
from mlops_core.telemetry import Reading
from tests.ops.conftest import Deployed

HOUR = timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def versioned(deployed: Deployed) -> Deployed:
    """The bucket keeps versions, as a stack's does."""
    deployed.stack.s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    return deployed


def put(deployed: Deployed, key: str, body: bytes) -> str:
    deployed.stack.s3.put_object(Bucket="lake", Key=key, Body=body)
    return key


def recorded(deployed: Deployed, key: str) -> Damage:
    """A function has found the object damaged."""
    version = deployed.stack.lake.versions(key)[key]
    damage = Damage.of(key, version, "no bytes", at=datetime.now(UTC), by="processing")
    deployed.stack.lake.create(*damage.encode())
    return damage


def raw_object(now: datetime) -> RawObject:
    [raw] = encode_readings([Reading("PUMP-1", "temperature", now - HOUR, 20.0, now)])
    return raw


def left(deployed: Deployed, *options: str) -> list[str]:
    result = deployed.run("doctor", "--json", *options)
    found = [each["key"] for each in json.loads(result.stdout)["left"]]
    assert result.exit_code == bool(found), result.output
    return found


def test_a_sound_stack_has_nothing_to_mend(deployed: Deployed) -> None:
    assert left(deployed) == []
    assert "Nothing is damaged" in deployed.run("doctor").stdout


def test_what_functions_recorded_is_named_by_status_and_doctor_until_it_is_accepted(
    deployed: Deployed, now: datetime
) -> None:
    key = put(deployed, raw_object(now).key, b"")
    recorded(deployed, key)
    assert deployed.json("status")["damaged"] == {key: "no bytes"}
    assert left(deployed) == [key]
    assert left(deployed, "--mend") == [key]
    assert left(deployed, "--accept", key) == []
    assert left(deployed) == []
    assert deployed.json("status")["damaged"] == {}
    assert len(deployed.stack.lake.versions("damaged/accepted/")) == 1
    assert deployed.stack.lake.read(key) == b""


def test_a_raw_object_is_mended_by_its_earlier_version_under_a_name_of_its_own(
    versioned: Deployed, now: datetime
) -> None:
    key, body = raw_object(now)
    put(versioned, key, body)
    put(versioned, key, body[:20])
    recorded(versioned, key)
    assert left(versioned, "--mend") == []
    bodies = {each: versioned.stack.lake.read(each) for each in versioned.stack.lake.versions("raw/")}
    assert bodies.pop(key) == body[:20]
    assert list(bodies.values()) == [body]
    assert left(versioned) == []


def test_a_damaged_checkpoint_does_not_stop_status_and_is_mended_by_its_earlier_version(
    versioned: Deployed, now: datetime
) -> None:
    until = now.replace(minute=0, second=0, microsecond=0)
    whole = Checkpoint(version=1, processed_from=until, processed_until=until, hours={}).encode()
    put(versioned, CHECKPOINT_KEY, whole)
    put(versioned, CHECKPOINT_KEY, b"null")
    report = versioned.json("status")
    assert (report["processing"], list(report["damaged"])) == (None, [CHECKPOINT_KEY])
    assert "takes an earlier one" in versioned.run("status").stdout
    assert left(versioned) == [CHECKPOINT_KEY]
    assert left(versioned, "--mend") == []
    assert versioned.stack.lake.read(CHECKPOINT_KEY) == whole


def test_a_partition_is_mended_by_computing_its_hour_again(deployed: Deployed, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    put(deployed, *raw_object(now))
    key = put(deployed, buckets_key(hour, 0), b"PAR1")

    def process(event: dict[str, str]) -> dict[str, object]:
        put(deployed, key, b"made again")
        return {"feature_rows": 1, "online_written": 0, "is_complete": True, "window_end": None}

    deployed.functions.script = process
    assert left(deployed) == [key]
    deployed.run("doctor", "--mend")
    assert [datetime.fromisoformat(event["start"]) for event in deployed.functions.events] == [hour - HOUR]


def test_a_damaged_item_hides_no_other_machine_and_is_kept_before_it_is_removed(
    deployed: Deployed, now: datetime
) -> None:
    table = deployed.stack.outputs.realtime_features_table_name
    deployed.stack.online_features.offer(FeatureRow("PUMP-1", now, 1, {}), updated_at=now)
    item: dict[str, Any] = {"machine_id": {"S": "HAND"}, "window_end": {"S": "yesterday"}, "revision": {"N": "5"}}
    deployed.stack.dynamodb.put_item(TableName=table, Item=item)
    put(deployed, *raw_object(now))
    key = f"{table}/HAND"
    report = deployed.json("status")
    assert [machine["machine_id"] for machine in report["machines"]] == ["PUMP-1"]
    assert list(report["damaged"]) == [key]
    assert left(deployed) == [key]
    assert left(deployed, "--mend") == []
    assert [row.machine_id for row in deployed.stack.online_features.load_all()] == ["PUMP-1"]
    [name] = deployed.stack.lake.versions("damaged/accepted/")
    assert json.loads(Damage.decode(deployed.stack.lake.read(name)).content or "") == item
    assert len(deployed.functions.events) == 1  # its newest features are offered again


def test_what_one_machine_sent_beyond_memory_is_named_with_the_setting_until_it_is_accepted(deployed: Deployed) -> None:
    key = "oversize/date=2026-11-21/hour=11/PUMP-1"
    deployed.stack.lake.create(*Damage.of(key, "", "too many", at=datetime.now(UTC), by="processing").encode())
    assert "processingMemoryMb" in deployed.run("doctor").stdout
    assert left(deployed, "--mend") == [key]
    assert left(deployed, "--accept", key) == []
