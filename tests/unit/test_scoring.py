"""An alarm is raised at once, does not flap, and ends only after calm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.alerting import AlarmState, next_score
from mlops_core.alerting.episode_notices import episode_notice
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.alerting.model_alarms import model_alarm
from mlops_core.prognosis import Prediction, Reason
from mlops_core.prognosis.alarm_budget import AlarmPlan

AT = datetime(2026, 11, 21, tzinfo=UTC)
PREDICTED = Prediction("PUMP-1", AT, 0.0, 5.0, 20.0, 40.0, 0.2, "C", (), (), "model-1")


def plan(threshold=0.6, act=0.9, persistence=1):
    return AlarmPlan(watch=threshold, act=None if threshold is None else act, persistence=persistence)


def scores(*probabilities: float, chosen: AlarmPlan = plan()):  # noqa: B008  a frozen record
    score, all_scores = None, []
    for hour, probability in enumerate(probabilities):
        predicted = replace(PREDICTED, window_end=AT + timedelta(hours=hour), failure_probability=probability)
        score = next_score(score, predicted, revision=1, plan=chosen)
        all_scores.append(score)
    return all_scores


def states(*probabilities: float, chosen: AlarmPlan = plan()) -> str:  # noqa: B008  a frozen record
    return "".join(score.alarm.state[0] for score in scores(*probabilities, chosen=chosen))


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.1, 0.59, 0.6, 0.1), "NNWW"),
        ((0.6, 0.1, 0.1, 0.1), "WWWN"),
        ((0.6, 0.29, 0.29, 0.3, 0.29, 0.29, 0.29), "WWWWWWN"),
        ((0.7, 0.5, 0.7, 0.5, 0.7, 0.5), "WWWWWW"),
        ((0.7, 0.9, 0.7, 0.1, 0.1, 0.1), "WAAAAN"),
    ],
)
def test_states_follow_probabilities_with_hysteresis(probabilities, expected):
    assert states(*probabilities) == expected


def test_an_episode_opens_with_the_third_prediction_in_a_row():
    patient = plan(persistence=3)
    assert states(0.7, 0.7, 0.5, 0.7, 0.7, 0.95, chosen=patient) == "NNNNNA"
    assert states(0.7, 0.7, 0.7, 0.95, chosen=patient) == "NNWA"


def test_a_model_without_a_threshold_raises_nothing_and_lets_an_alarm_end():
    assert states(0.99, 0.99, chosen=plan(None)) == "NN"
    raised = scores(0.9)[0]
    for hour in (1, 2, 3):
        predicted = replace(PREDICTED, window_end=AT + timedelta(hours=hour), failure_probability=0.9)
        raised = next_score(raised, predicted, revision=1, plan=plan(None))
    assert raised.alarm.state is AlarmState.NORMAL


def test_an_alarm_keeps_the_moment_since_which_it_holds():
    assert [score.alarm.since for score in scores(0.1, 0.9, 0.9, 0.5)] == [AT, *[AT + timedelta(hours=1)] * 3]


def test_the_same_row_is_scored_again_only_by_another_model_and_is_no_further_evidence_of_calm():
    score = scores(0.9, 0.1)[-1]
    known = score.prediction
    assert next_score(score, known, revision=1, plan=plan()) is None
    assert next_score(score, replace(known, window_end=AT), revision=9, plan=plan()) is None
    again = next_score(score, replace(known, model_version="model-2"), revision=1, plan=plan())
    late = next_score(score, known, revision=2, plan=plan())
    assert score.alarm.calm == again.alarm.calm == late.alarm.calm == 1
    assert again.sequence == late.sequence == 3


def alarm_of(score, alarm=None):
    empty = Alarm(machine_id=score.prediction.machine_id, source=AlarmSource.FAILURE_MODEL)
    return model_alarm(alarm or empty, score, horizon_hours=24, now=AT)


def test_an_episode_follows_its_machine_and_the_same_score_again_changes_nothing():
    watch, act = scores(0.7, 0.95)
    alarm = alarm_of(watch)
    assert alarm_of(watch, alarm) == alarm
    assert (alarm.episode.stage, alarm_of(act, alarm).episode.stage) == ("WATCH", "ACT")
    calm = scores(0.7, 0.1, 0.1, 0.1)[-1]
    ended = alarm_of(calm, alarm)
    assert (ended.episode.life, ended.episode.closed) == ("CLOSED", AT + timedelta(hours=3))
    assert alarm_of(scores(0.1)[0]).sequence == 0


def test_an_episode_that_a_person_closed_stays_closed_until_the_machine_was_normal():
    score = scores(0.7)[0]
    alarm = alarm_of(score)
    closed = alarm.following(episode=alarm.episode.ended(AT), evidence="", now=AT)
    assert alarm_of(scores(0.7, 0.95)[-1], closed) == closed


def test_a_notice_says_what_may_happen_when_and_why():
    why = Reason("vibration_rms_6h", 9.0, 3.0, 8.0, "vibration r.m.s. over 6 h is 9 mm/s")
    score = scores(0.9)[0]
    alarm = alarm_of(replace(score, prediction=replace(score.prediction, reasons=(why,))))
    notice = episode_notice(alarm.episode)
    assert notice.subject == "ACT: PUMP-1 is likely to fail"
    assert "within 24 h with a probability of 90%" in notice.text
    assert "20 h left, in 8 of 10 cases 5 to 40 h" in notice.text
    assert f"- {why.text}\n- look first at bearings" in notice.text
    assert "\nWhat to do: " in notice.text


def test_a_subject_fits_what_sns_takes():
    score = scores(0.9)[0]
    longest = replace(score, prediction=replace(score.prediction, machine_id="M" * 64))
    assert len(episode_notice(alarm_of(longest).episode).subject) <= 100
