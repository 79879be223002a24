"""Events become features by a point-in-time join: a row knows what lies before it, and nothing else."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.errors import ColumnValueError, InvalidArgumentError, MissingColumnError
from mlops_core.features import FeatureRecipe, add_events, event_names
from mlops_core.prognosis import (
    TrainingSettings,
    TreeSettings,
    label_features,
    predict,
    predict_many,
    predict_one,
    train,
)
from mlops_core.telemetry import EVENTS, TIMESTAMP

START = datetime(2026, 1, 1, tzinfo=UTC)
ERROR = "event/error"


def rows(**ends):
    found = [(machine, START + timedelta(hours=hour)) for machine, hours in ends.items() for hour in hours]
    return pl.DataFrame(found, schema={"machine_id": pl.String, "window_end": TIMESTAMP}, orient="row")


def events(*happened):
    found = [(machine, START + timedelta(hours=hour), kind, code) for machine, hour, kind, code in happened]
    return pl.DataFrame(found, schema=EVENTS, orient="row")


HAPPENED = events(
    ("A", 2, "error", "E1"), ("A", 8, "error", "E2"), ("A", 11, "error", "E1"), ("A", 9, "stop", None),
    ("B", 11.5, "error", "E1"),
)  # fmt: skip


#   A  2: E1   8: E2   9: stop   11: E1           a window of 4 h is [8, 12) at 12: its own end is still ahead
def test_a_window_counts_the_events_before_its_end_and_from_its_beginning_on():
    found = add_events(rows(A=[12, 8, 2, 11, 48]), HAPPENED, names=["error"], lengths=["4h", "24h"])
    assert found.columns[2:] == [f"{ERROR}_in_4h", f"{ERROR}_in_24h", f"{ERROR}_hours_since"]
    assert found.drop("machine_id", "window_end").rows() == [
        (2, 3, 1.0), (0, 1, 6.0), (0, 0, None), (1, 2, 3.0), (0, 0, 37.0)
    ]  # fmt: skip


def test_a_code_is_counted_by_itself_and_each_machine_by_its_own():
    found = add_events(rows(A=[12], B=[12], C=[12]), HAPPENED, names=["error/E1", "stop"], lengths=["4h"])
    assert found[f"{ERROR}/E1_in_4h"].to_list() == [1, 1, 0]
    assert found[f"{ERROR}/E1_hours_since"].to_list() == [1.0, 0.5, None]
    assert found["event/stop_hours_since"].to_list() == [3.0, None, None]


def test_codes_have_columns_where_a_kind_has_several_and_few():
    assert event_names(HAPPENED) == ("error", "error/E1", "error/E2", "stop")
    assert event_names(HAPPENED, most_codes=1) == ("error", "stop")


def test_what_was_stored_twice_counts_once_and_the_order_of_events_does_not_matter():
    table = rows(A=range(50), B=range(50))
    twice = pl.concat([HAPPENED, HAPPENED]).sample(fraction=1, shuffle=True, seed=4)
    assert add_events(table, twice).equals(add_events(table, HAPPENED))


@pytest.mark.parametrize("hour", [2, 8, 9, 11, 11.5])
def test_a_row_knows_nothing_of_later_events(hour):
    table = rows(A=range(20), B=range(20)).filter(pl.col("window_end") <= START + timedelta(hours=hour))
    known = HAPPENED.filter(pl.col("event_timestamp") < START + timedelta(hours=hour))
    names = event_names(HAPPENED)
    assert add_events(table, known, names=names).equals(add_events(table, HAPPENED, names=names))


def test_failures_are_events():
    assert event_names(HAPPENED.drop("kind").head(1)) == ("failure",)


@pytest.mark.parametrize(
    ("table", "log", "names", "error", "problem"),
    [
        (rows(A=[1]), HAPPENED.drop("machine_id"), None, MissingColumnError, "machine_id"),
        (HAPPENED, HAPPENED, None, MissingColumnError, "window_end"),
        (rows(A=[1]), HAPPENED.with_columns(machine_id=None), None, ColumnValueError, "is null"),
        (rows(A=[1]), HAPPENED, ["er ror/E1"], InvalidArgumentError, "events="),
        (rows(A=[1]), HAPPENED, ["error/"], InvalidArgumentError, "events="),
        (rows(A=[1]), HAPPENED, ["error", "error"], InvalidArgumentError, "events="),
    ],
)
def test_a_frame_that_does_not_fit_or_a_name_of_no_events_is_refused(table, log, names, error, problem):
    with pytest.raises(error, match=problem):
        add_events(table, log, names=names)


@pytest.fixture(scope="module")
def event_log(history):
    """Failures, and an error ten hours before each."""
    failures = history.failures.with_columns(kind=pl.lit("failure"))
    errors = history.failures.select(
        "machine_id", pl.col("event_timestamp") - timedelta(hours=10), kind=pl.lit("error"), event_code=pl.lit("E1")
    )
    return pl.concat([failures, errors], how="diagonal")


RECIPE = FeatureRecipe(lengths=("1h", "24h"), statistics=("mean",), age=True, events=("error",))


@pytest.fixture(scope="module")
def bundle(history, event_log):
    labelled = label_features(RECIPE.compute(history.readings, events=event_log), history.failures)
    return train(labelled, seed=1, recipe=RECIPE, settings=TrainingSettings(trees=TreeSettings(rounds=30)))


def test_a_recipe_computes_events_beside_windows_and_age(history, event_log):
    plain = RECIPE.model_copy(update={"events": ()}).compute(history.readings, events=history.failures)
    wanted = add_events(plain, event_log, names=["error"])
    assert RECIPE.compute(history.readings, events=event_log).equals(wanted)
    with pytest.raises(InvalidArgumentError, match="and error count"):
        RECIPE.compute(history.readings)


def test_a_model_of_events_is_served_by_its_recipe_and_says_them_in_words(history, event_log, bundle):
    features = bundle.recipe.compute(history.readings, events=event_log)
    assert bundle.recipe.unknown == ()
    row = features.filter(pl.col(f"{ERROR}_in_24h") > 0).row(0, named=True)
    prediction = predict_one(bundle, row["machine_id"], row["window_end"], row, reasons=5)
    texts = [reason.text for reason in prediction.reasons if reason.feature.startswith(ERROR)]
    assert texts[0].startswith(("number of error within 24h is 1", "time since the last error is"))
    without_nulls = {name: value for name, value in row.items() if value is not None}
    [again] = predict_many(bundle, [(row["machine_id"], row["window_end"], without_nulls)])
    assert again.failure_probability == prediction.failure_probability


def test_events_alone_are_no_measurement(history, event_log, bundle):
    row = bundle.recipe.compute(history.readings, events=event_log).head(1)
    silent = row.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in row.columns if "_mean_" in name)
    assert predict(bundle, silent)["failure_probability"].to_list() == [None]


def test_a_stack_that_does_not_count_them_says_so(bundle):
    columns, stack = bundle.schema.names, bundle.recipe
    assert stack.differences(stack, columns) == []
    without = stack.model_copy(update={"events": ()})
    assert stack.differences(without, columns) == ["events error"]
    shorter = stack.model_copy(update={"event_lengths": ("24h",)})
    assert stack.differences(shorter, columns) == ["counts of events within 168h"]
