"""What people do about an episode: which answers it takes as it is, and what becomes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from mlops_core.alerting import Answer, AnswerRefusedError, NoSuchEpisodeError, answered_alarm, overdue_alarm
from mlops_core.alerting.episodes import MOST_STEPS, Alarm, AlarmSource, EpisodeLife, Stage, StepKind, Verdict
from tests.raised_alarms import raised

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = "arn:aws:iam::123456789012:user/ann"


def opened(stage: Stage = Stage.WATCH, source: AlarmSource = AlarmSource.LIMIT) -> Alarm:
    return raised("PUMP-1", source=source, stage=stage, opened=NOW - HOUR)


def answer(alarm: Alarm, *, now: datetime = NOW, **fields: object) -> Alarm:
    given = Answer.model_validate(fields)
    return answered_alarm(alarm, episode_id=alarm.episode.id, answer=given, principal=ANN, now=now)


def life(alarm: Alarm) -> EpisodeLife:
    return alarm.episode.life


def kinds(alarm: Alarm) -> list[StepKind]:
    return [step.kind for step in alarm.episode.steps]


def test_an_episode_goes_from_its_opening_to_a_verdict_and_keeps_who_did_what() -> None:
    alarm = answer(opened(), action="acknowledge", stated_name="Ann", note="on my way")
    alarm = answer(alarm, action="begin_work")
    alarm = answer(alarm, action="close", verdict="FAULT_FOUND", failure_mode="bearing")
    assert kinds(alarm) == [StepKind.OPENED, StepKind.ACKNOWLEDGED, StepKind.WORK_BEGUN, StepKind.VERDICT]
    seen = alarm.episode.steps[1]
    assert (seen.at, seen.by, seen.stated_name, seen.note) == (NOW, ANN, "Ann", "on my way")
    assert (alarm.episode.life, alarm.episode.closed) == (EpisodeLife.CLOSED, NOW)
    assert (alarm.episode.verdict, alarm.episode.failure_mode) == (Verdict.FAULT_FOUND, "bearing")


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "acknowledge"},
        {"action": "begin_work"},
        {"action": "shelve", "until": "2026-11-21T06:00:00Z"},
        {"action": "close", "verdict": "NO_FAULT"},
    ],
)
def test_the_same_answer_again_changes_nothing(fields: dict[str, object]) -> None:
    once = answer(opened(), **fields)
    assert answer(once, now=NOW + HOUR, **fields) == once


def test_a_shelved_episode_comes_back_when_its_time_has_come_and_people_hear_of_it() -> None:
    shelved = answer(opened(), action="shelve", until="2026-11-20T08:00:00Z")
    assert overdue_alarm(shelved, remind_after=HOUR, now=NOW + 119 * HOUR / 60) == shelved
    back = overdue_alarm(shelved, remind_after=HOUR, now=NOW + 2 * HOUR)
    assert (life(back), kinds(back)[-1], back.is_due()) == (EpisodeLife.OPEN, StepKind.UNSHELVED, True)


def test_a_shelved_episode_that_becomes_act_comes_back_at_once() -> None:
    shelved = answer(opened(), action="shelve", until="2026-11-20T08:00:00Z")
    back = shelved.following(episode=shelved.episode.raised(Stage.ACT, ("Worse",)), evidence="{}", now=NOW)
    assert (life(back), kinds(back)[-1], back.is_due()) == (EpisodeLife.OPEN, StepKind.RAISED, True)
    assert back.episode.shelved_until is None


def test_only_watch_can_be_shelved_and_for_thirty_days_at_most() -> None:
    with pytest.raises(AnswerRefusedError, match="is ACT"):
        answer(opened(Stage.ACT), action="shelve", until="2026-11-20T08:00:00Z")
    for until in ("2026-11-20T06:00:00Z", "2026-12-20T06:00:01Z"):
        with pytest.raises(AnswerRefusedError, match="cannot be shelved"):
            answer(opened(), action="shelve", until=until)


def test_people_are_reminded_of_what_nobody_has_answered_until_somebody_does() -> None:
    alarm = opened()
    assert overdue_alarm(alarm, remind_after=None, now=NOW + 99 * HOUR) == alarm
    assert overdue_alarm(alarm, remind_after=4 * HOUR, now=NOW + 2 * HOUR) == alarm
    once = overdue_alarm(alarm, remind_after=4 * HOUR, now=NOW + 3 * HOUR)
    assert overdue_alarm(once, remind_after=4 * HOUR, now=NOW + 6 * HOUR) == once
    twice = overdue_alarm(once, remind_after=4 * HOUR, now=NOW + 7 * HOUR)
    assert (twice.episode.reminders, twice.is_due()) == (2, True)
    taken = answer(twice, action="acknowledge")
    assert overdue_alarm(taken, remind_after=4 * HOUR, now=NOW + 99 * HOUR) == taken


def test_an_episode_that_ended_by_itself_takes_a_verdict_and_nothing_else() -> None:
    alarm = opened()
    ended = alarm.following(episode=alarm.episode.ended(NOW), evidence="{}", now=NOW)
    with pytest.raises(AnswerRefusedError, match="has ended"):
        answer(ended, action="acknowledge")
    judged = answer(ended, now=NOW + HOUR, action="close", verdict="NO_FAULT")
    assert (judged.episode.verdict, judged.episode.closed) == (Verdict.NO_FAULT, NOW)
    with pytest.raises(AnswerRefusedError, match="has the verdict"):
        answer(judged, action="close", verdict="SENSOR_FAULT")


def test_a_failure_that_was_found_stays_open_until_the_machine_is_back() -> None:
    failed = opened(Stage.ACT, AlarmSource.FAILURE)
    assert life(answer(failed, action="close", verdict="FAULT_FOUND")) is EpisodeLife.IN_WORK
    assert life(answer(failed, action="close", verdict="SENSOR_FAULT")) is EpisodeLife.CLOSED


def test_an_answer_to_an_episode_that_was_replaced_is_refused() -> None:
    with pytest.raises(NoSuchEpisodeError):
        answered_alarm(opened(), episode_id="another", answer=Answer(action="acknowledge"), principal=ANN, now=NOW)


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "shelve"},
        {"action": "acknowledge", "until": "2026-11-21T06:00:00Z"},
        {"action": "close"},
        {"action": "acknowledge", "verdict": "NO_FAULT"},
        {"action": "close", "verdict": "NO_FAULT", "failure_mode": "bearing"},
        {"action": "acknowledge", "note": "\x1b[2J"},
        {"action": "delete"},
    ],
)
def test_an_answer_that_says_too_little_or_too_much_is_none(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Answer.model_validate(fields)


ANSWERS = st.sampled_from(
    [
        {"action": "acknowledge"},
        {"action": "begin_work"},
        {"action": "shelve", "until": "2026-11-21T06:00:00Z"},
        {"action": "close", "verdict": "NO_FAULT"},
    ]
)


@given(st.lists(st.one_of(ANSWERS, st.just("raise"), st.just("tend")), max_size=80))
def test_whatever_happens_an_episode_is_closed_once_and_remembers_its_last_steps(events: list[Any]) -> None:
    alarm, was_closed = opened(), False
    for number, event in enumerate(events):
        now = NOW + number * timedelta(minutes=1)
        if event == "raise":
            episode = alarm.episode.raised(Stage.ACT, ("Worse",))
            after = alarm if episode == alarm.episode else alarm.following(episode=episode, evidence="{}", now=now)
        elif event == "tend":
            after = overdue_alarm(alarm, remind_after=HOUR, now=now)
        else:
            assert isinstance(event, dict)
            try:
                after = answer(alarm, now=now, **event)
            except AnswerRefusedError:
                after = alarm
        assert not was_closed or not after.episode.is_open
        assert (after == alarm) == (after.sequence == alarm.sequence)
        assert len(after.episode.steps) <= MOST_STEPS
        assert (after.episode.shelved_until is not None) == (after.episode.life is EpisodeLife.SHELVED)
        alarm, was_closed = after, not after.episode.is_open
