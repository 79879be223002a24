"""Each change of an episode is an event on the bus, with one id however often it is delivered; a verdict is a label."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs import generate_alarm_event_schema
from handlers.stores import clients
from handlers.stores.event_bus import EventBus, EventRefusedError
from mlops_core.alerting import Answer, answered_alarm
from mlops_core.alerting.episodes import Alarm
from tests.handlers import stores
from tests.raised_alarms import raised

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = "arn:aws:iam::123456789012:user/ann"
SCHEMA = json.loads(generate_alarm_event_schema.FILE.read_text())


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the bus was given; as long as it holds `REFUSE`, it takes nothing."""
    entries: list[dict[str, Any]] = []

    class Bus:
        def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
            if "REFUSE" in entries:
                return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
            entries.extend(Entries)
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    monkeypatch.setattr(clients, "events", lambda: Bus())
    return entries


@pytest.fixture
def deliver(aws, deploy, published) -> Callable[..., dict[str, Any]]:
    invoke = deploy("alarm_events")
    return lambda *records: invoke({"Records": list(records)})


def opened() -> Alarm:
    return raised("PUMP-1", opened=NOW - HOUR, reasons=("vibration is 8 mm/s",))


def answer(alarm: Alarm, **fields: Any) -> Alarm:
    asked = Answer.model_validate(fields)
    return answered_alarm(alarm, episode_id=alarm.episode.id, answer=asked, principal=ANN, now=NOW)


def record(before: Alarm | None, after: Alarm | None) -> dict[str, Any]:
    """A record of the stream, as DynamoDB sends it."""
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventName": "MODIFY",
        "dynamodb": {
            name: {"episode": {"S": alarm.episode.model_dump_json()}, "sequence": {"N": str(alarm.sequence)}}
            for name, alarm in images.items()
            if alarm is not None and alarm.episode is not None
        },
    }


def details(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(entry["Detail"]) for entry in entries]


def test_each_change_is_an_event_of_the_published_schema(deliver, published):
    first = opened()
    second = answer(first, action="acknowledge", stated_name="Ann", note="on my way")
    assert deliver(record(None, first), record(first, second)) == {"published": 2}
    assert {(each["EventBusName"], each["Source"], each["DetailType"]) for each in published} == {
        ("alarms", "mlops.alarms", "Alarm episode changed")
    }
    for detail in details(published):
        Draft202012Validator(SCHEMA).validate(detail)
    opening, seen = details(published)
    assert (opening["change"], opening["by"]) == ("OPENED", None)
    assert opening["summary"] == "PUMP-1 WATCH: vibration is 8 mm/s"
    assert (seen["change"], seen["by"], seen["stated_name"]) == ("ACKNOWLEDGED", ANN, "Ann")
    assert seen["episode"]["id"] == opening["episode"]["id"]
    assert seen["event_id"] != opening["event_id"]


def test_what_is_delivered_again_has_the_same_id(deliver, published):
    deliver(record(None, opened()))
    deliver(record(None, opened()))
    first, again = details(published)
    assert first == again


def test_what_changes_no_episode_is_no_event(deliver, published):
    alarm = opened()
    claimed = alarm.model_copy(update={"announced": "x"})
    assert deliver(record(alarm, claimed), record(alarm, None), record(None, None)) == {"published": 0}
    assert published == []


def test_a_bus_that_takes_nothing_has_the_change_delivered_again(deliver, published):
    published.append("REFUSE")
    with pytest.raises(EventRefusedError):
        deliver(record(None, opened()))
    published.clear()
    assert deliver(record(None, opened())) == {"published": 1}


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("crashes_at", [1, 2, 3, 4])
def test_a_crash_anywhere_loses_no_change_of_a_life_and_gives_none_a_second_id(
    deliver, published, aws, monkeypatch, crashes_at: int, phase: str
):
    """The batch is delivered again, as the stream does it, until a run comes to its end."""
    life = [opened()]
    for fields in ({"action": "acknowledge"}, {"action": "begin_work"}, {"action": "close", "verdict": "NO_FAULT"}):
        life.append(answer(life[-1], **fields))
    batch = [record(before, after) for before, after in zip([None, *life], life, strict=False)]
    bus, calls = clients.events(), 0

    class CrashingBus:
        def put_events(self, **asked: Any) -> dict[str, Any]:
            nonlocal calls
            calls += 1
            if calls == crashes_at and phase == "before":
                raise ConnectionError
            answered = bus.put_events(**asked)
            if calls == crashes_at:
                raise ConnectionError
            return answered

    monkeypatch.setattr("handlers.alarm_events._bus", lambda: EventBus(CrashingBus(), "alarms"))
    with pytest.raises(ConnectionError):
        deliver(*batch)
    deliver(*batch)
    heard = details(published)
    assert [each["change"] for each in heard[-4:]] == ["OPENED", "ACKNOWLEDGED", "WORK_BEGUN", "VERDICT"]
    assert len({each["event_id"] for each in heard}) == 4
    assert len({json.dumps(each, sort_keys=True) for each in heard}) == 4, "what is heard again is the same"
    assert len(stores.labels().load_verdicts()) == 1


def test_a_verdict_is_a_label_however_often_it_is_delivered_and_no_failure(deliver, aws):
    first = opened()
    judged = answer(first, action="close", verdict="FAULT_FOUND", failure_mode="bearing", stated_name="Ann")
    for _ in range(2):
        deliver(record(first, judged))
    history = stores.labels()
    (verdict,) = history.load_verdicts()
    assert verdict == {
        "machine_id": "PUMP-1", "opened": NOW - HOUR, "decided_at": NOW,
        "source": "limit", "verdict": "FAULT_FOUND", "failure_mode": "bearing",
    }  # fmt: skip
    assert list(history.entries()) == history.of_machine("PUMP-1") == []
    (item,) = aws.items("label-history")
    assert (item["caller"]["S"], item["recorded_by"]["S"]) == (ANN, "Ann")


def test_the_schema_in_git_is_what_the_code_says_now():
    assert generate_alarm_event_schema.FILE.read_text() == generate_alarm_event_schema.render(), (
        "run: python -m docs.generate_alarm_event_schema"
    )
