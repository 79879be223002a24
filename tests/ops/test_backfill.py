"""``mlops backfill``: a range in bounded chunks, one at a time, with every failure seen."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, strategies as st

from mlops_core.telemetry import Reading
from ops.errors import BackfillFailedError, FunctionFailedError
from ops.ranges import HOUR, Processed, RangeProcessor, chunks, reach, whole_hours
from ops.side_by_side import SideBySide, begun, followed
from ops.stack import Stack
from tests.ops.conftest import COMPLETE, Deployed, keep

START = datetime(2025, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone beside it


def throttled(code: str = "TooManyRequestsException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "busy"}}, "Invoke")


class Client:
    """A Lambda client that answers in turn: a dict is a result, an error is raised."""

    def __init__(self, *answers: dict[str, Any] | ClientError) -> None:
        self.answers = list(answers)
        self.events: list[dict[str, str]] = []

    def invoke(self, *, Payload: bytes, **_: object) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.events.append(json.loads(Payload))
        answer = self.answers.pop(0)
        if isinstance(answer, ClientError):
            raise answer
        return {"Payload": BytesIO(json.dumps(COMPLETE | answer.get("says", {})).encode()), **answer}


def nothing(_: int) -> None:
    """An Advance that shows nothing."""


def processor(client: Client, patience: float = 100) -> tuple[RangeProcessor, list[float]]:
    slept: list[float] = []
    made = RangeProcessor(
        client,
        "processing",
        "/aws/lambda/features",
        patience_seconds=patience,
        clock=lambda: sum(slept),
        sleep=slept.append,
    )
    return made, slept


def measured(deployed: Deployed, *moments: datetime) -> None:
    """Put a reading of each moment into the lake."""
    keep(deployed.stack, [Reading("PUMP-A01", "temperature", at, 20.0, at) for at in moments])


def test_a_range_is_widened_to_whole_hours_and_taken_chunk_by_chunk(deployed: Deployed) -> None:
    measured(deployed, START)
    report = deployed.json(
        "backfill", "--start", "2025-01-01T02:30:00+02:00", "--end", "2025-01-01T13:01Z", "--chunk", "6h"
    )
    assert deployed.functions.events == [
        {"start": "2025-01-01T00:00:00.000000Z", "end": "2025-01-01T06:00:00.000000Z"},
        {"start": "2025-01-01T06:00:00.000000Z", "end": "2025-01-01T12:00:00.000000Z"},
        {"start": "2025-01-01T12:00:00.000000Z", "end": "2025-01-01T14:00:00.000000Z"},
    ]
    assert (report["invocations"], report["feature_rows"], report["online_written"]) == (3, 72, 3)


def test_a_range_that_begins_in_1970_costs_what_the_lake_holds_of_it(deployed: Deployed) -> None:
    measured(deployed, START, START + timedelta(days=400))
    report = deployed.json("backfill", "--start", "1970-01-01", "--end", "2026-11-28T09Z")
    assert report["invocations"] <= 4  # of 2,970 weeks; at most two hold windows of one day's readings
    starts = [event["start"][:10] for event in deployed.functions.events]
    assert all("2024-12-2" <= start <= "2025-01-02" or "2026-01-2" <= start <= "2026-02-06" for start in starts)


def test_an_empty_lake_costs_no_invocation(deployed: Deployed) -> None:
    report = deployed.json("backfill", "--start", "2024-01-01", "--end", "2026-01-01")
    assert (report["invocations"], deployed.functions.events) == (0, [])


@given(start=moments, hours=st.integers(1, 400), length=st.integers(1, 100))
def test_chunks_cover_a_range_without_gap_or_overlap(start: datetime, hours: int, length: int) -> None:
    pieces = chunks(start, start + hours * HOUR, length * HOUR)
    assert [first for first, _ in pieces] == [start, *(last for _, last in pieces[:-1])]
    assert pieces[-1][1] == start + hours * HOUR
    assert all(timedelta() < last - first <= length * HOUR for first, last in pieces)


@given(first=moments, spans=st.timedeltas(timedelta(), timedelta(days=3)))
def test_the_reach_of_readings_holds_every_window_with_one_of_them(first: datetime, spans: timedelta) -> None:
    last, longest = first + spans, timedelta(hours=6)
    start, end = reach(first, last, longest, now=datetime(2200, 1, 1, tzinfo=UTC))
    # The first window that holds `first` ends with its hour; the last that holds `last` begins with its hour.
    assert start <= first < start + HOUR
    assert end - longest <= last < end - longest + HOUR


def test_the_reach_ends_with_the_hour_that_is_not_over() -> None:
    now = START + timedelta(hours=5, minutes=20)
    assert reach(START, now, timedelta(hours=6), now=now) == (START, START + timedelta(hours=5))


def test_whole_hours_keep_a_range_that_has_them() -> None:
    assert whole_hours(START, START + HOUR) == (START, START + HOUR)
    assert whole_hours(START + timedelta.resolution, START + HOUR + timedelta.resolution) == (START, START + 2 * HOUR)


def test_a_failure_of_the_function_is_shown_with_its_payload(deployed: Deployed) -> None:
    measured(deployed, START)
    deployed.functions.script = lambda _: {"errorType": "AccessDenied", "errorMessage": "not allowed to read raw/"}
    said = deployed.refused("backfill", "--start", "2025-01-01T00:00Z", "--end", "2025-01-01T01:00Z")
    assert "processing failed with AccessDenied: not allowed to read raw/" in said
    assert "aws logs tail /aws/lambda/features" in said


def test_a_busy_function_is_asked_again_with_growing_pauses() -> None:
    client = Client(throttled(), throttled(), throttled("ServiceException"), {})
    processing, slept = processor(client)
    assert processing.process(START, START + HOUR, nothing) == Processed(1, 24, 1)
    assert len(client.events) == 4
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(slept))


def test_patience_with_a_busy_function_ends() -> None:
    client = Client(*(throttled() for _ in range(100)))
    processing, slept = processor(client, patience=60)
    with pytest.raises(ClientError, match="TooManyRequests"):
        processing.process(START, START + HOUR, nothing)
    assert 30 < sum(slept) <= 60


def test_any_other_refusal_is_not_tried_again() -> None:
    client = Client(throttled("ResourceNotFoundException"))
    with pytest.raises(ClientError, match="ResourceNotFound"):
        processor(client)[0].process(START, START + HOUR, nothing)
    assert len(client.events) == 1


def too_long(most: timedelta) -> Callable[[dict[str, str]], dict[str, Any]]:
    """A function that runs out of time for more than ``most``."""

    def run(event: dict[str, str]) -> dict[str, Any]:
        if datetime.fromisoformat(event["end"]) - datetime.fromisoformat(event["start"]) > most:
            return {
                "errorType": "Sandbox.Timedout",
                "errorMessage": "RequestId: 1 Error: Task timed out after 300.00 seconds",
            }
        return COMPLETE

    return run


def test_a_chunk_that_takes_too_long_is_divided(deployed: Deployed) -> None:
    measured(deployed, START)
    deployed.functions.script = too_long(3 * HOUR)
    report = deployed.json("backfill", "--start", "2025-01-01T00:00Z", "--end", "2025-01-01T07:00Z", "--chunk", "7h")
    done = [event for event in deployed.functions.events if "feature_rows" in deployed.functions.script(event)]
    assert [(event["start"][11:13], event["end"][11:13]) for event in done] == [
        ("00", "03"),
        ("03", "05"),
        ("05", "07"),
    ]
    assert report["feature_rows"] == 3 * 24


def test_one_hour_that_takes_too_long_is_an_error() -> None:
    client = Client(
        {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorMessage": "Task timed out after 3 seconds"}')}
    )
    with pytest.raises(FunctionFailedError, match="timed out"):
        processor(client)[0].process(START, START + HOUR, nothing)


def test_a_function_that_stops_in_time_is_asked_for_the_rest() -> None:
    client = Client({"says": {"is_complete": False, "window_end": "2025-01-01T02:00:00.000000Z"}}, {})
    progress: list[int] = []
    assert processor(client)[0].process(START, START + 5 * HOUR, progress.append) == Processed(2, 48, 2)
    assert progress == [2, 3]
    first, second = client.events
    assert (first["start"], first["end"]) == ("2025-01-01T00:00:00.000000Z", "2025-01-01T05:00:00.000000Z")
    assert (second["start"], second["end"]) == ("2025-01-01T02:00:00.000000Z", "2025-01-01T05:00:00.000000Z")


@pytest.mark.parametrize("window_end", [None, "2025-01-01T00:00:00.000000Z"])
def test_a_function_that_gets_nowhere_is_an_error(window_end: str | None) -> None:
    client = Client({"says": {"is_complete": False, "window_end": window_end}})
    with pytest.raises(FunctionFailedError, match="no progress"):
        processor(client)[0].process(START, START + HOUR, nothing)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--start", "2025-01-02T00:00Z", "--end", "2025-01-01T00:00Z"), "holds nothing"),
        (("--start", "2025-01-01T00:00", "--end", "2025-01-02T00:00Z"), "--start"),
        (("--start", "2025-01-01T00:00Z", "--end", "tomorrow"), "--end"),
        (("--start", "2025-01-01T00:00Z", "--end", "2025-01-02T00:00Z", "--chunk", "90m"), "whole number of hours"),
        (("--start", "2025-01-01T00:00Z", "--end", "2025-01-02T00:00Z", "--chunk", "long"), "--chunk"),
    ],
)
def test_a_range_that_cannot_be_meant_starts_nothing(
    deployed: Deployed, options: tuple[str, ...], message: str
) -> None:
    assert message in deployed.refused("backfill", *options)
    assert deployed.functions.events == []


class Machine:
    """A Step Functions client: `known` executions, newest first, and how those that are begun end."""

    def __init__(self, *known: tuple[str, str], ends: str = "SUCCEEDED") -> None:
        self.known = [{"name": name, "status": status, "executionArn": f"arn:{name}"} for name, status in known]
        self.ends = ends
        self.begun: list[dict[str, Any]] = []
        self.looks = 0

    def list_executions(self, **_: object) -> dict[str, Any]:
        return {"executions": self.known}

    def start_execution(self, *, name: str, input: str, **_: object) -> dict[str, str]:  # noqa: A002 - boto3's name
        self.begun.append({"name": name, **json.loads(input)})
        return {"executionArn": f"arn:{name}"}

    def describe_execution(self, **_: object) -> dict[str, Any]:
        self.looks += 1
        if self.looks < 6:
            return {"status": "RUNNING"}
        output = json.dumps({"feature_rows": 48, "online_written": 2})
        return {"status": self.ends, "output": output, "cause": '{"errorMessage": "no room"}'}

    def list_map_runs(self, **_: object) -> dict[str, Any]:
        labels = ("Hours", "Pieces")[: 1 + (self.looks > 3)]
        return {"mapRuns": [{"mapRunArn": f"arn:aws:states:x:1:mapRun:machine/{each}:4711"} for each in labels]}

    def describe_map_run(self, *, mapRunArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        total = 30 if "Hours" in mapRunArn else 4
        return {"itemCounts": {"total": total, "succeeded": min(total, self.looks * 10)}}


SPAN = "20250101T00-20250102T00"


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ([(f"{SPAN}-0a1b2c3d-2", "FAILED"), (f"{SPAN}-0a1b2c3d-1", "FAILED")], f"{SPAN}-0a1b2c3d-3"),
        ([("20250101T00-20250103T00-0a1b2c3d-1", "FAILED")], None),
        ([(f"{SPAN}-0a1b2c3d-1", "SUCCEEDED")], None),
    ],
)
def test_a_command_goes_on_with_the_job_of_its_range_that_failed_and_begins_another_otherwise(known, name) -> None:
    machine = Machine(*known)
    begun(machine, "arn:machine", START, START + timedelta(days=1))
    (given,) = machine.begun
    assert given["name"] == name or (name is None and "0a1b2c3d" not in given["name"])
    assert given["job"] == given["name"].rpartition("-")[0]
    assert (given["start"], given["end"]) == ("2025-01-01T00:00:00.000000Z", "2025-01-02T00:00:00.000000Z")


def test_a_command_joins_the_execution_that_is_under_way() -> None:
    machine = Machine((f"{SPAN}-0a1b2c3d-1", "RUNNING"))
    assert begun(machine, "arn:machine", START, START + timedelta(days=1)) == f"arn:{SPAN}-0a1b2c3d-1"
    assert machine.begun == []


def test_an_execution_is_followed_to_its_result() -> None:
    done = followed(Machine(), "arn:x", quiet=True, sleep=lambda _: None)
    assert done == SideBySide("arn:x", hours=30, pieces=4, feature_rows=48, online_written=2)


def test_an_execution_that_failed_says_why_and_what_to_do() -> None:
    with pytest.raises(BackfillFailedError, match=r"ended as FAILED: .*no room.* run the same command again"):
        followed(Machine(ends="FAILED"), "arn:x", quiet=True, sleep=lambda _: None)


@pytest.mark.parametrize(
    ("fleet", "options", "is_distributed"),
    [(4999, (), False), (5000, (), True), (5000, ("--one-by-one",), False), (0, ("--distributed",), True)],
)
def test_many_machines_are_distributed_and_few_are_not_unless_it_is_asked_for(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, fleet: int, options: tuple[str, ...], is_distributed: bool
) -> None:
    machine = Machine()
    machine.looks = 6
    monkeypatch.setattr(Stack, "state_machines", machine)
    deployed.set_outputs(fleet_size=fleet, distributed_from_machines=5000, backfill_state_machine_arn="arn:machine")
    measured(deployed, START)
    report = deployed.json("backfill", "--start", "1970-01-01", "--end", "2025-01-03", *options)
    assert bool(machine.begun) is is_distributed
    assert bool(deployed.functions.events) is not is_distributed
    if is_distributed:  # of the range, what can have rows
        assert (report["start"], report["end"]) == ("2024-12-31T00:00:00Z", "2025-01-03T00:00:00Z")


def test_a_range_without_readings_is_not_begun(deployed: Deployed) -> None:
    said = deployed.refused("backfill", "--start", "2025-01-01", "--end", "2025-01-03", "--distributed")
    assert "No reading of the lake counts in that range." in said
