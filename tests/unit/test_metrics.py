"""Figures of merit, against closed forms and cases small enough to count."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from mlops_core.prognosis import roc_auc
from mlops_core.prognosis.metrics import (
    alarm_leads,
    alarm_threshold,
    average_precision,
    brier_score,
    expected_calibration_error,
    nasa_score,
)

FAILS = np.array([0.0, 0.0, 1.0, 1.0])
SCORES = np.array([0.1, 0.4, 0.35, 0.8])


def test_average_precision_adds_precision_at_each_step_of_recall():
    # from the top: hit (precision 1, recall 1/2), miss, hit (precision 2/3, recall 1)
    assert average_precision(FAILS, SCORES) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_a_score_that_knows_nothing_reaches_the_base_rate():
    assert average_precision(FAILS, np.zeros(4)) == pytest.approx(0.5)


def test_rows_with_equal_scores_count_as_one_step_in_whatever_order_they_stand():
    fails, scores = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.5, 0.5])
    assert average_precision(fails, scores) == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    assert average_precision(fails[::-1], scores[::-1]) == average_precision(fails, scores)


def test_without_a_failing_row_average_precision_is_not_defined():
    assert np.isnan(average_precision(np.zeros(3), SCORES[:3]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_a_weight_of_n_is_the_row_n_times(rows):
    fails, scores, times = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assume(times.any())
    weighted = average_precision(fails, scores, times)
    repeated = average_precision(np.repeat(fails, times.astype(int)), np.repeat(scores, times.astype(int)))
    assert weighted == pytest.approx(repeated, nan_ok=True)


def test_roc_auc_counts_pairs_and_ties_as_half():
    assert roc_auc(FAILS, SCORES) == pytest.approx(3 / 4)
    assert roc_auc(FAILS, np.zeros(4)) == pytest.approx(1 / 2)
    assert np.isnan(roc_auc(np.ones(3), SCORES[:3]))


def test_the_alarm_threshold_is_the_lowest_that_reaches_the_precision():
    fails, scores = np.array([1.0, 1, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert alarm_threshold(fails, scores, precision=0.75) == 0.6
    assert alarm_threshold(fails, scores, precision=0.9) == 0.8
    assert alarm_threshold(1 - fails, scores, precision=0.9) is None


def test_the_lead_is_from_the_first_true_alarm_and_missed_failures_have_none():
    #            run 7: false alarm, then true at 20 h and 4 h;      run 8: never;   run 9: no failure
    fails = np.array([0.0, 1, 1, 1, 0, 1, 0])
    score = np.array([0.9, 0.7, 0.1, 0.8, 0.0, 0.2, 0.9])
    left = np.array([40.0, 20, 10, 4, 30, 6, np.nan])
    runs = np.array([7, 7, 7, 7, 8, 8, 9])
    assert alarm_leads(fails, score, left, runs, threshold=0.5).tolist() == pytest.approx([20.0, np.nan], nan_ok=True)
    assert np.isnan(alarm_leads(fails, score, left, runs, threshold=None)).all()


def test_brier_score_and_calibration_error_by_hand():
    fails, probability = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.95, 0.95, 0.05, 0.05])
    assert brier_score(fails, probability) == pytest.approx((0.0025 + 0.9025) / 2)
    assert expected_calibration_error(fails, probability) == pytest.approx(0.45)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0


def test_the_nasa_score_punishes_a_life_that_is_promised_too_long_more_than_one_too_short():
    score = nasa_score(np.array([-13.0, 0.0, 10.0, 1e6]))
    assert score[:3] == pytest.approx([np.e - 1, 0.0, np.e - 1])
    assert np.isfinite(score).all()


def test_a_probability_that_is_a_frequency_has_no_calibration_error():
    probability = np.repeat([0.25, 0.75], 4)
    fails = np.array([1.0, 0, 0, 0, 1, 1, 1, 0])
    assert expected_calibration_error(fails, probability) == pytest.approx(0.0)
