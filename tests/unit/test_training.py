"""Training: the same bytes from the same data, honest refusals, and figures that held-out machines confirm."""

from dataclasses import replace
from datetime import UTC

import numpy as np
import polars as pl
import pytest

from mlops_core.errors import InvalidArgumentError, MissingColumnError, UntrainableError, UntrainableReason
from mlops_core.prognosis import TrainingSettings, TreeSettings, predict, sample_failures, train, training_table
from mlops_core.prognosis.splits import machine_folds
from mlops_core.time import parse_duration
from tests.unit.degrading_fleet import degrading_fleet

QUICK = TrainingSettings(trees=TreeSettings(rounds=30))
HORIZON = "12h"


def reason_of(labelled, **options):
    with pytest.raises(UntrainableError) as refused:
        train(labelled, seed=1, **{"horizon": HORIZON, "settings": QUICK} | options)
    return refused.value.reason


def test_the_same_rows_in_any_order_with_the_same_seed_give_the_same_bytes(labelled, bundle):
    again = train(labelled.sample(fraction=1.0, shuffle=True, seed=5), seed=1, horizon=HORIZON, settings=QUICK)
    assert again.files() == bundle.files()


def test_another_seed_gives_another_version(labelled, bundle):
    assert train(labelled, seed=2, horizon=HORIZON, settings=QUICK).version != bundle.version


def test_one_changed_label_changes_the_hash_of_the_data(labelled, bundle):
    changed = labelled.with_columns(
        fails_within_horizon=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("fails_within_horizon")
    )
    other = train(changed, seed=1, horizon=HORIZON, settings=QUICK)
    assert other.manifest.data_sha256 != bundle.manifest.data_sha256


def test_it_foretells_machines_that_it_has_not_seen(bundle):
    unseen = degrading_fleet(seed=99)
    predictions = predict(bundle, unseen, reasons=0)
    known = unseen.with_columns(probability=predictions["failure_probability"]).drop_nulls("fails_within_horizon")
    stated = known["probability"].mean()
    assert abs(stated - known["fails_within_horizon"].mean()) < 0.03
    assert known.filter("fails_within_horizon")["probability"].mean() > 0.6
    assert known.filter(~pl.col("fails_within_horizon"))["probability"].mean() < 0.1


def test_trees_of_the_remaining_life_are_larger_and_grown_more_slowly(bundle) -> None:
    settings = bundle.manifest.settings
    assert settings["life_trees_rounds"] == 2 * settings["trees_rounds"] == 2 * QUICK.trees.rounds
    assert settings["life_trees_learning_rate"] < settings["trees_learning_rate"]
    assert bundle.life_trees.count("Tree=") == settings["life_trees_rounds"]


def test_the_interval_of_the_remaining_life_covers_about_four_in_five_unseen_rows(bundle):
    unseen = degrading_fleet(machines=30, seed=98)
    prediction = predict(bundle, unseen, reasons=0).with_columns(unseen["rul_hours"]).drop_nulls("rul_hours")
    covered = prediction.select(pl.col("rul_hours").is_between("rul_hours_p10", "rul_hours_p90").mean()).item()
    assert 0.72 < covered < 0.92
    assert prediction.select((pl.col("rul_hours_p10") <= pl.col("rul_hours_p50")).all()).item()
    assert prediction.select((pl.col("rul_hours_p50") <= pl.col("rul_hours_p90")).all()).item()


def test_metrics_are_of_machines_held_out_and_permuted_labels_teach_nothing(bundle):
    assert bundle.metrics["pr_auc"] > 0.6
    assert bundle.metrics["pr_auc"] > 4 * bundle.metrics["base_rate"]
    assert bundle.metrics["expected_calibration_error"] < 0.05
    assert abs(bundle.metrics["permuted_roc_auc"] - 0.5) < 0.1


def test_the_manifest_names_what_was_learned_from(labelled, bundle):
    manifest = bundle.manifest
    assert manifest.machines == tuple(sorted(labelled["machine_id"].unique()))
    assert set(manifest.runs) == set(labelled["run_id"])
    assert (manifest.rows, manifest.failures) == (labelled.height, 24)
    assert manifest.trained_through == labelled["window_end"].max().astimezone(UTC).isoformat()


def test_leaving_out_negatives_leaves_the_stated_frequency_as_it_is(labelled):
    few = replace(QUICK, negatives_per_positive=1.0, negatives=(0, 60_000))
    bundle = train(labelled, seed=1, horizon=HORIZON, settings=few)
    assert bundle.calibration.probability.kept_share < 0.25
    unseen = degrading_fleet(seed=99)
    stated = predict(bundle, unseen, reasons=0)["failure_probability"].mean()
    assert abs(stated - unseen["fails_within_horizon"].mean()) < 0.03


def test_the_sample_keeps_every_failing_row_and_stands_for_all_rows(labelled):
    table = training_table(labelled, horizon=parse_duration(HORIZON))
    failing = np.nansum(table.fails)
    sample = sample_failures(table, negatives_per_positive=2.0, negatives=(0, 10_000), seed=3)
    assert sample.fails.sum() == failing
    assert sample.weight.sum() == pytest.approx((~np.isnan(table.fails)).sum())
    assert (sample.fails == 0).sum() == pytest.approx(2 * failing, rel=0.1)


def test_negatives_are_kept_within_their_bounds_but_never_fewer_than_fail(labelled):
    table = training_table(labelled, horizon=parse_duration(HORIZON))
    failing, others = np.nansum(table.fails), (table.fails == 0).sum()

    def kept(bounds):
        sample = sample_failures(table, negatives_per_positive=3.0, negatives=bounds, seed=3)
        return (sample.fails == 0).sum()

    assert kept((10_000, 20_000)) == others
    assert kept((0, 10)) == pytest.approx(failing, rel=0.15)


def test_each_machine_is_held_out_whole_and_failures_are_spread_over_the_folds(labelled):
    table = training_table(labelled, horizon=parse_duration(HORIZON))
    folds = machine_folds(table, folds=4, seed=1)
    assert len(folds) == len(table.machine_ids)
    assert np.bincount(folds).tolist() == [2, 2, 2, 2]


def test_a_ceiling_cuts_the_remaining_life(labelled):
    bundle = train(labelled, seed=1, horizon=HORIZON, settings=replace(QUICK, rul_ceiling_hours=40.0))
    assert predict(bundle, labelled, reasons=0)["rul_hours_p90"].max() <= 40.0


def test_no_rows_one_machine_no_failures_and_only_failures_are_refused_with_the_reason(labelled):
    never = labelled.with_columns(
        fails_within_horizon=pl.lit(value=False), rul_hours=pl.lit(None, pl.Float64), is_censored=pl.lit(value=True)
    )
    assert reason_of(labelled.clear()) is UntrainableReason.NO_ROWS
    assert reason_of(labelled.filter(pl.col("machine_id") == "PUMP-00")) is UntrainableReason.ONE_MACHINE
    assert reason_of(never) is UntrainableReason.NO_POSITIVES
    assert reason_of(labelled.filter("fails_within_horizon")) is UntrainableReason.NO_NEGATIVES
    keys = ["machine_id", "window_end", "run_id", "rul_hours", "fails_within_horizon", "is_censored"]
    assert reason_of(labelled.select(keys)) is UntrainableReason.NO_FEATURES


def test_failures_of_one_machine_among_many_are_refused(labelled):
    others = labelled.filter((pl.col("machine_id") == "PUMP-00") | (pl.col("rul_hours") > 12))
    assert reason_of(others) is UntrainableReason.ONE_MACHINE


def test_labels_made_for_another_horizon_are_refused(labelled):
    assert reason_of(labelled, horizon="24h") is UntrainableReason.LABELS_DISAGREE


@pytest.mark.parametrize(
    ("changed", "error", "problem"),
    [
        (lambda rows: rows.with_columns(true_health_index=pl.lit(1.0)), InvalidArgumentError, "ground truth"),
        (lambda rows: rows.with_columns(site=pl.lit("Lisbon")), InvalidArgumentError, "not a number"),
        (lambda rows: rows.drop("rul_hours"), MissingColumnError, "rul_hours"),
    ],
)
def test_ground_truth_text_and_unlabelled_frames_are_refused(labelled, changed, error, problem):
    with pytest.raises(error, match=problem):
        train(changed(labelled), seed=1, horizon=HORIZON)


def test_a_split_that_lets_rows_into_both_sides_is_found_by_permuted_labels(labelled, monkeypatch):
    def leaking(row_folds):
        everything = np.arange(len(row_folds))
        yield everything, everything

    monkeypatch.setattr("mlops_core.prognosis.failure.out_of_fold", leaking)
    assert reason_of(labelled) is UntrainableReason.LEARNS_NOISE
