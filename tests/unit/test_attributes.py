"""What people say of machines becomes features: numbers as they are, categories by their values."""

import polars as pl
import pytest

from mlops_core.errors import InvalidArgumentError, MissingColumnError
from mlops_core.features import FeatureRecipe, add_attributes, attribute_names
from mlops_core.prognosis import TrainingSettings, TreeSettings, label_features, predict, train
from mlops_core.telemetry import CHANNELS

QUICK = TrainingSettings(trees=TreeSettings(rounds=30))
MACHINES = pl.DataFrame(
    {
        "machine_id": ["A", "B", "C"],
        "kind": ["pump", "fan", None],
        "rated_rpm": [1480, None, 960],
        "isOld": [True, False, None],
    }
)
ROWS = pl.DataFrame({"machine_id": ["B", "A", "Z", "C"], "v": [1, 2, 3, 4]})


def test_numbers_stay_and_categories_are_one_column_a_value():
    assert attribute_names(MACHINES) == ("kind=fan", "kind=pump", "rated_rpm", "isOld")
    found = add_attributes(ROWS, MACHINES)
    assert found.columns[2:] == [f"machine/{name}" for name in attribute_names(MACHINES)]
    assert found.drop("machine_id").rows() == [
        (1, 1.0, 0.0, None, 0.0), (2, 0.0, 1.0, 1480.0, 1.0), (3, None, None, None, None), (4, None, None, 960.0, None)
    ]  # fmt: skip
    as_categories = MACHINES.with_columns(pl.col("kind").cast(pl.Categorical))
    assert add_attributes(ROWS, as_categories).equals(found)


def test_a_value_that_the_training_data_did_not_have_is_none_of_the_known():
    later = pl.DataFrame({"machine_id": ["A"], "kind": ["mixer"]})
    [row] = add_attributes(ROWS.head(2).tail(1), later, names=["kind=fan", "kind=pump"]).drop("machine_id", "v").rows()
    assert row == (0.0, 0.0)


@pytest.mark.parametrize(
    ("machines", "names", "error", "problem"),
    [
        (MACHINES, ["site=North"], MissingColumnError, "site"),
        (pl.concat([MACHINES, MACHINES]), None, InvalidArgumentError, "twice"),
        (MACHINES, ["kind"], InvalidArgumentError, "is no number"),
    ],
)
def test_what_cannot_be_an_attribute_is_refused(machines, names, error, problem):
    with pytest.raises(error, match=problem):
        add_attributes(ROWS, machines, names=names)


def test_a_name_that_each_machine_has_for_itself_is_no_attribute():
    many = pl.DataFrame({"machine_id": [str(n) for n in range(30)], "serial": [f"S{n}" for n in range(30)]})
    assert attribute_names(many) == ()


def test_a_recipe_reads_them_a_model_learns_from_them_and_a_stack_without_them_says_so(history):
    machines = pl.DataFrame({"machine_id": [f"M{n}" for n in range(6)], "kind": ["pump", "fan"] * 3, "age": range(6)})
    names = attribute_names(machines)
    recipe = FeatureRecipe(lengths=("1h", "24h"), statistics=("mean",), attributes=names)
    features = recipe.compute(history.readings, machines=machines)
    bundle = train(label_features(features, history.failures), seed=1, recipe=recipe, settings=QUICK)
    assert (bundle.recipe.unknown, bundle.recipe.attributes) == ((), names)
    stack = bundle.recipe.model_copy(update={"attributes": ("age",)})
    mismatch = bundle.recipe.differences(stack, bundle.schema.names)
    assert mismatch == ["attributes of machines: kind=fan, kind=pump"]
    silent = features.head(1).with_columns(pl.lit(None, pl.Float64).alias(n) for n in features.columns if "_mean_" in n)
    assert predict(bundle, silent)["failure_probability"].to_list() == [None]
    with pytest.raises(InvalidArgumentError, match="kind=pump, age are read"):
        recipe.compute(history.readings)


def test_zones_are_of_channels_that_say_they_are_velocities(history):
    features = FeatureRecipe(lengths=("1h", "24h"), statistics=("mean",)).compute(history.readings)
    labelled = label_features(features, history.failures)
    unsaid = train(labelled, seed=1, channels={}, settings=QUICK)
    assert predict(unsaid, features.head(50))["evaluation_zone"].null_count() == 50
    renamed = labelled.rename({name: name.replace("vibration", "housing") for name in labelled.columns})
    channels = {"housing": CHANNELS["vibration"].model_copy(update={"name": "housing"})}
    bundle = train(renamed, seed=1, channels=channels, settings=QUICK)
    assert predict(bundle, renamed.head(50))["evaluation_zone"].drop_nulls().len() > 40
