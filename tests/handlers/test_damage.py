"""One damaged object stops nothing else, is named to people once, and is mended by the next run where it can be."""

import gzip
import json
from io import BytesIO

import polars as pl
import pytest

from handlers.stores import DataLake
from handlers.stores.items import DamagedItemError
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import Checkpoint, Damage
from mlops_core.lake.seal import SEAL
from tests.handlers import stores
from tests.handlers.processed_lake import (
    CHECKPOINT,
    HOUR,
    NOON,
    at,
    checkpoint,
    computed,
    processed,
    put,
    readings,
    stored,
)

LAYOUT = "processed/layout.json"
BEGINNINGS = "processed/beginnings.parquet"


@pytest.fixture
def versioned(aws):
    """The bucket keeps versions, as a stack's does."""
    aws.keep_versions()
    return aws


def overwrite(aws, key: str, body: bytes) -> str:
    aws.put(key, body)
    return key


def records(aws) -> list[Damage]:
    return [Damage.decode(body) for body in aws.objects("damaged/").values()]


def damaged_keys(aws) -> set[str]:
    return {record.key for record in records(aws)}


RAW_DAMAGE = {
    "empty": lambda _: b"",
    "cut off": lambda body: body[: len(body) // 2],
    "without its checksum": lambda body: body[:-8],
    "not gzip": lambda _: b"hello\n",
    "trailing bytes": lambda body: body + b"garbage",
}


@pytest.mark.parametrize("damage", RAW_DAMAGE.values(), ids=RAW_DAMAGE)
def test_a_damaged_raw_object_is_set_aside_and_the_rest_is_processed(versioned, deploy, counters, caplog, damage):
    lost, kept = readings(-3, -2, machines=["PUMP-A01"]), readings(-3, 1, machines=["FAN-B01"])
    put(versioned, lost)
    (key,) = versioned.objects("raw/")
    body = damage(versioned.objects(key)[key])
    overwrite(versioned, key, body)
    put(versioned, kept)
    invoke = deploy("processing")
    assert invoke(at(0.5))["is_complete"]
    assert key in [vars(record).get("key") for record in caplog.records]
    assert counters()["DamagedObjects"] == 1
    assert invoke(at(1.5))["is_complete"]
    assert stored(versioned).equals(computed(kept, -6, 1))
    assert damaged_keys(versioned) == {key}
    assert versioned.objects(key)[key] == body
    assert counters()["DamagedObjects"] == 1
    (notice,) = versioned.notices()
    assert key in notice
    assert "mlops doctor" in notice


def test_a_raw_object_that_is_restored_is_processed(versioned, deploy):
    some = readings(-3, 0, machines=["PUMP-A01"])
    put(versioned, some)
    key = max(versioned.objects("raw/"))
    whole = versioned.objects(key)[key]
    overwrite(versioned, key, whole[:50])
    invoke = deploy("processing")
    invoke(at(0.5))
    overwrite(versioned, key, whole)
    invoke(at(0.6))
    assert stored(versioned).equals(computed(some, -6, 0))


def test_a_read_that_was_cut_off_once_is_no_damage(versioned, deploy, monkeypatch):
    some = readings(-3, 0)
    put(versioned, some)
    real, cut = DataLake.read, set()

    def read(self, key):
        body = real(self, key)
        if key.startswith("raw/") and key not in cut:
            cut.add(key)
            return body[:40]
        return body

    monkeypatch.setattr(DataLake, "read", read)
    deploy("processing")(at(0.5))
    assert damaged_keys(versioned) == set()
    assert stored(versioned).equals(computed(some, -6, 0))


def without_a_column(body: bytes) -> bytes:
    sink = BytesIO()
    frame = pl.read_parquet(BytesIO(body))
    frame.drop(frame.columns[-1]).write_parquet(sink)
    return sink.getvalue()


def sealed_without_a_row(body: bytes) -> bytes:
    """As a hand writes that keeps the metadata."""
    sink = BytesIO()
    frame, metadata = pl.read_parquet(BytesIO(body)), pl.read_parquet_metadata(BytesIO(body))
    frame.head(-1).write_parquet(sink, metadata={SEAL: metadata[SEAL]})
    return sink.getvalue()


PARQUET_DAMAGE = {"empty": lambda _: b"", "cut off": lambda body: body[:100], "other columns": without_a_column}
PARQUET_DAMAGE |= {"a row less": sealed_without_a_row}


@pytest.mark.parametrize("damage", PARQUET_DAMAGE.values(), ids=PARQUET_DAMAGE)
@pytest.mark.parametrize("late", [False, True], ids=["new hours", "late data"])
def test_a_damaged_bucket_partition_is_built_again_from_its_readings(versioned, deploy, damage, late):
    some = readings(-24, 0)
    invoke = processed(versioned, deploy, some, 0.5)
    key = "processed/buckets/date=2026-11-21/hour=11/shard=00.parquet"
    overwrite(versioned, key, damage(versioned.objects(key)[key]))
    more = readings(-1, -0.5, minutes=7, machines=["PUMP-A01"]) if late else readings(0, 2)
    put(versioned, more)
    assert invoke(at(2.5))["is_complete"]
    assert stored(versioned).equals(computed(some + more, -6, 2))
    assert damaged_keys(versioned) <= {key}
    if damage is sealed_without_a_row:
        assert damaged_keys(versioned) == {key}


@pytest.mark.parametrize("damage", list(PARQUET_DAMAGE.values())[:2], ids=list(PARQUET_DAMAGE)[:2])
def test_a_damaged_compacted_hour_is_made_again_of_the_bytes_that_it_replaced(versioned, deploy, damage):
    some = [each for minutes in (20, 7) for each in readings(-3, 0, minutes=minutes)]
    for minutes in (20, 7):
        put(versioned, readings(-3, 0, minutes=minutes))
    invoke = deploy("processing")
    invoke(at(0.5))
    key = "compacted/date=2026-11-21/hour=10/readings.parquet"
    overwrite(versioned, key, damage(versioned.objects(key)[key]))
    late = readings(-2, -1, minutes=11, machines=["PUMP-A01"])
    put(versioned, late)
    assert invoke(at(0.6))["is_complete"]
    assert stored(versioned).equals(computed([*some, *late], -6, 0))
    assert damaged_keys(versioned) == {key}


def test_a_damaged_feature_partition_is_computed_again_where_late_data_touch_it(versioned, deploy):
    some = readings(-6, 0)
    put(versioned, some[::2])
    invoke = processed(versioned, deploy, some[1::2], 0.5)
    key = overwrite(versioned, "processed/features/date=2026-11-21/hour=12/shard=00.parquet", b"PAR1")
    put(versioned, late := readings(-1, 0, minutes=7, machines=["PUMP-A01"]))
    invoke(at(0.6))
    assert stored(versioned).equals(computed([*some, *late], -6, 0))
    assert damaged_keys(versioned) == {key}


LONG = (pytest.mark.verify,)
CHECKPOINTS = {
    "empty": lambda _: b"",
    "null": lambda _: b"null",
    "cut off": lambda fields: json.dumps(fields).encode()[:40],
    "text for a number": lambda fields: json.dumps(fields | {"version": "seven"}).encode(),
    "from after until": lambda fields: json.dumps(fields | {"processed_from": "2026-11-25T12:00:00Z"}).encode(),
    "due what never was": lambda fields: json.dumps(fields | {"due": {"2101-01-01T05": None}}).encode(),
}


@pytest.mark.parametrize(
    ("edit", "has_versions"),
    [
        pytest.param(edit, versions, id=f"{name}, {'versions' if versions else 'no versions left'}", marks=marks)
        for name, edit in CHECKPOINTS.items()
        for versions, marks in ((True, ()), (False, () if name in {"empty", "due what never was"} else LONG))
    ],
)
def test_a_damaged_checkpoint_costs_work_and_no_reading(aws, deploy, edit, has_versions):
    if has_versions:
        aws.keep_versions()
    some, more = readings(-24, 0), readings(0, 4)
    invoke = processed(aws, deploy, some, 0.5, ALLOWED_LATENESS_HOURS="12")
    overwrite(aws, CHECKPOINT, edit(checkpoint(aws)))
    put(aws, more)
    assert invoke(at(4.5))["is_complete"]
    rows = stored(aws).filter(pl.col("window_end") > NOON - 6 * HOUR)
    assert rows.equals(computed(some + more, -6, 4))
    assert checkpoint(aws)["processed_until"] == "2026-11-21T16:00:00.000000Z"
    assert damaged_keys(aws) == {CHECKPOINT}


def test_a_checkpoint_in_another_offset_is_the_same_moment():
    moments = {"processed_from": "2026-11-21T11:30:00+05:30", "processed_until": "2026-11-21T17:30:00+05:30"}
    assert Checkpoint.decode(json.dumps({"version": 1, "hours": {}} | moments).encode()).processed_until == NOON


def test_a_damaged_layout_is_taken_from_its_earlier_version(versioned, deploy):
    some = readings(-6, 0)
    invoke = processed(versioned, deploy, some, 0.5, LAKE_SHARDS="4")
    overwrite(versioned, LAYOUT, b"{}")
    put(versioned, more := readings(0, 2))
    invoke(at(2.5))
    assert stored(versioned).equals(computed(some + more, -6, 2))
    assert json.loads(versioned.objects(LAYOUT)[LAYOUT])["epochs"] == [{"since": None, "shards": 4}]
    assert damaged_keys(versioned) == {LAYOUT}


def test_a_damaged_layout_without_an_earlier_version_is_an_error_that_names_it(aws, deploy):
    overwrite(aws, LAYOUT, b"{}")
    with pytest.raises(MalformedObjectError, match=r"processed/layout.json: is damaged, and the bucket keeps no"):
        deploy("processing")(at(0.5))
    assert damaged_keys(aws) == {LAYOUT}


def test_damaged_beginnings_are_taken_from_their_earlier_version(versioned, deploy):
    invoke = processed(versioned, deploy, readings(-6, 0), 0.5)
    before = pl.read_parquet(BytesIO(versioned.objects(BEGINNINGS)[BEGINNINGS]))
    overwrite(versioned, BEGINNINGS, gzip.compress(b""))
    put(versioned, readings(0, 2))
    invoke(at(2.5))
    after = pl.read_parquet(BytesIO(versioned.objects(BEGINNINGS)[BEGINNINGS]))
    assert after["window_end"].min() == before["window_end"].min()
    assert damaged_keys(versioned) == {BEGINNINGS}


def test_what_somebody_accepted_is_passed_over_and_counted_no_more(versioned, deploy, counters):
    put(versioned, readings(-3, 0))
    key = min(versioned.objects("raw/"))
    overwrite(versioned, key, b"")
    invoke = deploy("processing")
    invoke(at(0.5))
    (record,) = records(versioned)
    accepted = record.encode(is_accepted=True)
    overwrite(versioned, *accepted)
    versioned.delete(record.encode().key)
    counters()
    invoke(at(0.6))
    assert counters()["DamagedObjects"] == 0
    assert len(versioned.notices()) == 1


HAND_EDITED = {
    "text for a number": {"revision": {"S": "5"}},
    "no time": {"window_end": {"S": "yesterday"}},
    "text for a feature": {"features": {"M": {"vibration_mean_1h": {"S": "1.0"}}}},
}


@pytest.mark.parametrize("change", HAND_EDITED.values(), ids=HAND_EDITED)
def test_a_damaged_item_is_named_and_hides_no_other_machine(aws, capsys, change):
    offered = {"machine_id": {"S": "HAND"}, "window_end": {"S": "2026-11-21T12:00:00.000000Z"}}
    offered |= {"revision": {"N": "5"}, "features": {"M": {}}}
    for item in (offered | change, offered | {"machine_id": {"S": "SOUND"}}):
        aws.dynamodb.put_item(TableName="realtime-features", Item=item)
    table, found = stores.online(), []
    assert [row.machine_id for row in table.load_all(on_damaged=found.append)] == ["SOUND"]
    assert [(item.table, item.keys) for item in found] == [("realtime-features", ("HAND",))]
    with pytest.raises(DamagedItemError, match=r"realtime-features HAND: \w+Error"):
        table.load("HAND")


def test_scoring_counts_damaged_items_and_goes_on(aws, deploy, counters):
    aws.dynamodb.put_item(TableName="realtime-features", Item={"machine_id": {"S": "HAND"}})
    overwrite(aws, "freshness/channels.json", b"[]")
    overwrite(aws, CHECKPOINT, b"null")
    assert deploy("scoring")({})["scored"] == 0
    assert counters()["DamagedItems"] == 1
