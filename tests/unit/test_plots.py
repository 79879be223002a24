"""Charts of a fleet, a machine and a model: what they draw, and that they are drawn."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import polars as pl
import pytest

import mlops_core as mc
from mlops_core.prognosis import TrainingSettings, TreeSettings

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet(history):
    features = mc.compute_features(history.readings, lengths=["6h", "24h"], hop="6h")
    labelled = mc.label_features(features, history.failures, horizon="24h")
    bundle = mc.train(labelled, seed=5, settings=TrainingSettings(trees=TreeSettings(rounds=10)))
    return history, features, labelled, bundle, mc.predict(bundle, features)


def drawn(chart) -> str:
    svg = StringIO()
    chart.save(svg, format="svg")
    return svg.getvalue()


def test_the_fleet_stands_most_endangered_first_by_each_machine_s_newest_prediction(fleet):
    *_, predictions = fleet
    chart = mc.plot_fleet(predictions, most=4)
    newest = predictions.filter(pl.col("window_end") == pl.col("window_end").max().over("machine_id"))
    expected = newest.sort("failure_probability", descending=True, nulls_last=True)["machine_id"].head(4).to_list()
    assert chart.to_dict()["hconcat"][0]["encoding"]["y"]["sort"] == expected
    assert all(machine in drawn(chart) for machine in expected)


def test_a_machine_is_shown_by_one_level_a_channel_its_failures_and_what_was_predicted_of_it(fleet):
    history, features, labelled, _, predictions = fleet
    failures = history.failures
    machine_id = failures["machine_id"][0]
    chart = mc.plot_machine(features, machine_id, failures=failures, predictions=predictions, labelled=labelled)
    svg = drawn(chart)
    for title in ("vibration_rms_6h", "temperature_rms_6h", "probability of failure", "remaining life, h"):
        assert title in svg
    assert json.dumps(chart.to_dict()).count('"rule"') == 4


def test_a_long_history_is_thinned_to_what_a_page_can_show():
    rows = 20_000
    features = pl.DataFrame(
        {
            "machine_id": "A",
            "window_end": pl.datetime_range(START, START + timedelta(minutes=rows - 1), "1m", eager=True),
            "flow_mean_1h": pl.int_range(rows, eager=True).cast(pl.Float64),
        }
    )
    chart = mc.plot_machine(features, "A").to_dict()
    (points,) = chart["datasets"].values()
    assert len(points) <= 1500
    assert points[-1]["flow_mean_1h"] == rows - 1


def test_a_model_is_shown_by_precision_recall_and_calibration(fleet):
    _, _, labelled, bundle, _ = fleet
    svg = drawn(mc.plot_evaluation(bundle, labelled))
    for title in ("Precision and recall of rows", "Do probabilities come true?", "predicted probability"):
        assert title in svg


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (lambda features, _: mc.plot_fleet(features), "failure_probability"),
        (lambda features, _: mc.plot_machine(features, "M1", columns=["flow_mean_1h"]), "flow_mean_1h"),
        (lambda features, bundle: mc.plot_evaluation(bundle, features), "fails_within_horizon"),
    ],
)
def test_what_cannot_be_shown_is_named(fleet, shown, missing):
    _, features, _, bundle, _ = fleet
    with pytest.raises(mc.errors.MissingColumnError, match=missing):
        shown(features, bundle)
