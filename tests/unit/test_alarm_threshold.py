"""From which probability on a model raises alarms, and what its card says where that is worth little."""

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from mlops_core.prognosis.card import render_model_card
from mlops_core.prognosis.failure import place_alarm
from tests.handlers.model_bundles import small_bundle

BUNDLE = small_bundle()


def placed(fails, weight=None):
    """The alarm of rows whose probability falls by a tenth from 0.9 on."""
    probability = np.linspace(0.9, 0.1, 9)[: len(fails)]
    weights = np.ones(len(fails)) if weight is None else np.array(weight, dtype=float)
    return place_alarm(np.array(fails, dtype=float), probability, weights, precision=0.9)


def test_the_threshold_is_the_lowest_that_reaches_the_precision():
    threshold, reached = placed([1, 1, 1, 0, 0])
    assert threshold == pytest.approx(0.7)
    assert reached == 1.0


def test_where_the_most_suspicious_row_lasted_alarms_need_only_be_right_more_often_than_wrong():
    threshold, reached = placed([0, 1, 1, 0, 0])
    assert threshold == pytest.approx(0.6)  # of the four rows from there on, two fail
    assert reached == 0.5


def test_rows_count_by_what_they_stand_for():
    assert placed([0, 1, 1], weight=[10, 1, 1]) == (None, pytest.approx(math.nan, nan_ok=True))


def test_where_alarms_would_mislead_there_is_none():
    threshold, reached = placed([0, 0, 0, 1])
    assert threshold is None
    assert math.isnan(reached)


def test_one_run_that_lasted_does_not_silence_the_alarms_of_all_others():
    probability = np.array([0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.9, 0.2])
    fails = np.array([1.0, 0, 1, 1, 1, 1, 1, 0, 0])
    threshold, reached = place_alarm(fails, probability, np.ones(9), precision=0.9)
    assert threshold == 0.9  # the share of failing rows is 0.9 at the first row only; from here on the mean is
    assert reached == 0.75


def card(threshold, reached):
    metrics = MappingProxyType({**BUNDLE.metrics, "alarm_precision": reached})
    calibration = replace(BUNDLE.calibration, alarm_threshold=threshold)
    return render_model_card(replace(BUNDLE, calibration=calibration, metrics=metrics))


def test_the_card_says_what_an_alarm_is_worth():
    assert "Alarm from a probability of 0.40 on: from there, at least 90%" in card(0.4, 0.93)
    assert "Provisional" not in card(0.4, 0.93)
    assert "**Provisional:**" in card(0.4, 0.62)
    assert "62% were" in card(0.4, 0.62)
    assert "**It raises no alarm.**" in card(None, None)


def test_a_trained_model_brings_the_figure_along():
    reached = BUNDLE.metrics["alarm_precision"]
    assert reached is not None
    assert reached >= 0.5
