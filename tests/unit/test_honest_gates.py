"""What a model may claim: no alarm from noise, nothing that a simple rule does as well, one machine if it ran often."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from mlops_core.errors import OutOfDomainError, UntrainableError, UntrainableReason
from mlops_core.prognosis import (
    ModelBundle,
    TrainingSettings,
    TreeSettings,
    compare_models,
    evaluate,
    predict,
    predict_one,
    split_training_set,
    train,
    training_table,
)
from mlops_core.prognosis.alarm_replay import HeldOutRuns, judge
from mlops_core.prognosis.card import render_model_card
from mlops_core.prognosis.simple_rules import AGE_ALONE, OWN_RMS, rule_scores, unbeaten, why_unforeseeable
from mlops_core.time import parse_duration
from tests.unit.noise_fleet import noise_fleet

QUICK = TrainingSettings(trees=TreeSettings(rounds=20), folds=3)


def hourly(is_open: list[int], rul: list[float]) -> HeldOutRuns:
    hours = len(rul)
    return HeldOutRuns(
        machines=np.zeros(hours, dtype=np.int64),
        runs=np.zeros(hours, dtype=np.int64),
        hours=np.arange(float(hours)),
        probability=np.array(is_open, dtype=np.float64),
        rul_hours=np.array(rul),
        seen_hours=np.zeros(hours),
    )


class TestEpisodesThatStayOpen:
    #   hours left   300 ................ 72 ........ 1        actionable: 72 h

    def judged(self, opened_at: float) -> tuple[float, float]:
        rul = np.arange(300.0, 0.0, -1.0)
        is_open = rul <= opened_at
        found = judge(hourly(is_open.tolist(), rul.tolist()), is_open, 72.0, 1.0)
        return found.false.sum(), found.recall

    def test_one_that_opens_within_the_actionable_hours_is_right(self):
        assert self.judged(opened_at=72.0) == (0.0, 1.0)

    def test_one_that_opens_too_early_is_false_once(self):
        assert self.judged(opened_at=100.0) == (1.0, 1.0)

    def test_one_that_never_ends_is_false_again_for_each_further_actionable_hours(self):
        assert self.judged(opened_at=300.0) == (1.0 + 3.0, 1.0)


def test_noise_gets_no_threshold_and_the_card_says_that_failures_are_not_foreseeable():
    bundle = train(noise_fleet(12, seed=1), seed=1, settings=QUICK)
    assert bundle.alarm_plan.watch is None
    assert "not foreseeable with these sensors" in render_model_card(bundle)
    verdict = compare_models(bundle, None, noise_fleet(12, seed=2))
    assert not verdict.promote
    assert "not foreseeable with these sensors" in verdict.reason


def test_a_precursor_gets_a_threshold_and_its_figures_have_intervals_by_run():
    bundle = train(noise_fleet(12, seed=1, informative=1.5), seed=1, settings=QUICK)
    assert bundle.alarm_plan.watch is not None
    figures = evaluate(bundle, noise_fleet(12, seed=2, informative=1.5))
    assert figures.episodes_announced_low <= figures.episodes_announced <= figures.episodes_announced_high
    assert figures.false_episodes_low <= figures.false_episodes <= figures.false_episodes_high
    assert figures.episode_lead_p10_hours <= figures.episode_lead_median_hours
    assert figures.better_than_age > 0.9
    assert figures.own_rms_pr_auc is None


def test_the_rules_rank_by_hours_in_service_and_by_the_ratio_to_the_first_week():
    rows = noise_fleet(2, seed=3).rename({"c0_mean_6h": "vibration_rms_24h"})
    rows = rows.with_columns(pl.lit(2.0).alias("vibration_rms_24h"))
    table = training_table(
        rows.with_columns(pl.when(pl.col("rul_hours") < 5).then(6.0).otherwise(2.0).alias("vibration_rms_24h")),
        horizon=parse_duration("24h"),
    )
    scores = rule_scores(table)
    assert scores[AGE_ALONE][table.hours == 0].tolist() == [0.0, 0.0]
    assert set(scores[OWN_RMS][table.rul_hours < 5]) == {3.0}
    assert set(scores[OWN_RMS][table.rul_hours > 5]) == {1.0}


def test_a_model_that_only_a_limit_equals_is_told_apart_from_sensors_that_show_nothing():
    assert why_unforeseeable([]) == ""
    assert "a limit on that does as well" in why_unforeseeable(unbeaten({OWN_RMS: 0.5, AGE_ALONE: 1.0}))
    assert "not foreseeable with these sensors" in why_unforeseeable(unbeaten({OWN_RMS: 1.0, AGE_ALONE: 0.5}))


def test_a_remaining_life_that_is_worse_than_a_constant_is_said(bundle):
    worse = replace(
        bundle, metrics={"rul_root_mean_square_error_hours": 90.0, "rul_constant_error_hours": 80.0}, alarms=None
    )
    assert "remaining life is worse than a constant**: 90 h" in render_model_card(worse)


def test_one_machine_that_failed_often_is_learned_from_and_judged_by_its_later_runs():
    rows = noise_fleet(1, seed=5, informative=1.5, runs=14)
    parts = split_training_set(rows, horizon="24h")
    assert "began after" in parts.rule
    bundle = train(parts.known, seed=1, settings=QUICK)
    assert compare_models(bundle, None, parts.held_out).promote


@pytest.mark.parametrize("runs", [2, 5])
def test_one_machine_that_failed_rarely_is_refused(runs):
    rows = noise_fleet(1, seed=5, informative=1.5, runs=runs)
    with pytest.raises(UntrainableError) as refused:
        train(rows, seed=1, settings=QUICK)
    assert refused.value.reason is UntrainableReason.ONE_MACHINE


class TestKindsOfMachine:
    """Machines began at 50 to 58 degrees; one of a kind that runs at 100 is unlike them, a hot old one is not."""

    at = datetime(2026, 1, 1, tzinfo=UTC)

    @staticmethod
    def labelled(machines: int = 10) -> pl.DataFrame:
        fleet = noise_fleet(machines, seed=1, informative=1.5)
        began = 50.0 + pl.col("machine_id").str.slice(1).cast(pl.Float64) % 9
        drift = pl.col("c0_mean_6h")
        return fleet.with_columns(temperature_mean_6h=began + drift, temperature_mean_6h_drift=drift).drop("c0_mean_6h")

    def row(self, level: float, drift: float) -> dict[str, float]:
        others = {f"c{number}_mean_6h": 0.0 for number in range(1, 4)}
        return {**others, "temperature_mean_6h": level, "temperature_mean_6h_drift": drift}

    @pytest.fixture(scope="class")
    @classmethod
    def bundle(cls) -> ModelBundle:
        return train(cls.labelled(), seed=1, settings=QUICK)

    def test_one_that_began_far_from_all_others_is_not_predicted(self, bundle):
        with pytest.raises(OutOfDomainError, match="temperature_mean_6h"):
            predict_one(bundle, "KILN-1", self.at, self.row(100.0, 1.0))
        prediction = predict(
            bundle, pl.DataFrame({"machine_id": "KILN-1", "window_end": [self.at], **self.row(100.0, 1.0)})
        )
        assert prediction["failure_probability"].to_list() == [None]
        assert prediction["unusual_features"].to_list() == [["temperature_mean_6h"]]

    def test_one_that_began_like_the_others_and_has_run_hot_is(self, bundle):
        assert predict_one(bundle, "PUMP-1", self.at, self.row(100.0, 46.0)).failure_probability > 0

    def test_too_few_machines_say_nothing_of_what_others_are_like(self):
        bundle = train(self.labelled(machines=6), seed=1, settings=QUICK)
        assert predict_one(bundle, "KILN-1", self.at, self.row(100.0, 1.0)) is not None
