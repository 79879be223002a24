"""Ways of failing are named where held-out failures show that the features distinguish them, else none is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlops_core.errors import MissingColumnError
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis import (
    TrainingSettings,
    TreeSettings,
    label_features,
    label_modes,
    load_bundle,
    predict,
    predict_one,
    statements,
    train,
)
from mlops_core.prognosis.modes import fit_modes
from mlops_core.simulation import simulate_fleet

START = datetime(2026, 1, 1, tzinfo=UTC)
RUNS, ROWS = 24, 5
QUICK = TrainingSettings(trees=TreeSettings(rounds=30))  # modes are told apart by centroids, not by trees


def rows(apart: float, *, seed: int = 1):
    """RUNS runs of ROWS rows and three features, of which the first lies `apart` deviations apart between two modes."""
    random = np.random.default_rng(seed)
    runs = np.repeat(np.arange(RUNS), ROWS)
    modes = ["WEAR" if run % 3 else "HEAT" for run in runs]
    matrix = random.normal(size=(len(runs), 3)).astype(np.float32)
    matrix[:, 0] += apart * (np.array(modes) == "HEAT")
    return matrix, modes, runs, runs % 4


def test_modes_that_differ_are_named_and_the_shares_say_how_often():
    matrix, modes, runs, folds = rows(6.0)
    found = fit_modes(matrix, modes, runs, folds)
    assert (found.names, found.failures, found.right) == (("HEAT", "WEAR"), RUNS, 1.0)
    assert found.majority_right == pytest.approx(2 / 3)
    assert found.name(matrix) == modes


def test_modes_that_no_feature_tells_apart_are_named_in_few_of_many_histories():
    named = sum(fit_modes(*rows(0.0, seed=seed)) is not None for seed in range(40))
    assert named <= 4  # one in twenty, and as many again by chance


def test_what_was_not_measured_and_what_never_varies_speak_for_no_mode():
    matrix, modes, runs, folds = rows(6.0)
    matrix[:, 1], matrix[::7, 2], matrix[::11, 0] = 3.0, np.nan, np.nan
    found = fit_modes(matrix, modes, runs, folds)
    assert found.right > 0.9
    assert {centroid[1] for centroid in found.centroids} == {0.0}
    nothing = np.full((1, 3), np.nan, dtype=np.float32)
    assert found.name(nothing) == ["WEAR"]  # the most frequent


def test_rare_modes_are_not_named_and_count_as_not_named_rightly():
    matrix, modes, runs, folds = rows(6.0)
    modes = ["RARE" if run < 2 else mode for run, mode in zip(runs, modes, strict=True)]
    found = fit_modes(matrix, modes, runs, folds)
    assert found.names == ("HEAT", "WEAR")
    assert found.right == pytest.approx((RUNS - 2) / RUNS)


@pytest.mark.parametrize("modes", [[None] * RUNS * ROWS, ["WEAR"] * RUNS * ROWS])
def test_without_two_modes_nothing_is_named(modes):
    matrix, _, runs, folds = rows(6.0)
    assert fit_modes(matrix, modes, runs, folds) is None


@pytest.fixture(scope="module")
def history():
    return simulate_fleet(
        [f"M{n}" for n in range(16)], start=START, end=START + timedelta(days=80), interval="1h", seed=3
    )


@pytest.fixture(scope="module")
def labelled(history):
    recipe = FeatureRecipe(lengths=("6h", "24h"), statistics=("mean", "std"), drift=("temperature_mean_24h",))
    features = recipe.compute(history.readings)
    ended = history.failures.with_columns(pl.col("returned_to_service_at").fill_null(START + timedelta(days=80)))
    return label_modes(label_features(features, ended), history.failures)


def test_a_run_has_the_code_of_its_failure(history, labelled):
    codes = dict(history.failures.select(pl.concat_str("machine_id", "event_timestamp"), "event_code").iter_rows())
    ends = pl.col("window_end") + pl.duration(microseconds=(pl.col("rul_hours") * 3.6e9).round())
    named = labelled.drop_nulls("rul_hours").select(pl.concat_str("machine_id", ends), "failure_mode").unique()
    assert named.height > 20
    assert all(codes[failure] == mode for failure, mode in named.iter_rows())
    assert labelled.filter("is_censored")["failure_mode"].null_count() == labelled["is_censored"].sum()
    with pytest.raises(MissingColumnError, match="rul_hours"):
        label_modes(labelled.drop("rul_hours"), history.failures)


def test_a_model_names_the_mode_in_predictions_card_and_headline(labelled):
    bundle = train(labelled, seed=1, settings=QUICK)
    assert bundle.modes.right > bundle.modes.majority_right
    assert "failure_mode" not in bundle.schema.names
    assert "it names the likeliest way: " in bundle.model_card
    failing = labelled.filter(pl.col("rul_hours") < 6)
    prediction = predict(bundle, failing)
    assert (prediction["failure_mode"] == failing["failure_mode"]).mean() > 0.7
    row = failing.row(0, named=True)
    one = predict_one(bundle, row["machine_id"], row["window_end"], row)
    assert one.failure_mode == prediction["failure_mode"][0]
    lines = statements(replace(one, reasons=(replace(one.reasons[0], odds_factor=2.0),)), risk=0.0)
    assert f"most like the failures of {one.failure_mode}" in lines
    assert load_bundle(bundle.files()).modes == bundle.modes


def test_a_history_without_codes_names_none(labelled):
    bundle = train(labelled.drop("failure_mode"), seed=1, settings=QUICK)
    assert bundle.modes is None
    assert predict(bundle, labelled.head(3))["failure_mode"].null_count() == 3
    assert "modes.json" not in bundle.files()
