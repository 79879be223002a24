"""A backfill by many invocations side by side: the same rows as one after the other, whatever is done twice or left."""

import json
from itertools import cycle

import polars as pl
import pytest

from tests.handlers.aws_in_process import InjectedError
from tests.handlers.processed_lake import HOUR, NOON, computed, put, readings, span, stored

MACHINES = [f"PUMP-{number:02d}" for number in range(9)]


def text(hours: float) -> str:
    return (NOON + hours * HOUR).isoformat()


class Job:
    """What the state machine does, without it: a plan, its hours, another plan, its pieces, and the end."""

    def __init__(self, aws, invoke, first: float, last: float, name: str = "job") -> None:
        self.aws, self.invoke, self.name = aws, invoke, name
        self.range = {"start": text(first), "end": text(last)}

    def units(self, answer: dict) -> list[dict]:
        found = json.loads(self.aws.objects(answer["key"])[answer["key"]])
        assert len(found) == answer["count"]
        return found

    def step(self, step: str, **more: object) -> dict:
        return self.invoke({"step": step, "job": self.name, **more})

    def hours(self) -> list[dict]:
        return self.units(self.step("plan_hours", **self.range))

    def pieces(self) -> tuple[list[dict], dict]:
        plan = self.step("plan_pieces", **self.range)
        return self.units(plan), {name: plan[name] for name in ("end", "reached", "feature_rows", "online_written")}

    def run(self) -> dict:
        for unit in reversed(self.hours()):
            assert self.step("build_hour", **unit) == {}
        pieces, progress = self.pieces()
        for unit in reversed(pieces):
            assert self.step("compute_piece", **unit, end=progress["end"]) == {}
        while not (progress := self.step("finish", **progress)).pop("is_complete"):
            pass
        return progress


def outcome(aws) -> tuple[dict[str, bytes], list[dict]]:
    objects, items = aws.objects("processed/"), aws.items("realtime-features")
    for item in items:
        item.pop("updated_at")
    return {key: body for key, body in objects.items() if "backfills" not in key and "layout" not in key}, items


@pytest.mark.parametrize(
    "shards", [1, pytest.param(7, marks=pytest.mark.verify), pytest.param(100, marks=pytest.mark.verify)]
)
def test_pieces_side_by_side_give_what_one_run_gives_once_and_twice(aws, deploy, shards):
    some = readings(-26, -20, minutes=30, machines=MACHINES[:4]) + readings(-8, 0, minutes=30, machines=MACHINES[2:])
    put(aws, some)
    invoke = deploy("processing", LAKE_SHARDS=str(shards))
    progress = Job(aws, invoke, -20, 0).run()
    assert stored(aws).equals(computed(some, -20, 0))
    assert progress["feature_rows"] == stored(aws).height
    once = outcome(aws)
    Job(aws, invoke, -20, 0, "again").run()
    assert outcome(aws) == once
    aws.delete("processed/")
    invoke(span(-20, 0))
    assert outcome(aws) == once


@pytest.mark.parametrize("hop", ["15"])
def test_a_shorter_hop_is_divided_at_hours_too(aws, deploy, hop):
    some = readings(-9, 3, minutes=5)
    put(aws, some)
    Job(aws, deploy("processing", FEATURE_HOP_MINUTES=hop), -8, 2).run()
    # A partition is computed whole: the row at 04:00 stands with that at 04:30.
    assert stored(aws).equals(computed(some, -8.1, 2, hop=f"{hop}m"))


def test_what_is_done_is_left_out_when_a_job_is_begun_again_and_what_has_changed_is_not(aws, deploy, faults):
    put(aws, readings(-14, 0))
    job = Job(aws, deploy("processing"), -8, 0)
    hours = job.hours()
    assert len(hours) == 14  # those of the first window before the range, too
    for unit in hours[:10]:
        job.step("build_hour", **unit)
    assert job.hours() == hours[10:]
    faults.fail_where(lambda operation, key: operation == "PutObject" and "features" in str(key))
    for unit in hours[10:]:
        job.step("build_hour", **unit)
    pieces, progress = job.pieces()
    with pytest.raises(InjectedError):
        job.step("compute_piece", **pieces[0], end=progress["end"])
    faults.clear()
    job.step("compute_piece", **pieces[0], end=progress["end"])
    assert job.pieces()[0] == pieces[1:]
    late = readings(-2, -1, minutes=7)
    put(aws, late)
    assert [unit["hour"] for unit in job.hours()] == ["2026-11-21T10"]
    job.run()
    assert stored(aws).equals(computed(readings(-14, 0) + late, -8, 0))


def test_a_damaged_partition_of_buckets_is_built_again_by_the_piece_that_needs_it(aws, deploy):
    put(aws, readings(-8, 0))
    job = Job(aws, deploy("processing"), -6, 0)
    for unit in job.hours():
        job.step("build_hour", **unit)
    pieces, progress = job.pieces()
    key = "processed/buckets/date=2026-11-21/hour=09/shard=00.parquet"
    aws.put(key, b"no Parquet")
    for unit in pieces:
        job.step("compute_piece", **unit, end=progress["end"])
    assert stored(aws).equals(computed(readings(-8, 0), -6, 0))


def test_the_end_of_a_long_job_is_divided_by_the_time_that_is_left(aws, deploy, context):
    put(aws, readings(-8, 0))
    job = Job(aws, deploy("processing"), -6, 0)
    left = cycle([300_000, 200_000, 100_000])  # as an invocation begins, before its first hour, before its second
    context.get_remaining_time_in_millis = lambda: next(left)
    assert job.run() == {
        "end": "2026-11-21T12:00:00.000000Z",
        "reached": "2026-11-21T12:00:00.000000Z",
        "feature_rows": stored(aws).height,
        "online_written": 12,
    }


def test_hours_without_readings_cost_nothing(aws, deploy):
    assert Job(aws, deploy("processing"), -100, 0).run()["feature_rows"] == 0
    assert stored(aws).equals(pl.DataFrame())
