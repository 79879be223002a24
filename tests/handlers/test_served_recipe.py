"""What a stack serves is what the model itself says of the same machine, or it is refused in words."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from handlers.stores import load_servable, stack_recipe
from mlops_core.errors import EmptyFeaturesError, FeatureMismatchError
from mlops_core.features import (
    STATISTICS,
    FeatureRecipe,
    add_drift,
    compute_features,
    learn_normaliser,
    returns_to_service,
)
from mlops_core.lake import BEGINNINGS_KEY, encode_readings
from mlops_core.prognosis import TrainingSettings, TreeSettings, label_features, predict, predict_one, train
from mlops_core.simulation import simulate_fleet
from mlops_core.telemetry import CHANNELS, MaintenanceKind, MaintenanceRecord, Reading
from tests.handlers import stores

START = datetime(2026, 1, 1, tzinfo=UTC)
LENGTHS = [timedelta(hours=hours) for hours in (1, 6, 24)]
STACK = stack_recipe(CHANNELS, LENGTHS, timedelta(hours=1))
QUICK = TrainingSettings(trees=TreeSettings(rounds=20), folds=2)
KEYS = ("machine_id", "window_end")


@pytest.fixture(scope="module")
def history():
    ids = [f"P{number}" for number in range(8)]
    return simulate_fleet(ids, start=START, end=START + timedelta(days=45), interval="30m", seed=7)


@pytest.fixture(scope="module")
def stack_features(history):
    return STACK.compute(history.readings, events=history.failures)


@pytest.fixture(scope="module")
def stack_bundle(history, stack_features):
    return trained(history, stack_features, recipe=STACK)


@pytest.fixture(scope="module")
def rows(stack_features):
    """What processing offers of every hour: the stack's recipe, of which a store leaves nulls out."""
    computed = stack_features.filter(pl.col("vibration_count_24h") > 0).sample(150, seed=1)
    return [{name: value for name, value in row.items() if value is not None} for row in computed.to_dicts()]


def trained(history, features, **options):
    return train(label_features(features, history.failures), seed=7, settings=QUICK, **options)


@pytest.mark.parametrize("case", ["plain", "stack", "normalised"])
def test_a_model_whose_recipe_the_stack_computes_is_served_as_it_predicts(history, rows, registry, case):
    recipe = {
        "plain": FeatureRecipe(),
        "stack": STACK,
        "normalised": FeatureRecipe(
            normaliser=learn_normaliser(history.readings), drift=("vibration_normalised_mean_24h",), age=True
        ),
    }[case]
    features = recipe.compute(history.readings, events=history.failures)
    registry.store(bundle := trained(history, features, recipe=recipe))
    served = load_servable(registry, bundle.version, stack=STACK)
    assert served.recipe == bundle.recipe == recipe.of_model(bundle.schema.names)
    measured = pl.DataFrame(
        [
            (row["machine_id"], row["window_end"], answer.failure_probability, answer.rul_hours_p50)
            for row in rows
            for answer in [
                predict_one(served, row["machine_id"], row["window_end"], row, reasons=0, nulls_omitted=True)
            ]
        ],
        schema=[*KEYS, "probability", "hours"],
        orient="row",
    ).cast({"window_end": features.schema["window_end"]})
    right = predict(bundle, measured.select(KEYS).join(features, on=KEYS, how="left", maintain_order="left"), reasons=0)
    assert (measured["probability"] - right["failure_probability"]).abs().max() < 1e-9
    assert (measured["hours"] - right["rul_hours_p50"]).abs().max() < 1e-6


def by_hand(history):
    """A model of features that a notebook made without a recipe."""
    normaliser = learn_normaliser(history.readings)
    features = compute_features(
        normaliser.apply(history.readings), statistics=(*STATISTICS, "crest_factor"), channels={}
    )
    drifting = add_drift(features, ["vibration_rms_6h", "temperature_mean_6h"])
    return trained(history, drifting, normaliser=normaliser.model_dump_json())


def test_a_model_of_what_was_normalised_by_hand_is_refused_and_says_why(history, registry):
    registry.store(bundle := by_hand(history))
    with pytest.raises(FeatureMismatchError, match="not computed here: columns made outside of a recipe: ") as refused:
        load_servable(registry, bundle.version, stack=STACK)
    assert "bundle.recipe.compute" in refused.value.hint
    raw = compute_features(history.readings, statistics=(*STATISTICS, "crest_factor"))
    raw = add_drift(raw, ["vibration_rms_6h", "temperature_mean_6h"])
    with pytest.raises(FeatureMismatchError, match="normalisation"):
        predict(bundle, raw)


def test_rows_that_lack_what_the_recipe_needs_are_refused(history):
    recipe = FeatureRecipe(normaliser=learn_normaliser(history.readings), age=True)
    bundle = trained(history, recipe.compute(history.readings, events=history.failures), recipe=recipe)
    with pytest.raises(FeatureMismatchError, match=r"missing: age_hours, .*normalised"):
        predict(bundle, compute_features(history.readings))
    row = {name: 1.0 for name in bundle.schema.names if name != "age_hours"}
    with pytest.raises(FeatureMismatchError, match="missing: age_hours"):
        predict_one(bundle, "P1", START, row, nulls_omitted=True)


def test_a_statistic_that_the_stack_does_not_compute_is_named(history, registry):
    recipe = FeatureRecipe(statistics=("mean", "crest_factor"))
    registry.store(bundle := trained(history, recipe.compute(history.readings), recipe=recipe))
    with pytest.raises(FeatureMismatchError) as refused:
        load_servable(registry, bundle.version, stack=STACK)
    assert refused.value.differences == ["statistics crest_factor"]


def test_a_machine_without_readings_has_an_age_and_no_prediction(stack_bundle):
    silent = dict.fromkeys(stack_bundle.schema.counts, 0.0) | {"age_hours": 5.0}
    with pytest.raises(EmptyFeaturesError):
        predict_one(stack_bundle, "P1", START, silent, nulls_omitted=True)


def raw_objects(aws, readings):
    aws.put_all(encode_readings(Reading(m, c, at, value, at) for m, c, at, value in readings.iter_rows()))


def test_processing_offers_drift_and_age_as_the_recipe_computes_them(aws, deploy):
    hours = 30
    readings = pl.DataFrame(
        [("A", "vibration", START + timedelta(minutes=20 * step), 2.0 + 0.01 * step) for step in range(3 * hours)],
        schema=["machine_id", "channel", "event_timestamp", "value"],
        orient="row",
    ).cast({"event_timestamp": pl.Datetime("us", "UTC")})
    raw_objects(aws, readings)
    returned = START + timedelta(hours=20)
    repair = MaintenanceRecord(machine_id="A", kind=MaintenanceKind.REPAIR, at=returned)
    stores.labels().record_maintenance(repair, recorded_at=returned)
    invoke = deploy("processing")
    for hour in (5, 13, hours):  # beginnings are kept from run to run
        invoke({"start": START.isoformat(), "end": (START + timedelta(hours=hour)).isoformat()})
    recipe = stack_recipe(CHANNELS, [timedelta(hours=1), timedelta(hours=6)], timedelta(hours=1))
    maintenance = pl.DataFrame(stores.labels().load_repairs())
    computed = recipe.derive(
        compute_features(readings, lengths=("1h", "6h")).with_columns(temperature_mean_6h=pl.lit(None, pl.Float64)),
        returns=returns_to_service(None, maintenance.cast({"event_timestamp": pl.Datetime("us", "UTC")})),
    )
    expected = computed.row(-1, named=True)
    [item] = aws.items("realtime-features")
    online = {name: float(value["N"]) for name, value in item["features"]["M"].items()}
    assert online["age_hours"] == expected["age_hours"] == 10.0
    assert online["vibration_mean_6h_drift"] == expected["vibration_mean_6h_drift"]
    kept = pl.read_parquet(aws.objects(BEGINNINGS_KEY)[BEGINNINGS_KEY])
    assert kept["window_end"].to_list() == [START + timedelta(hours=hour) for hour in range(1, 25)]
