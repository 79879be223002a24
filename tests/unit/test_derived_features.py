import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.condition import ZONE_BOUNDARIES, add_evaluation_zones
from mlops_core.errors import InvalidArgumentError, MissingColumnError
from mlops_core.features import add_age, add_drift, machine_baselines

START = datetime(2026, 1, 1, tzinfo=UTC)


def table(**values):
    """A feature table with one hourly row for each value of each machine, machine by machine."""
    rows = [
        (machine, START + timedelta(hours=hour + 1), value)
        for machine, series in values.items()
        for hour, value in enumerate(series)
    ]
    schema = {"machine_id": pl.String, "window_end": pl.Datetime("us", "UTC"), "v": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


# rows   1    2    3  | 4    5        baseline of 3 rows: 2, 3, 4 on average as far as known, then fixed at 4
#        2    4    6  | 10   1
def test_drift_is_against_the_first_rows_so_far_and_then_against_all_of_them():
    drift = add_drift(table(A=[2.0, 4.0, 6.0, 10.0, 1.0]), ["v"], rows=3)["v_drift"]
    assert drift.to_list() == [0.0, 1.0, 2.0, 6.0, -3.0]


def test_each_machine_has_a_baseline_of_its_own():
    drift = add_drift(table(A=[1.0, 3.0], B=[100.0, 101.0]), ["v"], rows=1)["v_drift"]
    assert drift.to_list() == [0.0, 2.0, 0.0, 1.0]


def test_nulls_neither_enter_the_baseline_nor_use_it_up():
    drift = add_drift(table(A=[None, 2.0, None, 4.0, 9.0]), ["v"], rows=2)["v_drift"]
    assert drift.to_list() == [None, 0.0, None, 1.0, 6.0]


def test_drift_does_not_depend_on_later_rows_nor_on_the_order_of_rows():
    rng = random.Random(0)  # noqa: S311
    features = table(A=[rng.gauss(0, 1) for _ in range(30)], B=[rng.gauss(5, 1) for _ in range(30)])
    whole = add_drift(features, ["v"], rows=10)
    for hour in (3, 10, 17):
        cut = START + timedelta(hours=hour)
        prefix = add_drift(features.filter(pl.col("window_end") <= cut), ["v"], rows=10)
        assert prefix.equals(whole.filter(pl.col("window_end") <= cut))
    shuffled = features.sample(fraction=1, shuffle=True, seed=1)
    assert add_drift(shuffled, ["v"], rows=10).sort("machine_id", "window_end").equals(whole)
    assert machine_baselines(shuffled, ["v"], rows=10).equals(machine_baselines(features, ["v"], rows=10))


def test_a_repaired_machine_may_start_anew():
    features = table(A=[1.0, 2.0, 9.0, 11.0]).with_columns(run_id=pl.Series([0, 0, 1, 1]))
    assert add_drift(features, ["v"], rows=1, by=("machine_id", "run_id"))["v_drift"].to_list() == [0.0, 1.0, 0.0, 2.0]


def test_kept_baselines_serve_a_machine_whose_beginning_is_past():
    features = table(A=[2.0, 4.0, 6.0, 10.0, 1.0], B=[5.0, 6.0, 7.0, 8.0, 9.0])
    kept = machine_baselines(features.filter(pl.col("machine_id") == "A"), ["v"], rows=3)
    assert kept.rows() == [("A", 4.0)]
    late = features.filter(pl.col("window_end") > START + timedelta(hours=3))
    assert add_drift(late, ["v"], rows=3, baselines=kept)["v_drift"].to_list() == [6.0, -3.0, 0.0, 0.5]


def test_age_counts_hours_from_the_first_window():
    features = table(A=[0.0, 0.0, 0.0], B=[0.0])
    assert add_age(features)["age_hours"].to_list() == [0.0, 1.0, 2.0, 0.0]


#   A  [4.5)  B  [7.1)  C  [11.2)  D        a velocity on a boundary belongs to the worse zone
def test_zones_follow_the_boundaries_and_their_choice():
    features = table(A=[0.0, 4.4, 4.5, 7.1, 11.2, None])
    assert add_evaluation_zones(features, ["v"])["v_zone"].to_list() == ["A", "A", "B", "C", "D", None]
    strict = add_evaluation_zones(features, ["v"], boundaries=ZONE_BOUNDARIES["class I"])["v_zone"]
    assert strict.to_list() == ["A", "C", "D", "D", "D", None]


@pytest.mark.parametrize(
    ("add", "options", "error", "problem"),
    [
        (add_drift, {"columns": ["w"]}, MissingColumnError, "'w'"),
        (add_age, {"by": ("run_id",)}, MissingColumnError, "run_id"),
        (add_drift, {"columns": ["v"], "rows": 0}, InvalidArgumentError, "at least one row"),
        (add_evaluation_zones, {"columns": ["w"]}, MissingColumnError, "'w'"),
    ],
)
def test_what_cannot_work_is_refused(add, options, error, problem):
    with pytest.raises(error, match=problem):
        add(table(A=[1.0]), **options)
