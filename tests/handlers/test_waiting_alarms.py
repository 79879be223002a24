"""Alarms that wait: the scheduled run takes them off the shelf in time, and reminds people of what nobody answers."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.alerting import Answer
from mlops_core.alerting.episodes import AlarmSource, Episode, EpisodeLife, Stage
from tests.handlers import stores
from tests.raised_alarms import raised

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def score(aws, deploy):
    return deploy("scoring", ESCALATE_AFTER_HOURS="4")


def store(hours_ago: float, *, stage: Stage = Stage.WATCH, is_announced: bool = True) -> Episode:
    since = NOW - hours_ago * HOUR
    alarm = raised("PUMP-1", stage=stage, opened=since)
    alarms = stores.alarms()
    assert alarms.save(alarm, now=since)
    if is_announced:
        alarms.note_announced(alarm)
    return alarm.episode


def test_people_are_reminded_once_each_time_that_the_hours_have_passed(score, aws):
    episode = store(hours_ago=5)
    score({})
    score({})
    (reminder,) = aws.notices()
    assert reminder.startswith("UNANSWERED, WATCH: PUMP-1 vibration is beyond its limit.")
    assert f"mlops alarms acknowledge {episode.id}" in reminder


@pytest.mark.parametrize("hours_ago", [3, 5])
def test_nobody_is_reminded_early_or_of_what_is_answered(score, aws, hours_ago):
    episode = store(hours_ago)
    if hours_ago == 5:
        answer = Answer.model_validate({"action": "acknowledge"})
        stores.alarms().answer(episode.id, answer, principal="ann", now=NOW)
    score({})
    assert aws.notices() == []


def test_what_was_shelved_comes_back_and_people_hear_of_it(score, aws):
    episode = store(hours_ago=5)
    alarms = stores.alarms()
    answer = Answer.model_validate({"action": "shelve", "until": (NOW - HOUR).isoformat()})
    alarms.answer(episode.id, answer, principal="ann", now=NOW - 2 * HOUR)
    score({})
    (notice,) = aws.notices()
    assert notice.startswith("Back from the shelf, WATCH: PUMP-1")
    back = alarms.load("PUMP-1", AlarmSource.LIMIT, "vibration").episode
    assert back.life is EpisodeLife.OPEN


def test_a_stack_that_escalates_nothing_still_takes_alarms_off_the_shelf(deploy, aws):
    store(hours_ago=99)
    deploy("scoring")({})
    assert aws.notices() == []


def test_what_its_writer_did_not_live_to_announce_is_announced_once_its_minute_is_over(score, aws):
    store(hours_ago=1, is_announced=False)
    score({})
    score({})
    (notice,) = aws.notices()
    assert notice.startswith("WATCH: PUMP-1 vibration is beyond its limit.")


def test_a_note_that_comes_late_takes_nothing_back_that_was_announced_since(score, aws):
    store(hours_ago=1)
    alarms = stores.alarms()
    opened = alarms.load("PUMP-1", AlarmSource.LIMIT, "vibration")
    ended = opened.following(episode=opened.episode.ended(NOW), evidence="{}", now=NOW - HOUR)
    assert alarms.save(ended, now=NOW)
    alarms.note_announced(ended)
    alarms.note_announced(opened)
    score({})
    assert aws.notices() == []
