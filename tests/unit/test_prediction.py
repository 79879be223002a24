"""Predictions: of one row or many, and what is refused."""

import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlops_core.errors import EmptyFeaturesError, FeatureMismatchError
from mlops_core.features import parse_feature_name
from mlops_core.features.names import FeatureName
from mlops_core.prognosis import (
    Prediction,
    Reason,
    predict,
    predict_many,
    predict_one,
    statements,
)
from mlops_core.prognosis.reasons import strongest_reasons

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LABELS = ["run_id", "rul_hours", "fails_within_horizon", "is_censored"]


@pytest.fixture(scope="module")
def features(labelled):
    return labelled.drop(LABELS)


def worn_row(features, labelled) -> dict[str, float]:
    row = features.filter(labelled["rul_hours"] < 3).row(0, named=True)
    return {name: value for name, value in row.items() if name not in ("machine_id", "window_end")}


def test_columns_are_those_of_the_contract_and_rows_keep_their_order(bundle, features):
    prediction = predict(bundle, features.reverse())
    assert prediction.columns == [
        "machine_id", "window_end", "failure_probability", "rul_hours_p10", "rul_hours_p50", "rul_hours_p90",
        "rul_hours_mean", "health_index", "evaluation_zone", "reasons", "unusual_features",
        "failure_mode", "model_version",
    ]  # fmt: skip
    assert prediction["machine_id"].equals(features["machine_id"].reverse())
    assert prediction["window_end"].equals(features["window_end"].reverse())
    assert prediction["model_version"].unique().to_list() == [bundle.version]


def test_values_lie_where_they_must(bundle, features):
    prediction = predict(bundle, features, reasons=0)
    assert prediction["failure_probability"].is_between(0, 1).all()
    assert prediction["health_index"].is_between(0, 1).all()
    assert prediction.select(pl.col("rul_hours_p10").is_between(0, pl.col("rul_hours_p50")).all()).item()


def test_one_row_is_told_as_the_frame_tells_it(bundle, features, labelled):
    index = labelled.with_row_index().filter(pl.col("rul_hours") < 3)["index"][0]
    row = features.row(index, named=True)
    one = predict_one(bundle, row["machine_id"], row["window_end"], row)
    many = predict(bundle, features, reasons=3)[index].row(0, named=True)
    assert asdict(one) | {"reasons": [asdict(r) for r in one.reasons], "unusual_features": []} == many


def test_many_rows_are_told_as_each_alone_and_only_the_worst_are_explained(bundle, features, labelled):
    rows = [
        (row["machine_id"], row["window_end"], {name: value for name, value in row.items() if value is not None})
        for row in features.head(50).iter_rows(named=True)
    ]
    prediction = predict_many(bundle, [*rows, ("EMPTY-1", rows[0][1], {}), rows[0]], explained=3)
    assert isinstance(prediction[-2], FeatureMismatchError)
    assert prediction[-1] == prediction[0]
    alone = [predict_one(bundle, *row, nulls_omitted=True) for row in rows]
    bare = [replace(each, reasons=()) for each in prediction[:-2]]
    assert bare == [replace(each, reasons=()) for each in alone]
    explained = [each for each, single in zip(prediction[:-2], alone, strict=True) if each.reasons]
    threshold = bundle.alarm_plan.watch or 1.0
    assert len(explained) >= 2
    assert all(each in alone for each in explained)
    assert all(each.reasons for each in prediction[:-2] if each.failure_probability >= threshold)


def test_a_column_more_or_columns_in_another_order_change_nothing(bundle, features):
    other = features.select(pl.all().reverse()).select(sorted(features.columns)).with_columns(site=pl.lit("Lisbon"))
    assert predict(bundle, other).equals(predict(bundle, features.reverse()))


def test_an_unknown_column_is_refused_where_that_is_asked_for(bundle, features):
    predict(bundle, features.with_columns(revision=pl.lit(1)), strict=True)
    with pytest.raises(FeatureMismatchError) as refused:
        predict(bundle, features.with_columns(pressure_mean_1h=pl.lit(1.0)), strict=True)
    assert refused.value.unexpected == ["pressure_mean_1h"]


@pytest.mark.parametrize(
    ("changed", "problem", "columns"),
    [
        (
            lambda rows: rows.drop("vibration_rms_1h", "temperature_mean_6h"),
            "missing",
            ["temperature_mean_6h", "vibration_rms_1h"],
        ),
        (lambda rows: rows.with_columns(vibration_rms_1h=pl.lit("high")), "wrong_type", ["vibration_rms_1h"]),
        (lambda rows: rows.drop("window_end"), "missing", ["window_end"]),
    ],
)
def test_missing_columns_and_text_are_refused_by_name(bundle, features, changed, problem, columns):
    with pytest.raises(FeatureMismatchError) as refused:
        predict(bundle, changed(features))
    assert getattr(refused.value, problem) == columns


def test_a_row_without_any_reading_is_told_nothing(bundle, features):
    silent = features.head(2).with_columns(
        pl.lit(0).alias("vibration_count_1h"),
        *(
            pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise(pl.col(name)).alias(name)
            for name in ("vibration_rms_1h", "vibration_slope_6h", "temperature_mean_6h")
        ),
    )
    prediction = predict(bundle, silent)
    value_columns = [name for name in prediction.columns if name not in ("machine_id", "window_end", "model_version")]
    assert all(prediction[name][0] is None for name in value_columns)
    assert prediction["failure_probability"][1] is not None
    with pytest.raises(EmptyFeaturesError, match="PUMP-9"):
        predict_one(bundle, "PUMP-9", NOON, dict.fromkeys(bundle.schema.names) | {"vibration_count_1h": 0})


def test_a_single_row_needs_every_column_unless_its_store_leaves_out_nulls(bundle, features, labelled):
    row = worn_row(features, labelled)
    partial = {name: value for name, value in row.items() if name != "temperature_mean_6h"}
    with pytest.raises(FeatureMismatchError) as refused:
        predict_one(bundle, "PUMP-1", NOON, partial)
    assert refused.value.missing == ["temperature_mean_6h"]
    prediction = predict_one(bundle, "PUMP-1", NOON, partial, nulls_omitted=True)
    assert prediction == predict_one(bundle, "PUMP-1", NOON, row | {"temperature_mean_6h": None})


def test_a_store_without_the_counts_of_a_window_has_another_schema(bundle, features, labelled):
    row = worn_row(features, labelled)
    del row["vibration_count_1h"]
    with pytest.raises(FeatureMismatchError) as refused:
        predict_one(bundle, "PUMP-1", NOON, row, nulls_omitted=True)
    assert refused.value.missing == ["vibration_count_1h"]


def test_decimals_as_a_table_gives_them_are_numbers(bundle, features, labelled):
    row = worn_row(features, labelled)
    decimals = {name: Decimal(repr(float(np.float32(value)))) for name, value in row.items()}
    assert predict_one(bundle, "PUMP-1", NOON, decimals) == predict_one(bundle, "PUMP-1", NOON, row)


@pytest.mark.parametrize(
    ("velocity", "zone"), [(0.0, "A"), (4.49, "A"), (4.5, "B"), (7.2, "C"), (11.2, "D"), (50.0, "D"), (None, None)]
)
def test_the_zone_is_that_of_the_latest_vibration_and_a_boundary_belongs_to_the_worse(bundle, velocity, zone):
    row = {
        "vibration_count_1h": 60,
        "vibration_slope_6h": 0.0,
        "temperature_mean_6h": 50.0,
        "vibration_rms_1h": velocity,
    }
    assert predict_one(bundle, "PUMP-1", NOON, row).evaluation_zone == zone


def test_values_beyond_all_that_was_seen_are_named(bundle, features, labelled):
    row = worn_row(features, labelled)
    assert predict_one(bundle, "PUMP-1", NOON, row).unusual_features == ()
    assert predict_one(bundle, "PUMP-1", NOON, row | {"temperature_mean_6h": 900.0}).unusual_features == (
        "temperature_mean_6h",
    )


def test_the_reason_for_a_worn_machine_is_its_vibration_in_words_and_numbers(bundle, features, labelled):
    reasons = predict_one(bundle, "PUMP-1", NOON, worn_row(features, labelled)).reasons
    assert reasons[0].feature == "vibration_rms_1h"
    assert reasons[0].odds_factor > 2
    assert reasons[0].text.startswith("vibration r.m.s. over 1 h is ")
    assert " mm/s, usually " in reasons[0].text
    assert "odds" not in reasons[0].text


def test_contributions_add_up_to_the_log_odds_that_are_told(bundle, features):
    matrix = features.select(bundle.schema.names).to_numpy().astype(np.float32)[:50]
    assert bundle.failure.contributions(matrix).sum(axis=1) == pytest.approx(bundle.failure.raw(matrix), abs=1e-9)


def test_features_that_say_the_same_share_one_reason(bundle):
    schema = replace(
        bundle.schema,
        names=("vibration_rms_1h", "vibration_mean_6h", "vibration_slope_6h", "load"),
        typical=(2.0, 2.0, 0.0, None),
    )
    row = np.array([8.0, 7.0, 0.3, np.nan], dtype=np.float32)
    reasons = strongest_reasons(schema, row, np.array([0.6, 0.8, -1.0, 0.001, -3.0]), 1.0, most=9)
    assert [reason.feature for reason in reasons] == ["vibration_mean_6h", "vibration_slope_6h"]
    assert reasons[0].odds_factor == pytest.approx(np.exp(1.4))
    assert reasons[1].text == "vibration trend over 6 h is 0.3 mm/s per h, usually 0 mm/s per h"


def test_a_level_is_told_against_the_machines_own_normal_and_for_how_long(bundle):
    names = ("vibration_mean_1h", "vibration_mean_6h", "vibration_mean_24h", "vibration_mean_24h_drift")
    schema = replace(bundle.schema, names=names, typical=(4.0, 4.0, 4.0, 0.0))
    # It began at 2 mm/s: the last hour is 6 above that, the last six 5, the last day 1.
    row = np.array([8.0, 7.0, 3.0, 1.0], dtype=np.float32)
    [reason] = strongest_reasons(schema, row, np.array([1.0, 0.1, 0.1, 0.0]), 1.0, most=1)
    assert reason.text == ("vibration mean over 1 h is 8 mm/s, normal for this machine is 2 mm/s, for at least 3 h")


def test_below_a_risk_nothing_is_unusual_and_above_it_only_what_speaks_for_a_failure_is_said(bundle):
    rising = Reason("vibration_rms_1h", 9.0, 3.0, 4.0, "vibration r.m.s. over 1 h is 9 mm/s")
    falling = Reason("temperature_mean_6h", 50.0, 50.0, 0.8, "temperature mean over 6 h is 50 degC")
    prediction = Prediction("PUMP-1", NOON, 0.4, 5.0, 20.0, 40.0, 0.2, "C", (falling, rising), (), "model-1")
    assert statements(prediction, risk=0.5) == ("nothing unusual",)
    assert statements(prediction, risk=0.3) == (
        rising.text, "look first at bearings, balance, alignment and loose mountings",
    )  # fmt: skip
    assert "none of them by itself" in statements(replace(prediction, reasons=(falling,)), risk=0.3)[0]


@pytest.mark.parametrize(
    ("mode", "look"),
    [
        ("IMBALANCE", "look first at balance: deposits, lost weights and loose mountings"),
        ("E17", "look first at bearings, balance, alignment and loose mountings"),
    ],
)
def test_what_to_look_at_first_follows_the_way_of_failing_where_its_code_says_something(mode, look):
    rising = Reason("vibration_rms_1h", 9.0, 3.0, 4.0, "vibration r.m.s. over 1 h is 9 mm/s")
    prediction = Prediction("PUMP-1", NOON, 0.4, 5.0, 20.0, 40.0, 0.2, "C", (rising,), (), "model-1", failure_mode=mode)
    assert statements(prediction, risk=0.3) == (rising.text, f"most like the failures of {mode}", look)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("vibration_mean_6h", FeatureName("vibration", "mean", 21600, is_drift=False)),
        ("sensor_12_hours_since_last_30m", FeatureName("sensor_12", "hours_since_last", 1800, is_drift=False)),
        ("oil_last_peak_to_peak_1h", FeatureName("oil_last", "peak_to_peak", 3600, is_drift=False)),
        ("vibration_mean_6h_drift", FeatureName("vibration", "mean", 21600, is_drift=True)),
        ("age_hours", None),
    ],
)
def test_a_feature_name_says_what_it_is(name, parts):
    assert parse_feature_name(name) == parts


def test_one_machine_is_predicted_without_polars_scipy_or_scikit_learn(bundle, features, labelled, tmp_path):
    """The layer of the inference function has numpy and LightGBM, and a stub where LightGBM imports scipy."""
    for name, content in bundle.files().items():
        (tmp_path / name).write_bytes(content)
    probe = f"""
import sys, types
from datetime import UTC, datetime
from pathlib import Path
scipy, sparse = types.ModuleType("scipy"), types.ModuleType("scipy.sparse")
for name in ("spmatrix", "csr_matrix", "csc_matrix"):
    setattr(sparse, name, type(name, (), {{}}))
scipy.sparse = sparse
sys.modules |= {{"scipy": scipy, "scipy.sparse": sparse}}
sys.modules |= dict.fromkeys(("polars", "sklearn", "pandas"))
from mlops_core.prognosis.bundle import load_bundle
from mlops_core.prognosis.prediction import predict_one
bundle = load_bundle({{path.name: path.read_bytes() for path in Path({str(tmp_path)!r}).iterdir()}})
prediction = predict_one(bundle, "PUMP-1", datetime(2026, 11, 21, 12, tzinfo=UTC), {worn_row(features, labelled)!r})
print(repr(prediction.failure_probability), prediction.evaluation_zone, len(prediction.reasons))
"""
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    prediction = predict_one(bundle, "PUMP-1", NOON, worn_row(features, labelled))
    assert done.stdout.split() == [
        repr(prediction.failure_probability),
        prediction.evaluation_zone,
        str(len(prediction.reasons)),
    ]
