"""An alarm is raised at once, does not flap, and ends only after calm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.alerting import AlarmState, next_score, notice
from mlops_core.prognosis import Prediction, Reason

AT = datetime(2026, 11, 21, tzinfo=UTC)
TOLD = Prediction("PUMP-1", AT, 0.0, 5.0, 20.0, 40.0, 0.2, "C", (), (), "model-1")


def scores(*probabilities: float, threshold: float | None = 0.6):
    score, all_scores = None, []
    for hour, probability in enumerate(probabilities):
        told = replace(TOLD, window_end=AT + timedelta(hours=hour), failure_probability=probability)
        score = next_score(score, told, revision=1, threshold=threshold)
        all_scores.append(score)
    return all_scores


def states(*probabilities: float, threshold: float | None = 0.6) -> str:
    return "".join(score.alarm.state[0] for score in scores(*probabilities, threshold=threshold))


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.1, 0.59, 0.6, 0.1), "NNAA"),
        ((0.6, 0.1, 0.1, 0.1), "AAAN"),
        ((0.6, 0.29, 0.29, 0.3, 0.29, 0.29, 0.29), "AAAAAAN"),
        ((0.7, 0.5, 0.7, 0.5, 0.7, 0.5), "AAAAAA"),
        ((0.7,), "A"),
    ],
)
def test_states_follow_probabilities_with_hysteresis(probabilities, expected):
    assert states(*probabilities) == expected


def test_a_model_without_a_threshold_raises_nothing_and_lets_an_alarm_end():
    assert states(0.99, 0.99, threshold=None) == "NN"
    raised = scores(0.9)[0]
    for hour in (1, 2, 3):
        told = replace(TOLD, window_end=AT + timedelta(hours=hour), failure_probability=0.9)
        raised = next_score(raised, told, revision=1, threshold=None)
    assert raised.alarm.state is AlarmState.NORMAL


def test_an_alarm_keeps_the_moment_since_which_it_holds():
    assert [score.alarm.since for score in scores(0.1, 0.9, 0.9, 0.5)] == [AT, *[AT + timedelta(hours=1)] * 3]


def test_the_same_row_is_scored_again_only_by_another_model_and_is_no_further_evidence_of_calm():
    score = scores(0.9, 0.1)[-1]
    known = score.prediction
    assert next_score(score, known, revision=1, threshold=0.6) is None
    assert next_score(score, replace(known, window_end=AT), revision=9, threshold=0.6) is None
    again = next_score(score, replace(known, model_version="model-2"), revision=1, threshold=0.6)
    late = next_score(score, known, revision=2, threshold=0.6)
    assert score.alarm.calm == again.alarm.calm == late.alarm.calm == 1
    assert again.sequence == late.sequence == 3


def test_people_are_due_a_message_until_they_have_had_it():
    score = scores(0.9)[0]
    assert score.is_due
    assert not replace(score, announced=AlarmState.ALARM).is_due
    assert not scores(0.1)[0].is_due


def test_a_notice_says_what_may_happen_when_and_why():
    why = Reason("vibration_rms_6h", 9.0, 3.0, 8.0, "vibration r.m.s. over 6 h is 9 mm/s")
    score = scores(0.9)[0]
    told = notice(replace(score, prediction=replace(score.prediction, reasons=(why,))), horizon_hours=24)
    assert told.subject == "PUMP-1 may fail within 24 h"
    assert "probability 90%" in told.text
    assert "20 h; in 8 of 10 cases 5 to 40 h" in told.text
    assert why.text in told.text
    assert notice(scores(0.1)[0], horizon_hours=24).subject == "PUMP-1 is back to normal"


def test_a_subject_fits_what_sns_takes():
    score = scores(0.9)[0]
    longest = replace(score, prediction=replace(score.prediction, machine_id="M" * 64))
    assert len(notice(longest, horizon_hours=24).subject) <= 100
