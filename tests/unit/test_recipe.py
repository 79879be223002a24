"""What a model reads, and how it is computed, is one recipe: the same in training, on a platform and in a notebook."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from pydantic import ValidationError

from mlops_core.errors import InvalidArgumentError
from mlops_core.features import (
    FeatureRecipe,
    add_age,
    add_drift,
    bucket_readings,
    compute_features,
    learn_normaliser,
    returns_to_service,
)
from mlops_core.features.statistics import REGISTRY
from mlops_core.simulation import simulate_fleet
from mlops_core.telemetry import FAILURES, MAINTENANCE

START = datetime(2026, 1, 1, tzinfo=UTC)
IDENTITY = ["machine_id", "window_end"]
STACK = FeatureRecipe.of_stack(["temperature", "vibration"], lengths=("1h", "6h", "24h"), hop="1h")


@pytest.fixture(scope="module")
def history():
    return simulate_fleet(["A", "B", "C"], start=START, end=START + timedelta(days=40), interval="20m", seed=3)


@pytest.fixture(scope="module")
def computed(history):
    return STACK.compute(history.readings, events=history.failures)


def test_a_plain_recipe_computes_compute_features(history):
    assert FeatureRecipe().compute(history.readings).equals(compute_features(history.readings))


def test_a_stack_computes_windows_drift_of_levels_over_a_day_and_age(history, computed):
    windows = compute_features(history.readings)
    drift = ("temperature_mean_24h", "vibration_mean_24h")
    assert computed.columns == [*windows.columns, *(f"{name}_drift" for name in drift), "age_hours"]
    assert computed.select(windows.columns).equals(windows)
    by_hand = add_age(add_drift(windows, drift), returns=returns_to_service(history.failures, None))
    assert computed.equals(by_hand)


# rows       0h  1h  2h  3h  4h  5h        returns of A at 1:30 and 4:00, of B never
#  age A      0   1   .5  1.5 0   1        from the first row, then from the latest return at or before the row
def test_age_counts_from_the_latest_return_to_service():
    ends = [START + timedelta(hours=hour) for hour in range(6)]
    features = pl.DataFrame({"machine_id": ["A"] * 6 + ["B"] * 2, "window_end": ends + ends[3:5]})
    returned = [START + timedelta(hours=1.5), START + timedelta(hours=4), START + timedelta(days=9)]
    returns = pl.DataFrame({"machine_id": ["A"] * 3, "returned_at": returned})
    shuffled = features.reverse()
    expected = [0.0, 1.0, 0.5, 1.5, 0.0, 1.0, 0.0, 1.0]
    assert add_age(features, returns=returns)["age_hours"].to_list() == expected
    assert add_age(shuffled, returns=returns)["age_hours"].to_list() == expected[::-1]


def test_returns_are_of_failures_that_ended_and_of_work_that_renews():
    at = [START + timedelta(hours=hour) for hour in range(4)]
    failures = pl.DataFrame(
        {"machine_id": ["A", "A"], "event_timestamp": at[:2], "returned_to_service_at": [at[2], None]}
    )
    maintenance = pl.DataFrame(
        [("B", at[0], None, True), ("B", at[1], at[3], True), ("B", at[2], None, False)],
        schema=MAINTENANCE,
        orient="row",
    )
    assert returns_to_service(failures, maintenance).rows() == [("A", at[2]), ("B", at[0]), ("B", at[3])]
    assert returns_to_service(None, None).height == 0
    assert returns_to_service(pl.DataFrame(schema=FAILURES), None).height == 0


@pytest.mark.parametrize("hours", [1, 6, 50])
def test_a_platform_that_computes_some_hours_at_a_time_computes_the_same(history, computed, hours):
    windows = STACK.windows(bucket_readings(history.readings, hop="1h")).drop("revision")
    returns = returns_to_service(history.failures, None)
    chunks = windows.with_columns(at=pl.col("window_end").dt.truncate(f"{hours}h")).partition_by(
        "at", include_key=False
    )
    known, derived = None, []
    for chunk in sorted(chunks, key=lambda rows: rows["window_end"][0])[:60]:
        known = STACK.beginnings(chunk, known)
        derived.append(STACK.derive(chunk, returns=returns, beginnings=known))
    served = pl.concat(derived).sort(IDENTITY)
    assert served.equals(computed.join(served, on=IDENTITY, how="semi", maintain_order="left"))


def test_beginnings_do_not_depend_on_the_order_in_which_rows_come(computed):
    early = computed.filter(pl.col("window_end") < START + timedelta(days=4))
    parts = [early.sample(fraction=1, shuffle=True, seed=1).gather_every(5, offset) for offset in range(5)]
    known = None
    for part in parts:
        known = STACK.beginnings(part, known)
    assert known.equals(STACK.beginnings(computed))
    assert known.height < 3 * 30


def test_a_row_that_is_computed_again_replaces_the_one_that_is_known():
    row = pl.DataFrame({"machine_id": ["A"], "window_end": [START], "x_mean_1h": [1.0]})
    recipe = FeatureRecipe(lengths=("1h",), drift=("x_mean_1h",))
    again = row.with_columns(x_mean_1h=pl.lit(2.0))
    assert recipe.beginnings(again, recipe.beginnings(row))["x_mean_1h"].to_list() == [2.0]


def test_features_of_normalised_readings_follow_from_those_of_readings(history):
    normaliser = learn_normaliser(history.readings)
    everything = {"statistics": tuple(REGISTRY), "lengths": ("1h", "24h"), "age": True}
    drift = ("vibration_mean_24h", "temperature_std_1h")
    stack = FeatureRecipe(channels=("temperature", "vibration"), drift=drift, **everything)
    named = tuple(name.replace("_", "_normalised_", 1) for name in drift)
    recipe = FeatureRecipe(normaliser=normaliser, drift=named, **everything)
    wanted = recipe.compute(history.readings, events=history.failures)
    rows = stack.compute(history.readings, events=history.failures)
    assert recipe.differences(stack, wanted.columns[2:]) == []
    for row, expected in zip(
        rows.gather_every(41).drop(IDENTITY).iter_rows(named=True),
        wanted.gather_every(41).drop(IDENTITY).iter_rows(named=True),
        strict=True,
    ):
        served = recipe.serve({name: value for name, value in row.items() if value is not None})
        known = {name: value for name, value in expected.items() if value is not None}
        assert {name: served[name] for name in known} == pytest.approx(known, rel=1e-6, abs=1e-9)
        assert all(served.get(name) is None for name in expected.keys() - known.keys())


def test_normalised_features_have_names_of_their_own(history):
    features = FeatureRecipe(normaliser=learn_normaliser(history.readings)).compute(history.readings)
    assert {name.split("_")[1] for name in features.columns[2:]} == {"normalised"}


@pytest.mark.parametrize(
    ("model", "columns", "difference"),
    [
        ({"statistics": ("mean", "crest_factor")}, ["vibration_crest_factor_6h"], ["statistics crest_factor"]),
        ({"lengths": ("7d",)}, ["vibration_mean_168h"], ["windows of 168 h"]),
        ({}, ["current_mean_6h", "oil_mean_6h"], ["channels current, oil"]),
        (
            {"drift": ("vibration_rms_6h",)},
            ["vibration_rms_6h_drift"],
            ["drift against the first 24 rows, 1h apart, of vibration_rms_6h"],
        ),
        (
            {"drift": ("vibration_mean_24h",), "drift_rows": 48},
            ["vibration_mean_24h_drift"],
            ["drift against the first 48 rows, 1h apart, of vibration_mean_24h"],
        ),
        ({"unknown": ("load_class",)}, ["load_class"], ["columns made outside of a recipe: load_class"]),
        ({"age": True}, ["age_hours", "vibration_mean_6h"], []),
    ],
)
def test_what_a_stack_does_not_compute_is_said_in_words(model, columns, difference):
    assert FeatureRecipe(**model).differences(STACK, columns) == difference


def test_age_is_missed_where_a_stack_has_none():
    stack = STACK.model_copy(update={"age": False})
    assert STACK.differences(stack, ["age_hours"]) == ["the hours since the return to service, that is age_hours"]


def test_normalisation_by_condition_is_not_served_from_windows(history):
    normaliser = learn_normaliser(history.readings, settings=("temperature",), conditions=2)
    recipe = FeatureRecipe(normaliser=normaliser)
    [difference] = recipe.differences(STACK, ["vibration_normalised_mean_6h"])
    assert difference == "normalisation by the operating condition, defined by temperature"
    row = {"vibration_mean_6h": 1.0}
    assert recipe.serve(row) == row


def test_a_model_without_recipe_gets_what_its_columns_say():
    recipe = FeatureRecipe.of_columns(["x_mean_6h", "x_rms_90m", "y_rms_6h", "x_mean_6h_drift", "load"])
    assert (recipe.channels, recipe.lengths, recipe.hop) == (("x", "y"), ("90m", "6h"), "30m")
    assert (recipe.statistics, recipe.unknown) == (("mean", "rms"), ("x_mean_6h_drift", "load"))
    assert FeatureRecipe.of_columns(["x_mean_6h"], is_normalised=True).unknown == ("x_mean_6h",)


def test_the_recipe_of_a_model_names_its_channels_and_what_it_does_not_know():
    recipe = FeatureRecipe(age=True).of_model(["x_mean_6h", "age_hours", "x_mean_7h", "load"])
    assert (recipe.channels, recipe.unknown) == (("x",), ("x_mean_7h", "load"))


def test_a_recipe_survives_json_and_takes_durations_in_any_form(history):
    recipe = FeatureRecipe(lengths=(timedelta(hours=2), "120h"), hop=timedelta(minutes=30), age=True)
    normalised = recipe.model_copy(update={"normaliser": learn_normaliser(history.readings)})
    assert recipe.lengths == ("2h", "120h")
    assert FeatureRecipe.model_validate_json(normalised.model_dump_json()) == normalised


@pytest.mark.parametrize(
    ("wrong", "difference"),
    [
        ({"hop": "7h"}, "is not a multiple of the hop"),
        ({"statistics": ("median",)}, "unknown or repeated"),
        ({"drift_rows": 0}, "greater than or equal to 1"),
        ({"lenghts": ("1h",)}, "Extra inputs"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(wrong, difference):
    with pytest.raises(ValidationError, match=difference):
        FeatureRecipe(**wrong)


def test_what_nobody_can_compute_is_refused(history):
    with pytest.raises(InvalidArgumentError, match="recipe='load': was made outside"):
        FeatureRecipe(unknown=("load",)).compute(history.readings)
    with pytest.raises(InvalidArgumentError, match="read by no recipe"):
        FeatureRecipe().compute(history.readings, machines=pl.DataFrame())
