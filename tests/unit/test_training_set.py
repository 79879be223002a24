"""What a model learns from and what judges it share no run, and the judge is later where there is enough that is."""

from dataclasses import replace

import polars as pl
import pytest

from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.prognosis import TrainingSettings, TreeSettings, judge_challenger, split_training_set, train
from tests.unit.degrading_fleet import degrading_fleet

LABELLED = degrading_fleet()
FIRST_RUNS = LABELLED.filter(pl.col("run_id").str.ends_with("#0"))
SETTINGS = TrainingSettings(trees=TreeSettings(rounds=10), folds=2)


def failures(rows: pl.DataFrame) -> int:
    return rows.filter(pl.col("fails_within_horizon"))["run_id"].n_unique()


def test_a_long_history_is_parted_by_time():
    parts = split_training_set(LABELLED, horizon="12h")
    assert "began after" in parts.rule
    assert parts.known["window_end"].max() < parts.held_out["window_end"].min()
    assert not set(parts.known["run_id"]) & set(parts.held_out["run_id"])
    assert failures(parts.held_out) == 6


def test_where_no_run_lies_wholly_after_another_machines_are_held_out_and_nothing_is_lost():
    parts = split_training_set(FIRST_RUNS, horizon="12h")
    assert parts.rule == "2 machines are held out"
    assert not set(parts.known["machine_id"]) & set(parts.held_out["machine_id"])
    assert parts.known.height + parts.held_out.height == FIRST_RUNS.height
    assert (failures(parts.known), failures(parts.held_out)) == (6, 2)


def test_the_same_machines_are_held_out_the_next_time():
    earlier = FIRST_RUNS.filter(pl.col("rul_hours") > 3)
    first, second = (
        set(split_training_set(rows, horizon="12h").held_out["machine_id"]) for rows in (earlier, FIRST_RUNS)
    )
    assert first == second


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (LABELLED.clear(), UntrainableReason.NO_ROWS),
        (LABELLED.filter(~pl.col("fails_within_horizon")), UntrainableReason.NO_POSITIVES),
        (FIRST_RUNS.filter(pl.col("machine_id") < "PUMP-02"), UntrainableReason.ONE_MACHINE),
    ],
)
def test_what_cannot_be_parted_is_refused_with_the_reason(rows, reason):
    with pytest.raises(UntrainableError) as refused:
        split_training_set(rows, horizon="12h")
    assert refused.value.reason == reason


def test_a_champion_is_judged_by_the_runs_that_it_has_not_learned_from():
    parts = split_training_set(FIRST_RUNS, horizon="12h")
    known = {name for name in parts.held_out["machine_id"].unique() if name != parts.held_out["machine_id"].min()}
    learned_one = pl.concat([parts.known, parts.held_out.filter(pl.col("machine_id").is_in(known))])
    champion = train(learned_one, seed=3, horizon="12h", settings=SETTINGS)
    challenger = train(parts.known, seed=4, horizon="12h", settings=SETTINGS)
    verdict = judge_challenger(challenger, champion, parts.held_out)
    assert verdict.champion.runs == verdict.challenger.runs == 1


def test_a_champion_that_reads_other_features_is_no_obstacle():
    parts = split_training_set(FIRST_RUNS, horizon="12h")
    challenger = train(parts.known.drop("vibration_slope_6h"), seed=4, horizon="12h", settings=SETTINGS)
    champion = train(parts.known, seed=3, horizon="12h", settings=replace(SETTINGS, folds=3))
    verdict = judge_challenger(challenger, champion, parts.held_out.drop("vibration_slope_6h"))
    assert verdict.champion is None
