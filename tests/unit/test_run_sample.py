"""Sampling by runs: every failing run, enough of the others, and weights that let the sample stand for all rows."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.prognosis import STANDS_FOR, is_drawn, label_features, sample_runs
from mlops_core.telemetry import FAILURES

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 200


def labelled(healthy: int, failing: int) -> pl.DataFrame:
    """Keys and labels of machines that run for 200 hours; the failing ones fail at the end."""
    names = [f"HEALTHY-{n:03d}" for n in range(healthy)] + [f"FAILING-{n:03d}" for n in range(failing)]
    ends = pl.datetime_range(START, START + timedelta(hours=HOURS - 1), "1h", time_unit="us", eager=True)
    keys = pl.DataFrame({"machine_id": names}).join(pl.DataFrame({"window_end": ends}), how="cross")
    failed = [
        {"machine_id": name, "event_timestamp": ends[-1], "event_code": "WEAR"} for name in names if name[0] == "F"
    ]
    return label_features(keys, pl.DataFrame(failed, schema=FAILURES), horizon=timedelta(hours=24))


def negatives(rows: pl.DataFrame) -> float:
    return float(rows.filter(~pl.col("fails_within_horizon").fill_null(value=False))[STANDS_FOR].sum())


def test_rows_that_fit_stay_as_they_are() -> None:
    rows = labelled(2, 1)
    assert sample_runs(rows, most_rows=rows.height).equals(rows)


def test_every_failing_run_is_whole_and_the_others_fill_the_room_by_whole_runs() -> None:
    rows = labelled(20, 3)
    sampled = sample_runs(rows, most_rows=10 * HOURS)
    assert sampled.group_by("run_id").len()["len"].unique().to_list() == [HOURS]
    assert sampled.filter(~pl.col("is_censored"))["run_id"].n_unique() == 3
    assert sampled["run_id"].n_unique() == 10


def test_the_sample_stands_for_all_rows_and_a_failing_row_for_itself() -> None:
    rows = labelled(20, 3)
    sampled = sample_runs(rows, most_rows=10 * HOURS)
    assert negatives(sampled) == pytest.approx(negatives(rows.with_columns(pl.lit(1.0).alias(STANDS_FOR))))
    assert sampled.filter("fails_within_horizon")[STANDS_FOR].unique().to_list() == [1.0]


def test_of_failing_runs_that_do_not_fit_the_end_and_the_first_row_stay() -> None:
    rows = labelled(20, 30)
    sampled = sample_runs(rows, most_rows=3000)
    failing = sampled.filter(~pl.col("is_censored"))
    assert failing["run_id"].n_unique() == 30
    assert failing.group_by("run_id").agg(pl.col("window_end").min())["window_end"].unique().to_list() == [START]
    of_one = failing.filter(machine_id="FAILING-000")["rul_hours"].sort().to_list()
    assert of_one[:-1] == list(range(len(of_one) - 1))
    assert sampled.height <= 3000 + 30


def test_the_same_runs_are_drawn_whatever_the_order_of_rows() -> None:
    rows = labelled(20, 3)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=1)
    assert sample_runs(shuffled, most_rows=2000).equals(sample_runs(rows, most_rows=2000))


def test_a_sample_of_a_sample_stands_for_what_that_stood_for() -> None:
    rows = labelled(20, 3).with_columns(pl.when("is_censored").then(4.0).otherwise(1.0).alias(STANDS_FOR))
    assert negatives(sample_runs(rows, most_rows=2000)) == pytest.approx(negatives(rows))


def test_a_larger_share_holds_a_smaller_one_and_is_about_as_large_as_said() -> None:
    names = [f"M-{n}" for n in range(2000)]
    few, many = ({name for name in names if is_drawn(name, share)} for share in (0.1, 0.3))
    assert few < many
    assert 150 < len(few) < 250
