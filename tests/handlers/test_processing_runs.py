"""A run of processing ends in time and has itself continued, a bounded number of times, until all is done."""

import json
from collections.abc import Iterable
from datetime import datetime
from types import SimpleNamespace

import pytest

from handlers.deadline import Pace
from handlers.processing import MAXIMUM_CONTINUATIONS, NoProgressError
from handlers.stores import DataLake, clients
from mlops_core.processing import FutureMomentError
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.processed_lake import HOUR, NOON, at, checkpoint, computed, put, readings, span, stored


@pytest.fixture
def continuations(monkeypatch) -> list[dict]:
    """The invocations of itself that the function asked for."""
    asked: list[dict] = []
    monkeypatch.setattr(clients, "functions", lambda: SimpleNamespace(invoke=lambda **call: asked.append(call)))
    return asked


class Stopwatch:
    """The time that an invocation has left, which reading the raw objects of an hour takes its share of."""

    def __init__(self, milliseconds: int, of_an_hour: int) -> None:
        self.left = milliseconds
        self._of_an_hour = of_an_hour

    def read_raw_objects(self, lake: DataLake, keys: Iterable[str]) -> list[bytes]:
        keys = list(keys)
        if keys and keys[0].startswith("raw/"):
            self.left -= self._of_an_hour
        if self.left <= 0:
            raise KilledError
        return _READ_LISTED(lake, keys)


class KilledError(BaseException):
    """Lambda ends the process."""


_READ_LISTED = DataLake.read_listed


@pytest.fixture
def stopwatch(context, monkeypatch):
    """Start an invocation's time: `stopwatch(milliseconds, of_an_hour=...)`."""

    def start(milliseconds: int, *, of_an_hour: int) -> Stopwatch:
        watch = Stopwatch(milliseconds, of_an_hour)
        context.get_remaining_time_in_millis = lambda: watch.left
        monkeypatch.setattr(DataLake, "read_listed", lambda lake, keys: watch.read_raw_objects(lake, keys))
        return watch

    return start


def test_hours_that_take_more_time_together_than_a_run_has_are_done_by_several(aws, deploy, stopwatch, continuations):
    some = readings(-12, 6)
    put(aws, some)
    invoke = deploy("processing")
    for _ in range(10):
        before = aws.objects("processed/buckets/").keys()
        stopwatch(300_000, of_an_hour=60_000)  # the six hours of a chunk would take 360 s
        if (outcome := invoke(at(6)))["is_complete"]:
            break
        assert aws.objects("processed/buckets/").keys() > before
    assert outcome["is_complete"]
    assert stored(aws).equals(computed(some, 0, 6))
    assert len(continuations) >= 2


def test_a_run_gets_on_although_its_listings_take_nearly_all_of_its_time(aws, deploy, context, hook, continuations):
    some = readings(-8, 0)
    put(aws, some)
    invoke = deploy("processing")
    left = 3000

    def listed(**_):
        nonlocal left
        left = max(1, left - 500)

    hook(clients.s3(), "before-call.s3.ListObjectsV2", listed)
    context.get_remaining_time_in_millis = lambda: left
    for _ in range(40):
        left = 3000
        if (outcome := invoke(at()))["is_complete"]:
            break
    assert outcome["is_complete"]
    assert stored(aws).equals(computed(some, -6, 0))


def test_a_run_that_stops_in_time_has_itself_continued(aws, deploy, stopwatch, continuations, counters):
    put(aws, readings(-12, 0))
    stopwatch(300_000, of_an_hour=100_000)
    assert not deploy("processing")(at(0.5))["is_complete"]
    [call] = continuations
    assert (call["FunctionName"], call["InvocationType"]) == ("function", "Event")
    again = json.loads(call["Payload"])
    assert (datetime.fromisoformat(again.pop("at")), again) == (NOON + HOUR / 2, {"continuation": 1})
    assert counters()["RunsContinued"] == 1
    stopwatch(300_000, of_an_hour=0)
    assert deploy("processing")(json.loads(call["Payload"]))["is_complete"]
    assert len(continuations) == 1


def test_a_run_is_continued_a_bounded_number_of_times(aws, deploy, stopwatch, continuations):
    put(aws, readings(-12, 0))
    stopwatch(300_000, of_an_hour=160_000)
    outcome = deploy("processing")({**at(), "continuation": MAXIMUM_CONTINUATIONS})
    assert (outcome["is_complete"], continuations) == (False, [])


def test_a_run_that_may_not_continue_itself_fails(aws, deploy, stopwatch, monkeypatch):
    put(aws, readings(-12, 0))
    stopwatch(300_000, of_an_hour=160_000)

    def refuse(**_):
        raise InjectedError("Invoke")

    monkeypatch.setattr(clients, "functions", lambda: SimpleNamespace(invoke=refuse))
    with pytest.raises(InjectedError):
        deploy("processing")(at())


def test_a_run_without_progress_is_an_error(aws, deploy, monkeypatch):
    put(aws, readings(-12, 0))
    monkeypatch.setattr(Pace, "room", lambda *_: 0)
    with pytest.raises(NoProgressError):
        deploy("processing")(at())


def test_a_run_does_no_more_chunks_than_it_is_asked_for(aws, deploy, continuations):
    put(aws, readings(-12, 0))
    invoke = deploy("processing")
    assert not invoke({**at(), "chunks": 1})["is_complete"]
    assert (checkpoint(aws)["version"], len(continuations)) == (1, 1)


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("event", [at(1.1), span(-6, 0) | at(1.1)])
def test_a_moment_later_than_now_is_refused(aws, deploy, monkeypatch, event):
    put(aws, readings(-12, 1))
    invoke = deploy("processing")
    monkeypatch.setattr("handlers.processing._clock", lambda: NOON + HOUR)
    with pytest.raises(FutureMomentError, match=r"at, 2026-11-21T13:06:00.000000Z, lies in the future"):
        invoke(event)
    assert aws.objects("processed/") == {}


def test_a_checkpoint_of_the_future_is_an_error_that_names_the_remedy(aws, deploy):
    put(aws, readings(-12, 1))
    invoke = deploy("processing")
    invoke(at(24 * 400))  # a clock that jumped
    with pytest.raises(FutureMomentError, match=r"the checkpoint, 2027-.+Restore the previous version of processed/c"):
        invoke(at(1))
    assert checkpoint(aws)["processed_until"] > "2027"


def test_a_range_that_stops_in_time_says_how_far_it_came(aws, deploy, stopwatch, context, monkeypatch, continuations):
    some = readings(-24, 0)
    put(aws, some)
    invoke = deploy("processing")
    stopwatch(900_000, of_an_hour=40_000)
    outcome = invoke(span(-18, 0))
    assert not outcome["is_complete"]
    assert outcome["window_end"] > "2026-11-20T18"
    assert continuations == []  # whoever asked for it goes on
    monkeypatch.setattr(DataLake, "read_listed", _READ_LISTED)
    context.get_remaining_time_in_millis = lambda: 300_000
    assert invoke(span(-18, 0) | {"start": outcome["window_end"] or NOON - 18 * HOUR})["is_complete"]
    assert stored(aws).equals(computed(some, -18, 0))
