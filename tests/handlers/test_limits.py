"""Limits are judged where readings arrive: one episode, announced, whatever is delivered how often and by whom."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from aws_lambda_powertools import Metrics

from handlers.announcements import AlarmDesk
from handlers.limits import LimitWatch
from handlers.stores import Notifier, clients
from mlops_core.alerting import episodes
from mlops_core.alerting.episodes import AlarmSource
from mlops_core.telemetry import CHANNELS, Reading, reading_message
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError, until_accepted

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
SEVERE = (16.7, 16.7, 16.9)


@pytest.fixture
def ingest(deploy, deliver):
    """Deliver vibrations of PUMP-1, the first at `start`, one a minute, as if each had just been measured."""
    invoke = deploy("ingestion")

    def run(*values, start=AT, **options):
        messages = [
            tuple(reading_message("PUMP-1", "vibration", start + timedelta(minutes=number), value, **options))
            for number, value in enumerate(values)
        ]
        last = start + timedelta(minutes=len(values) - 1)
        return invoke(deliver(*messages, received_at_ms=int(last.timestamp() * 1000)))

    return run


@pytest.fixture(autouse=True)
def _counts_of_this_test_alone():
    yield
    Metrics().clear_metrics()  # of what was judged outside of a handler, which would publish them


def alarms():
    return stores.alarms().load_all()


def test_a_machine_in_zone_d_is_announced_once_with_its_reason(aws, ingest):
    for _ in range(2):
        assert ingest(*SEVERE) == {"batchItemFailures": []}
    (text,) = aws.notices()
    assert text.startswith(
        "ACT: PUMP-1 vibration is beyond its limit.\nWhy:\n- vibration is 16.7 mm/s, in zone D (from 11.2 mm/s,"
    )
    (alarm,) = alarms()
    assert (alarm.episode.stage, alarm.episode.opened) == ("ACT", AT)


def test_an_episode_rises_and_ends_and_each_is_announced(aws, ingest):
    ingest(8.0, 8.0)
    ingest(12.0, 12.0, start=AT + timedelta(minutes=2))
    ingest(3.0, 3.0, start=AT + timedelta(minutes=4))
    assert aws.headlines() == [
        "WATCH: PUMP-1 vibration is beyond its limit.",
        "ACT: PUMP-1 vibration is beyond its limit.",
        "PUMP-1 vibration is back within its limits.",
    ]
    (alarm,) = alarms()
    assert (alarm.episode.life, alarm.episode.closed) == ("CLOSED", AT + timedelta(minutes=5))


def test_a_healthy_fleet_costs_one_look_a_minute_at_alarms_and_one_at_machines_and_no_write(ingest, faults):
    for number in range(5):
        ingest(2.0, 2.1, 1.9, start=AT + timedelta(minutes=3 * number))
    assert faults.calls.count("Scan") == 2
    assert not {"UpdateItem", "GetItem", "Publish"} & set(faults.calls)


def test_late_and_replayed_history_raises_nothing(aws, ingest, deploy, deliver):
    late = [tuple(reading_message("PUMP-1", "vibration", AT + timedelta(minutes=n), 16.7)) for n in range(3)]
    deploy("ingestion")(deliver(*late, received_at_ms=int((AT + timedelta(hours=2)).timestamp() * 1000)))
    assert aws.notices() == []
    assert alarms() == []


def test_limits_of_a_class_hold_for_its_machines(aws, deploy, deliver):
    classes = {"pumps": {"machines": ["PUMP-*"], "limits": {"temperature": {"watch": 80, "hold": 0}}}}
    invoke = deploy("ingestion", MACHINE_CLASSES=json.dumps(classes))
    messages = [tuple(reading_message(name, "temperature", AT, 85.0)) for name in ("PUMP-1", "FAN-1")]
    invoke(deliver(*messages, received_at_ms=int(AT.timestamp() * 1000)))
    assert aws.headlines() == ["WATCH: PUMP-1 temperature is beyond its limit."]


@pytest.mark.parametrize("limits", [{}, {"vibration": {"watch": 4.5}}], ids=["none of the channel", "of another"])
def test_an_episode_of_limits_that_were_taken_away_ends_with_the_next_reading(aws, deploy, deliver, limits):
    def ingest(limits, start):
        classes = {"pumps": {"machines": ["PUMP-*"], "limits": limits}}
        messages = [
            tuple(reading_message("PUMP-1", "temperature", start + timedelta(minutes=number), 85.0))
            for number in (0, 2)
        ]
        received_at_ms = int((start + timedelta(minutes=2)).timestamp() * 1000)
        deploy("ingestion", MACHINE_CLASSES=json.dumps(classes))(deliver(*messages, received_at_ms=received_at_ms))

    ingest({"temperature": {"watch": 80, "hold": 0}}, AT)
    ingest(limits, AT - timedelta(minutes=10))  # readings from before the episode, which arrive late, do not end it
    for minutes in (5, 10):
        ingest(limits, AT + timedelta(minutes=minutes))
    assert aws.headlines() == [
        "WATCH: PUMP-1 temperature is beyond its limit.",
        "PUMP-1 temperature is back within its limits.",
    ]
    (alarm,) = alarms()
    assert (alarm.episode.life, alarm.episode.closed) == ("CLOSED", AT + timedelta(minutes=7))


def test_readings_are_kept_where_the_alarms_cannot_be_looked_up(aws, ingest, faults):
    faults.fail_where(lambda operation, _: operation in {"Scan", "UpdateItem"})
    with pytest.raises(InjectedError):
        ingest(*SEVERE)
    assert len(aws.lines("raw/")) == 3


@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_alarm_is_announced_whichever_call_fails(aws, deploy, deliver, faults, phase, monkeypatch):
    monkeypatch.setattr(episodes, "ANNOUNCING", timedelta(0))  # a message is delivered again after a claim has run out
    messages = [tuple(reading_message("PUMP-1", "vibration", AT + timedelta(minutes=n), 16.7)) for n in range(2)]
    event = deliver(*messages, received_at_ms=int((AT + timedelta(minutes=1)).timestamp() * 1000))
    until_accepted(deploy("ingestion"), event)
    calls, sent = len(faults.calls), len(aws.notices())
    for number in range(1, calls + 1):
        aws.clear()
        faults.fail(number, phase)
        until_accepted(deploy("ingestion"), event)
        faults.clear()
        assert len(aws.notices()) - sent in {1, 2}, number
        assert [alarm.episode.stage for alarm in alarms()] == ["ACT"]
        sent = len(aws.notices())


def watch() -> LimitWatch:
    store = stores.alarms()
    desk = AlarmDesk(store, Notifier(clients.sns(), "arn:aws:sns:eu-west-1:123456789012:notices"))
    return LimitWatch(desk, {}, CHANNELS, stores.machines())


def reading(minute: int, value: float) -> Reading:
    at = AT + timedelta(minutes=minute)
    return Reading(machine_id="PUMP-1", channel="vibration", event_timestamp=at, value=value, received_at=at)


@pytest.mark.parametrize("seed", range(12))
def test_functions_that_overlap_out_of_order_and_twice_open_one_episode(aws, seed):
    """Two functions, each with what it remembers, take a quarter of an hour of severe readings in pieces."""
    draw = random.Random(seed)  # noqa: S311  a history for a test, no secret
    history = [reading(minute, 3.0 if minute < 3 else 16.0) for minute in range(15)]
    delivered = [history[start : start + 3] for start in range(0, 15, 3)] * 2
    displaced = sorted(range(len(delivered)), key=lambda place: place + draw.uniform(0, 3))
    functions = (watch(), watch())
    for place in displaced:
        draw.choice(functions).judge(delivered[place])
    for function in functions:
        function.judge(history[-3:])
    (alarm,) = alarms()
    assert (alarm.source, alarm.episode.stage, alarm.episode.is_open) == (AlarmSource.LIMIT, "ACT", True)
    assert len(aws.notices()) == 1


def test_a_reading_that_changes_no_stage_waits_for_no_announcement_of_another_and_makes_none(aws, ingest, meanwhile):
    answers = meanwhile(clients.sns(), "Publish", lambda: ingest(3.0, start=AT + timedelta(minutes=3)))
    ingest(*SEVERE)
    assert answers == [{"batchItemFailures": []}]
    assert len(aws.notices()) == 1
