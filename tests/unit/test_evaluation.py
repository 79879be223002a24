"""Judging: splits that keep runs whole and time in order, figures of held-out runs, and the rule of promotion."""

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest

from mlops_core.errors import (
    FeatureMismatchError,
    HeldOutRunsError,
    InvalidArgumentError,
    UnjudgeableError,
    UntrainableError,
)
from mlops_core.prognosis import (
    TrainingSettings,
    TreeSettings,
    compare_models,
    evaluate,
    predict,
    split_by_time,
    train,
)
from mlops_core.prognosis.metrics import nasa_score
from mlops_core.prognosis.splits import split_time
from tests.unit.degrading_fleet import START, degrading_fleet

QUICK = TrainingSettings(trees=TreeSettings(rounds=30))


@pytest.fixture(scope="module")
def unseen():
    return degrading_fleet(seed=99)


@pytest.fixture(scope="module")
def guesser(labelled):
    """A model that sees noise only: its columns are there, but the one that tells is shuffled."""
    noise = labelled.with_columns(pl.col("vibration_rms_1h", "vibration_slope_6h").shuffle(seed=1))
    return train(noise, seed=1, horizon="12h", settings=QUICK)


class TestSplitByTime:
    #   run A#0 ....x   A#1 ........(at)....x   A#2   ...x        A#1 is under way at the split
    split_at = START + timedelta(hours=250)
    labelled = degrading_fleet(machines=3)
    split = split_by_time(labelled, at=split_at, horizon="12h")

    def test_later_runs_are_whole_and_none_of_their_rows_was_known(self):
        began = self.labelled.group_by("run_id").agg(pl.col("window_end").min())
        assert set(self.split.later["run_id"]) == set(began.filter(pl.col("window_end") > self.split_at)["run_id"])
        assert not set(self.split.later["run_id"]) & set(self.split.known["run_id"])
        assert self.split.known["window_end"].max() <= self.split_at < self.split.later["window_end"].min()

    def test_a_failure_that_was_yet_to_come_is_not_in_the_labels(self):
        under_way = self.labelled.filter(
            (pl.col("window_end") <= self.split_at)
            & (pl.col("window_end") + pl.duration(minutes=pl.col("rul_hours") * 60) > self.split_at)
        )
        seen = self.split.known.join(under_way.select("run_id", "window_end"), on=["run_id", "window_end"])
        assert seen.height == under_way.height > 0
        assert seen["is_censored"].all()
        assert seen["rul_hours"].null_count() == seen.height
        last_hours = seen.filter(pl.col("window_end") >= self.split_at - timedelta(hours=12))
        assert last_hours["fails_within_horizon"].null_count() == last_hours.height
        earlier = seen.filter(pl.col("window_end") < self.split_at - timedelta(hours=12))
        assert earlier["fails_within_horizon"].to_list() == [False] * earlier.height

    def test_known_labels_are_those_that_labelling_at_that_moment_gives(self):
        failed = self.split.known.filter(~pl.col("is_censored"))
        assert failed.equals(
            self.labelled.join(failed.select("run_id").unique(), on="run_id", how="semi").select(failed.columns)
        )

    def test_a_time_without_zone_is_refused(self):
        with pytest.raises(InvalidArgumentError):
            split_by_time(self.labelled, at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_split_time_leaves_the_wanted_share_of_failures_for_later(labelled):
    at = split_time(labelled, later_share=0.25)
    split = split_by_time(labelled, at=at, horizon="12h")
    assert split.later.filter(~pl.col("is_censored"))["run_id"].n_unique() == 6
    assert split.known.filter(~pl.col("is_censored"))["run_id"].n_unique() >= 6


def test_failures_that_all_began_together_cannot_be_split_by_time():
    with pytest.raises(UntrainableError, match="by time"):
        split_time(degrading_fleet(runs=1, unfinished=False))


def test_figures_of_unseen_machines_are_far_better_than_a_guess(bundle, unseen):
    figures = evaluate(bundle, unseen)
    assert figures.pr_auc_low < figures.pr_auc < figures.pr_auc_high
    assert figures.pr_auc_low > 3 * figures.base_rate
    assert (figures.runs, figures.failures) == (32, 24)
    assert 0 < figures.event_recall <= 1
    assert 0 < figures.lead_time_p10_hours <= figures.lead_time_median_hours <= 12
    assert figures.expected_calibration_error < 0.05
    assert 0.7 < figures.rul_coverage < 0.95
    assert figures.oracle_pr_auc is None


def test_figures_of_the_remaining_life_are_those_of_what_predict_gives(bundle, unseen):
    whole = unseen.filter(pl.col("rul_hours").is_not_null().all().over("run_id"))  # so that every run weighs the same
    figures, predicted = evaluate(bundle, whole), predict(bundle, whole, reasons=0)
    error = predicted["rul_hours_mean"] - whole["rul_hours"]
    inside = whole["rul_hours"].is_between(predicted["rul_hours_p10"], predicted["rul_hours_p90"])
    assert figures.rul_coverage == pytest.approx(inside.mean())
    assert figures.rul_root_mean_square_error_hours == pytest.approx((error**2).mean() ** 0.5)
    assert figures.rul_constant_error_hours == pytest.approx(whole["rul_hours"].std(ddof=0))
    assert figures.rul_nasa_score == pytest.approx(nasa_score(error.to_numpy()).mean())


def test_the_same_seed_gives_the_same_figures(bundle, unseen):
    assert evaluate(bundle, unseen, seed=3) == evaluate(bundle, unseen.sample(fraction=1.0, shuffle=True), seed=3)


def test_the_alarms_that_count_reach_the_precision(bundle, unseen):
    figures = evaluate(bundle, unseen)
    assert figures.alarm_precision == 0.9
    scored = unseen.with_columns(probability=predict(bundle, unseen, reasons=0)["failure_probability"])
    alarms = scored.drop_nulls("fails_within_horizon").filter(pl.col("probability") >= figures.alarm_threshold)
    assert alarms["fails_within_horizon"].mean() >= 0.9


def test_an_oracle_that_sees_the_life_left_is_perfect(bundle, unseen):
    truth = unseen.select(
        "machine_id", event_timestamp="window_end", true_health_index=pl.col("rul_hours").fill_null(500.0) / 500
    )
    assert evaluate(bundle, unseen, truth=truth).oracle_pr_auc == pytest.approx(1.0)


def test_runs_that_were_learned_from_are_refused_unless_memory_is_the_question(bundle, labelled, unseen):
    with pytest.raises(HeldOutRunsError) as refused:
        evaluate(bundle, pl.concat([unseen, labelled.filter(pl.col("run_id") == "PUMP-00#1")]))
    assert refused.value.runs == ["PUMP-00#1"]
    assert evaluate(bundle, labelled, allow_training_runs=True).pr_auc > evaluate(bundle, unseen).pr_auc


def test_a_run_that_went_on_after_training_is_known_again(labelled, bundle):
    shorter = labelled.filter(pl.col("run_id") == "PUMP-03#0").head(40)
    with pytest.raises(HeldOutRunsError):
        evaluate(bundle, shorter)


@pytest.mark.parametrize(
    ("changed", "error", "problem"),
    [
        (
            lambda rows: rows.with_columns(fails_within_horizon=pl.lit(None, pl.Boolean)),
            UnjudgeableError,
            "known answer",
        ),
        (lambda rows: rows.filter(~pl.col("fails_within_horizon")), UnjudgeableError, "fails within"),
        (lambda rows: rows.drop("vibration_rms_1h"), FeatureMismatchError, "vibration_rms_1h"),
    ],
)
def test_nothing_is_judged_by_rows_without_answer_or_without_failure(bundle, unseen, changed, error, problem):
    with pytest.raises(error, match=problem):
        evaluate(bundle, changed(unseen))


def test_the_first_model_is_promoted_when_it_beats_a_guess(bundle, unseen):
    verdict = compare_models(bundle, None, unseen)
    assert verdict.promote
    assert "no champion yet" in verdict.reason


def test_a_guesser_is_rejected_even_without_a_champion(guesser, unseen):
    verdict = compare_models(guesser, None, unseen)
    assert not verdict.promote
    assert "no better than a guess" in verdict.reason


def test_a_better_challenger_is_promoted_with_the_figures_that_decided(bundle, labelled, unseen):
    shuffled = labelled.with_columns(pl.col("vibration_rms_1h").shuffle(seed=1))
    worse = train(shuffled, seed=1, horizon="12h", settings=QUICK)
    verdict = compare_models(bundle, worse, unseen)
    assert verdict.promote
    assert verdict.probability_better > 0.9
    assert f"PR-AUC {verdict.challenger.pr_auc:.3f} against {verdict.champion.pr_auc:.3f}" in verdict.reason
    reverse = compare_models(worse, bundle, unseen)
    assert not reverse.promote


def test_a_challenger_that_is_only_as_good_leaves_the_champion(bundle, unseen):
    verdict = compare_models(replace(bundle, model_card="another"), bundle, unseen)
    assert not verdict.promote
    assert verdict.probability_better == 0.0
    assert "not surely better" in verdict.reason


def test_a_champion_that_reads_other_features_or_looks_ahead_another_time_gives_way(bundle, labelled, unseen):
    older = train(labelled.rename({"vibration_slope_6h": "vibration_slope_9h"}), seed=1, horizon="12h", settings=QUICK)
    assert "cannot read these features" in compare_models(bundle, older, unseen).reason
    nearer = labelled.with_columns(fails_within_horizon=pl.col("rul_hours") <= 6)
    shortsighted = train(nearer, seed=1, horizon="6h", settings=QUICK)
    verdict = compare_models(bundle, shortsighted, unseen)
    assert verdict.promote
    assert "6 h ahead" in verdict.reason
