"""Readings while a machine is off belong to no window, however they arrive, and its state is a channel of its own."""

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.condition.baseline_fit import level_columns
from mlops_core.errors import InvalidArgumentError
from mlops_core.features import FeatureRecipe, bucket_readings, is_off
from mlops_core.prognosis.training_table import feature_columns
from mlops_core.telemetry import READINGS, RunningClass, RunningRule, RunningTrack

START = datetime(2026, 11, 29, 10, tzinfo=UTC)
RULE = RunningRule(channel="vibration", above=0.5)
PUMPS = {"pumps": RunningClass(machines=("PUMP-*",), rule=RULE)}


def readings(*values: tuple[str, str, int, float]) -> pl.DataFrame:
    rows = [(machine, channel, START + timedelta(minutes=minute), value) for machine, channel, minute, value in values]
    return pl.DataFrame(rows, schema=READINGS, orient="row")


MEASURED = readings(
    ("PUMP-1", "vibration", 0, 5.0),
    ("PUMP-1", "temperature", 5, 60.0),
    ("PUMP-1", "vibration", 10, 0.0),
    ("PUMP-1", "temperature", 15, 21.0),
    ("PUMP-1", "temperature", 70, 21.0),  # of the next bucket: the state follows it there
    ("PUMP-1", "vibration", 80, 0.1),
    ("PUMP-1", "temperature", 130, 30.0),  # no state in its bucket
    ("FAN-1", "vibration", 10, 0.0),
)


def test_what_is_measured_while_a_machine_is_off_is_in_no_window() -> None:
    recipe = FeatureRecipe(channels=("temperature", "vibration"), lengths=("1h",), running=PUMPS)
    rows = {(row["machine_id"], row["window_end"].hour): row for row in recipe.compute(MEASURED).iter_rows(named=True)}
    first, second, third = (rows["PUMP-1", hour] for hour in (11, 12, 13))
    assert (first["temperature_mean_1h"], first["vibration_mean_1h"]) == (60.0, 5.0)
    assert (first["running_count_1h"], first["running_mean_1h"], first["running_last_1h"]) == (2, 0.5, 0)
    assert (second["temperature_count_1h"], second["vibration_count_1h"], second["running_mean_1h"]) == (0, 0, 0)
    assert third["temperature_mean_1h"] == 30.0
    assert rows["FAN-1", 11]["vibration_count_1h"] == 1, "its class has no rule"
    assert [name for name in rows["FAN-1", 11] if name.startswith("running_max")] == []


def test_unless_asked_all_readings_count() -> None:
    row = FeatureRecipe(lengths=("1h",)).compute(MEASURED).filter(machine_id="PUMP-1").row(0, named=True)
    assert row["temperature_count_1h"] == 2
    assert "running_last_1h" not in row


def test_a_class_that_a_machine_was_given_goes_before_the_patterns() -> None:
    recipe = FeatureRecipe(lengths=("1h",), running={**PUMPS, "always": RunningClass()})
    given = pl.DataFrame({"machine_id": ["PUMP-1"], "machine_class": ["always"]})
    row = recipe.compute(MEASURED, machines=given).filter(machine_id="PUMP-1").row(0, named=True)
    assert row["temperature_count_1h"] == 2


@pytest.mark.parametrize("seed", range(5))
def test_order_and_duplicates_change_no_bucket_and_late_readings_only_add_to_the_revision(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's own choice
    rows = [
        ("PUMP-1", chance.choice(["temperature", "vibration"]), chance.randrange(120), float(chance.randrange(3)))
        for _ in range(60)
    ]
    rules = {"PUMP-1": RULE}
    whole = bucket_readings(readings(*rows), hop="1h", running=rules)
    shuffled = [*rows, *chance.choices(rows, k=20)]
    chance.shuffle(shuffled)
    assert bucket_readings(readings(*shuffled), hop="1h", running=rules).equals(whole)
    before = 0
    for known in range(1, len(rows) + 1):
        revision = bucket_readings(readings(*rows[:known]), hop="1h", running=rules)["revision"].sum()
        assert revision >= before
        before = revision


def test_a_state_channel_tells_by_its_values() -> None:
    rule = RunningRule(channel="mode", states=(2.0, 3.0))
    measured = readings(
        ("M", "mode", 0, 3.0), ("M", "level", 1, 7.0), ("M", "mode", 2, 1.0), ("M", "level", 3, 9.0)
    )  # fmt: skip
    buckets = bucket_readings(measured, hop="1h", running={"M": rule})
    assert {row["channel"]: row["count"] for row in buckets.iter_rows(named=True)} == {
        "level": 1,
        "mode": 1,
        "running": 2,
    }


def test_a_rule_says_one_thing_and_a_channel_of_its_name_is_refused() -> None:
    with pytest.raises(ValueError, match="either above or states"):
        RunningRule(channel="vibration")
    with pytest.raises(InvalidArgumentError, match="running"):
        bucket_readings(readings(("M", "running", 0, 1.0)), hop="1h", running={"M": RULE})


def test_a_row_tells_whether_its_machine_is_off_by_its_shortest_window_that_holds_a_state() -> None:
    assert is_off({"running_last_1h": 0.0, "running_last_6h": 0.0})
    assert is_off({"running_last_1h": None, "running_last_6h": 0.0})
    assert not is_off({"running_last_1h": 1.0, "running_last_6h": 0.0})
    assert not is_off({"vibration_last_1h": 0.0})


def test_no_model_and_no_baseline_learns_from_whether_a_machine_ran() -> None:
    columns = ["machine_id", "window_end", "vibration_mean_1h", "running_mean_1h", "running_last_1h"]
    rows = pl.DataFrame({name: [1.0] for name in columns})
    assert feature_columns(rows) == ("vibration_mean_1h",)
    assert level_columns(columns) == ["vibration_mean_1h"]


def test_a_track_knows_the_state_at_a_moment_and_keeps_the_newest() -> None:
    track = RunningTrack()
    assert not track.is_off("M", START)
    for minute, runs in ((2, True), (0, True), (1, False)):
        track.note("M", START + timedelta(minutes=minute), runs=runs)
    assert [track.is_off("M", START + timedelta(seconds=s)) for s in (0, 60, 90, 120)] == [False, True, True, False]
    track.note("M", START + timedelta(minutes=3), runs=False)
    track.forget()
    assert track.is_off("M", START + timedelta(minutes=9))
