"""Each closed hour becomes one sorted object, late readings join it, and nothing is lost wherever that stops."""

import gzip
from datetime import timedelta
from io import BytesIO

import polars as pl
import pytest

from handlers import crowded_hours, hour_readings
from handlers.hour_readings import ReadingsLostError
from handlers.stores import ObjectMovedError, clients, stored_readings
from mlops_core.lake import BUCKETS_PREFIX, encode_history
from mlops_core.telemetry import READINGS, Reading
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.processed_lake import (
    HOUR,
    NOON,
    at,
    checkpoint,
    computed,
    end_state,
    online,
    processed,
    put,
    put_apart,
    put_as_the_first_release,
    readings,
    span,
    stored,
)

HOUR_OF_ELEVEN = "date=2026-11-21/hour=11"


def lines(bodies) -> list[bytes]:
    return sorted(line for body in bodies for line in gzip.decompress(body).splitlines())


def in_the_lake(aws) -> set[tuple]:
    return set(stored_readings(stores.lake()).rows())


def rows_of(some: list[Reading]) -> set[tuple]:
    return {(r.machine_id, r.channel, r.event_timestamp, r.value) for r in some}


def test_the_objects_of_a_closed_hour_become_one_sorted_object_and_their_bytes_are_kept(aws, deploy):
    some = readings(-1, 0.5)
    put_apart(aws, some, each=1)
    received = lines(aws.objects(f"raw/{HOUR_OF_ELEVEN}/").values())
    deploy("processing")(at(0.6))
    assert aws.objects(f"raw/{HOUR_OF_ELEVEN}/") == {}
    compacted = pl.read_parquet(BytesIO(aws.objects(f"compacted/{HOUR_OF_ELEVEN}/").popitem()[1]))
    assert compacted.equals(compacted.unique().sort("machine_id", "channel", "event_timestamp", "value"))
    assert set(compacted.rows()) == rows_of(readings(-1, 0))
    assert lines(aws.objects(f"replaced/{HOUR_OF_ELEVEN}/").values()) == received
    assert aws.objects("raw/date=2026-11-21/hour=12/") != {}  # that hour is not over
    assert in_the_lake(aws) == rows_of(some)
    assert stored(aws).equals(computed(some, -6, 0))


def test_an_hour_of_one_object_is_compact_as_it_is(aws, deploy):
    put(aws, readings(-8, 0))
    before = aws.objects("raw/")
    deploy("processing")(at())
    assert (aws.objects("raw/"), aws.objects("compacted/")) == (before, {})


def test_a_late_reading_lies_beside_its_compacted_hour_until_eight_do(aws, deploy):
    some, late = readings(-8, 0), readings(-1, -0.4, minutes=7, machines=["PUMP-A01"])
    invoke = processed(aws, deploy, some, how=put_apart)
    before = aws.objects("compacted/")
    for number, reading in enumerate(late[:8], 1):
        put(aws, [reading])
        assert invoke(at())["hours_changed"] == 1
        assert len(aws.objects(f"raw/{HOUR_OF_ELEVEN}/")) == number % 8
        assert stored(aws).equals(computed([*some, *late[:number]], -6, 0))
    after = aws.objects("compacted/")
    assert [key for key in after if after[key] != before[key]] == [f"compacted/{HOUR_OF_ELEVEN}/readings.parquet"]
    assert in_the_lake(aws) == rows_of([*some, *late[:8]])


def put_corrected(aws, some: list[Reading], value: float, *, after: timedelta) -> None:
    """Correct what some readings say, so long after noon."""
    rows = [(one.machine_id, one.channel, one.event_timestamp, value) for one in some]
    frame = pl.DataFrame(rows, schema=READINGS, orient="row")
    aws.put_all(encode_history(frame, received_at=NOON + after, corrected_at=NOON + after))


def replaced(some: list[Reading], wrong: list[Reading], value: float) -> list[Reading]:
    return [one._replace(value=value) if one in wrong else one for one in some]


def test_a_corrected_value_counts_from_the_next_run_on_and_the_latest_correction_for_good(aws, deploy):
    some = readings(-8, 0)
    invoke = processed(aws, deploy, some, how=put_apart)
    wrong = readings(-1, 0, machines=["PUMP-A01"])[1:2]
    revisions = [online(aws)["PUMP-A01"][1]]
    for number, value in enumerate((7.0, 9.0, 8.0), 1):
        put_corrected(aws, wrong, value, after=number * HOUR)
        assert invoke(at(0.9))["hours_changed"] == 1
        assert stored(aws).equals(computed(replaced(some, wrong, value), -6, 0))
        assert in_the_lake(aws) == rows_of(replaced(some, wrong, value))
        revisions.append(online(aws)["PUMP-A01"][1])
    assert revisions == sorted(set(revisions))  # each was newer than the one before
    invoke(span(-6, 0))
    assert stored(aws).equals(computed(replaced(some, wrong, 8.0), -6, 0))


def test_a_late_reading_of_one_machine_leaves_the_rows_and_buckets_of_others_as_they_stand(aws, deploy, monkeypatch):
    some = readings(-8, 0)
    invoke = processed(aws, deploy, some, how=put_apart)
    late = readings(-1.5, -1, minutes=7, machines=["PUMP-A01"])
    put(aws, late)
    outcome = invoke(at())
    assert (outcome["machines"], outcome["feature_rows"]) == (1, 2)
    assert stored(aws).equals(computed([*some, *late], -6, 0))


def test_a_late_reading_that_was_there_changes_nothing(aws, deploy):
    invoke = processed(aws, deploy, readings(-8, 0), how=put_apart)
    before = aws.objects("processed/features/"), aws.objects("processed/buckets/")
    put(aws, readings(-1, 0, machines=["PUMP-A01"]))
    invoke(at())
    assert (aws.objects("processed/features/"), aws.objects("processed/buckets/")) == before


@pytest.mark.parametrize("shards", [1, 3])
def test_objects_of_the_first_release_by_shard_are_read_and_compacted(aws, deploy, shards):
    old, new = readings(-8, -2), readings(-2, 0)
    put_as_the_first_release(aws, old, shards)
    processed(aws, deploy, new, how=put_apart)
    assert stored(aws).equals(computed([*old, *new], -6, 0))
    assert in_the_lake(aws) == rows_of([*old, *new])


def test_what_was_replaced_can_be_put_back_and_changes_nothing(aws, deploy):
    some = readings(-8, 0)
    invoke = processed(aws, deploy, some, how=put_apart)
    before = stored(aws)
    for key, body in aws.objects("replaced/").items():
        aws.put(key.replace("replaced/", "raw/"), body)
    invoke(at())
    assert stored(aws).equals(before)
    aws.delete("compacted/")
    assert in_the_lake(aws) == rows_of(some)


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.verify)])
def test_whichever_write_of_a_compaction_fails_nothing_is_lost_and_the_next_run_ends_alike(
    aws, deploy, faults, monkeypatch, phase, each
):
    monkeypatch.setattr(crowded_hours, "OBJECTS_AT_ONCE", 5)
    some = readings(-3, 0, machines=["PUMP-A01"], minutes=30)
    invoke = deploy("processing", TIME_WINDOW="1", FEATURE_LENGTHS_HOURS="[1, 2]")
    put_apart(aws, some, each=1)
    beginning = aws.snapshot()
    faults.clear()
    invoke(at())
    undisturbed, writes = end_state(aws)[1], faults.writes
    features = stored(aws)
    received = lines(beginning[0].values())
    for number in range(1, writes + 1, each):
        aws.restore(beginning)
        faults.fail_write(number, phase)
        with pytest.raises(InjectedError):
            invoke(at())
        faults.clear()
        assert in_the_lake(aws) == rows_of(some)
        assert invoke(at())["is_complete"]
        assert stored(aws).equals(features)
        assert end_state(aws)[1] == undisturbed
        assert in_the_lake(aws) == rows_of(some)
        assert set(lines([*aws.objects("replaced/").values(), *aws.objects("raw/").values()])) == set(received)
    assert writes >= 12


def test_raw_objects_stay_where_the_compacted_one_lacks_any_of_their_readings(aws, deploy, monkeypatch):
    put_apart(aws, readings(-8, 0))
    before = aws.objects("raw/")
    encode = hour_readings.encode_parquet
    monkeypatch.setattr(hour_readings, "encode_parquet", lambda frame: encode(frame.head(-1)))
    with pytest.raises(ReadingsLostError, match=r"readings.parquet lacks 1 readings of raw objects"):
        deploy("processing")(at())
    assert aws.objects("raw/") == before


def test_a_raw_object_that_another_run_took_in_meanwhile_is_no_failed_read(aws, deploy, hook):
    some = readings(-8, 0)
    put_apart(aws, some)
    invoke = deploy("processing")
    reads = []

    def overtake(params, **_):
        if params["Key"].startswith("raw/") and not reads:
            reads.append(params["Key"])
            invoke(at())

    hook(clients.s3(), "provide-client-params.s3.GetObject", overtake)
    assert invoke(at())["is_complete"]
    assert stored(aws).equals(computed(some, -6, 0))


def test_a_raw_object_that_is_there_and_cannot_be_read_is_a_failed_read(aws, deploy, faults):
    put_apart(aws, readings(-8, 0))
    invoke = deploy("processing")
    faults.fail_where(lambda operation, path: operation == "GetObject" and "raw/" in path)
    with pytest.raises(InjectedError):
        invoke(at())


def test_a_gone_object_is_told_by_a_listing(aws):
    lake = stores.lake()
    aws.put("raw/here", b"x")
    assert lake.read_listed(["raw/here"]) == [b"x"]
    with pytest.raises(ObjectMovedError, match="raw/gone"):
        lake.read_listed(["raw/here", "raw/gone"])


def test_objects_are_removed_a_thousand_at_a_time(aws, faults):
    lake = stores.lake()
    keys = [f"raw/{number}" for number in range(1001)]
    aws.put(keys[-1], b"x")
    faults.clear()
    lake.remove(keys)
    assert faults.calls == ["DeleteObjects"] * 2
    assert aws.objects() == {}


def test_a_range_compacts_and_a_scheduled_run_computes_what_follows_behind_it(aws, deploy):
    some, late = readings(-12, 0), readings(-4.5, -4, minutes=7)
    invoke = processed(aws, deploy, some, how=put_apart)
    put_apart(aws, late)
    invoke(span(-4, -3))  # the windows that end later are none of the range's
    assert invoke(at())["hours_changed"] == 1
    assert stored(aws).equals(computed([*some, *late], -6, 0))


@pytest.mark.parametrize(("how", "folder"), [(put, "raw"), (put_apart, "replaced")])
def test_a_line_that_is_no_reading_is_kept_left_out_and_counted(aws, deploy, counters, how, folder):
    some = readings(-8, 0)
    how(aws, some)
    key = next(iter(aws.objects(f"raw/{HOUR_OF_ELEVEN}/")))
    body = gzip.compress(gzip.decompress(aws.objects(key)[key]) + b"garbage\n")
    aws.put(key, body)
    deploy("processing")(at())
    assert stored(aws).equals(computed(some, -6, 0))
    assert b"garbage" in lines(aws.objects(f"{folder}/{HOUR_OF_ELEVEN}/").values())
    assert counters()["MalformedLines"] == 1


# What is compacted late costs little


def test_one_late_reading_in_each_of_many_hours_is_one_row_a_window_and_one_online_offer(aws, deploy, faults):
    machines = [f"M{n}" for n in range(10)]
    some = readings(-36, 0, machines=machines)
    put(aws, some)
    for reading in readings(-36, 0, machines=["M0"], minutes=20):
        put(aws, [reading._replace(event_timestamp=reading.event_timestamp + timedelta(minutes=1))])
    invoke = deploy("processing", TIME_WINDOW="24")
    invoke(at())
    for hours in range(-30, 0):
        for reading in readings(hours, hours + 0.1, machines=["M3"], minutes=10):
            put(aws, [reading._replace(event_timestamp=NOON + (hours + 0.3) * HOUR)])
    faults.clear()
    outcome = invoke(at())
    assert (outcome["hours_changed"], outcome["machines"], outcome["feature_rows"]) == (30, 1, 24)
    assert faults.calls.count("PutItem") == 1
    assert checkpoint(aws)["due"] == {}


def test_a_run_with_late_readings_reads_each_partition_of_buckets_once(aws, deploy, hook):
    invoke = processed(aws, deploy, readings(-36, 0), -6, TIME_WINDOW="24")
    for hours in range(-30, -6):
        put(
            aws,
            [reading._replace(event_timestamp=NOON + (hours + 0.3) * HOUR) for reading in readings(hours, hours + 0.1)],
        )
    read: list[str] = []
    hook(clients.s3(), "provide-client-params.s3.GetObject", lambda params, **_: read.append(params["Key"]))
    assert invoke(at())["hours_changed"] == 30
    of_buckets = [key for key in read if key.startswith(BUCKETS_PREFIX)]
    assert len(of_buckets) == len(set(of_buckets)) > 24
