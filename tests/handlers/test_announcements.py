"""Changes that are gathered: few are announced one by one, many in one message, and each exactly once."""

from datetime import UTC, datetime, timedelta

import pytest
from aws_lambda_powertools import Metrics

from handlers.announcements import AlarmDesk
from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode, Stage
from tests.handlers import stores

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MODEL = AlarmSource.FAILURE_MODEL


class RecordingNotifier:
    """What people are sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.is_broken = False

    def publish(self, notice, *, about: str) -> None:
        if self.is_broken:
            raise OSError("no answer")
        self.sent.append((notice.subject, about))


def opened(alarm: Alarm, *, now: datetime) -> Alarm:
    if alarm.episode is not None:
        return alarm
    episode = Episode(machine_id=alarm.machine_id, source=MODEL, stage=Stage.ACT, opened=NOON)
    return alarm.following(episode=episode, evidence="", now=now)


@pytest.fixture
def notifier() -> RecordingNotifier:
    return RecordingNotifier()


@pytest.fixture(autouse=True)
def _metrics_are_nobodys():
    yield
    Metrics().clear_metrics()


@pytest.fixture
def desk(aws, notifier) -> AlarmDesk:
    return AlarmDesk(stores.alarms(), notifier)


def change(desk: AlarmDesk, count: int) -> list[Alarm]:
    return [desk.change(f"M-{number:02}", MODEL, opened) for number in range(count)]


def unannounced(aws) -> list[str]:
    return [alarm.machine_id for alarm in stores.alarms().load_all(MODEL) if alarm.is_due()]


def test_ten_changes_are_ten_messages_and_eleven_are_one(aws, desk, notifier):
    with desk.gathering():
        changed = change(desk, 10)
        assert notifier.sent == []
        assert not any(alarm.is_due() for alarm in changed)
    assert notifier.sent == [(f"ACT: M-{number:02} is likely to fail", "machine") for number in range(10)]
    with desk.gathering():
        change(desk, 21)  # of which ten are known
    assert notifier.sent[10:] == [("11 alarms changed: 11 ACT", "machine")]
    assert unannounced(aws) == []


def test_what_is_gathered_is_told_where_the_run_fails_later(aws, desk, notifier):
    def failing() -> None:
        with desk.gathering():
            change(desk, 12)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert len(notifier.sent) == 1
    assert unannounced(aws) == []


def test_a_message_that_could_not_be_sent_is_sent_by_the_next_run(aws, desk, notifier):
    notifier.is_broken = True
    with pytest.raises(OSError, match="no answer"), desk.gathering():
        change(desk, 12)
    assert len(unannounced(aws)) == 12
    notifier.is_broken = False
    with desk.gathering():
        change(desk, 12)
    assert unannounced(aws) == []
    assert len(notifier.sent) == 1


def test_an_alarm_that_changes_twice_is_told_once_as_it_is_in_the_end(aws, desk, notifier):
    def ended(alarm: Alarm, *, now: datetime) -> Alarm:
        after = alarm.episode.ended(NOON)
        return alarm if after == alarm.episode else alarm.following(episode=after, evidence="", now=now)

    with desk.gathering():
        change(desk, 1)
        desk.change("M-00", MODEL, ended)
    assert notifier.sent == [("M-00 is back to normal", "machine")]


def test_what_waits_longer_than_others_leave_it_alone_is_sent_before_the_end(aws, notifier):
    moments = iter(NOON + timedelta(seconds=20 * number) for number in range(100))
    desk = AlarmDesk(stores.alarms(), notifier, clock=lambda: next(moments))
    with desk.gathering():
        change(desk, 4)
        assert notifier.sent != []
