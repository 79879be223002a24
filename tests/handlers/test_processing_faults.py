"""Neither a crash nor a rival leaves a gap in what processing computes."""

import json

import polars as pl
import pytest
from botocore.exceptions import ClientError

from handlers.stores import ObjectMovedError, clients
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.processed_lake import (
    CHECKPOINT,
    MACHINES,
    NOON,
    at,
    checkpoint,
    computed,
    end_state,
    online,
    processed,
    put,
    readings,
    stored,
)

# Faults


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject", "PutItem"])
def test_an_error_of_a_store_aborts_with_the_checkpoint_unmoved(aws, deploy, faults, operation):
    invoke = processed(aws, deploy, readings(-12, 6))
    before = checkpoint(aws)
    faults.fail_where(lambda name, _: name == operation)
    with pytest.raises(InjectedError):
        invoke(at(6))
    assert checkpoint(aws)["processed_until"] == before["processed_until"]
    assert operation == "PutItem" or checkpoint(aws) == before  # hours that were built are noted as they are done
    faults.clear()
    invoke(at(6))
    assert online(aws) == dict.fromkeys(MACHINES, ("2026-11-21T18:00:00.000000Z", 36))
    assert "unoffered_from" not in checkpoint(aws)


def test_a_missing_permission_to_read_the_checkpoint_is_not_a_first_run(aws, deploy, hook):
    invoke = processed(aws, deploy, readings(-12, 6))
    before = end_state(aws)

    def deny(params, **_):
        if params["Key"] == CHECKPOINT:
            raise ClientError(
                {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject"
            )

    hook(clients.s3(), "provide-client-params.s3.GetObject", deny)
    with pytest.raises(ClientError, match="AccessDenied"):
        invoke(at(6))
    assert end_state(aws) == before


LOST = "processed/buckets/date=2026-11-21/hour=09/shard=00.parquet"


def named(aws):
    return [json.loads(body) for key, body in aws.objects("damaged/").items() if json.loads(body)["key"] == LOST]


def test_a_committed_partition_that_was_lost_is_named_and_made_again_from_its_readings(aws, deploy):
    some = readings(-12, 6)
    invoke = processed(aws, deploy, some)
    aws.delete(LOST)
    assert invoke(at(6))["is_complete"]
    assert stored(aws).equals(computed(some, -6, 6))
    (record,) = named(aws)
    assert record["is_mended"]
    assert any(LOST in text for text in aws.notices())


def test_a_committed_partition_whose_readings_are_lost_too_is_named_and_stops_nothing(aws, deploy):
    some = readings(-12, 6)
    invoke = processed(aws, deploy, some)
    hour = "date=2026-11-21/hour=09/"
    for place in (LOST, f"raw/{hour}", f"compacted/{hour}"):
        aws.delete(place)
    assert invoke(at(6))["is_complete"]
    assert invoke(at(6))["is_complete"]
    (record,) = named(aws)
    assert not record["is_mended"]
    left = [each for each in some if each.event_timestamp.hour != 9]
    is_later = pl.col("window_end") > NOON
    assert stored(aws).filter(is_later).equals(computed(left, -6, 6).filter(is_later))


@pytest.mark.verify
@pytest.mark.parametrize("phase", ["before", "after"])
def test_whichever_write_fails_the_next_run_ends_in_the_same_state(aws, deploy, faults, phase):
    some, late = readings(-6, 2, machines=["PUMP-A01"]), readings(-2.5, -2, minutes=7, machines=["PUMP-A01"])
    invoke = processed(aws, deploy, some, -2, TIME_WINDOW="2", FEATURE_LENGTHS_HOURS="[1, 2]")
    put(aws, late)
    beginning = aws.snapshot()
    faults.clear()
    invoke(at(2))  # late data and a backlog of two chunks
    undisturbed, writes = end_state(aws), faults.writes
    for number in range(1, writes + 1):
        aws.restore(beginning)
        faults.fail_write(number, phase)
        with pytest.raises(InjectedError):
            invoke(at(2))
        faults.clear()
        assert invoke(at(2))["is_complete"]
        assert end_state(aws) == undisturbed
    assert writes >= 12


# Rivals


def rival(hook, operation: str, number: int, run) -> list[int]:
    """Let `run` happen within the other run, just before its call number `number` of an operation."""
    seen: list[int] = []

    def before(**_):
        seen.append(len(seen) + 1)
        if len(seen) == number:
            run()

    hook(clients.s3(), f"before-call.s3.{operation}", before)
    return seen


@pytest.mark.verify
@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject"])
def test_a_run_overtaken_at_any_call_ends_in_the_same_state_as_one_alone(
    aws, deploy, hook, faults, counters, operation
):
    some, late = readings(-8, 0, machines=["PUMP-A01"]), readings(-1.5, -1, minutes=7, machines=["PUMP-A01"])
    invoke = processed(aws, deploy, some, -2, TIME_WINDOW="2", FEATURE_LENGTHS_HOURS="[1, 2]")
    beginning = aws.snapshot()
    put(aws, late)
    invoke(at())
    undisturbed = end_state(aws)

    overtaken = 0
    for number in range(1, 1000):
        aws.restore(beginning)
        counters()

        def overtake() -> None:
            put(aws, late)
            invoke(at())

        calls = rival(hook, operation, number, overtake)
        invoke(at())
        if len(calls) < number:
            break
        overtaken += counters()["RunsOvertaken"]
        invoke(at())  # what the rival alone saw is taken up by the next run at the latest
        assert end_state(aws) == undisturbed
    assert number > 3
    assert operation != "PutObject" or overtaken


def test_a_run_overtaken_time_after_time_fails_with_the_rivals_state_standing(aws, deploy, hook):
    put(aws, readings(-8, 0))
    invoke = deploy("processing")

    def overtake(params, **_):
        if params["Key"] == CHECKPOINT:
            aws.put(CHECKPOINT, json.dumps(moved()).encode())

    versions = iter(range(100, 200))

    def moved() -> dict:
        return {
            "version": next(versions),
            "processed_from": "2026-11-21T06:00:00.000000Z",
            "processed_until": "2026-11-21T06:00:00.000000Z",
            "hours": {},
        }

    hook(clients.s3(), "provide-client-params.s3.PutObject", overtake)
    with pytest.raises(ObjectMovedError, match=r"checkpoint.json was written by another run"):
        invoke(at())
    assert checkpoint(aws)["version"] == 102
