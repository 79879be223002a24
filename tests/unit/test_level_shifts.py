"""Levels that have changed for good are found after two returns to service; a year of wear and repairs says nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import polars as pl
import pytest

from mlops_core.condition import LevelShift, fit_baseline, level_shifts, shift_columns
from mlops_core.features import compute_features, returns_to_service
from mlops_core.simulation import SimulatedHistory, simulate_fleet

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, CHANGED = 200, 60


@cache
def simulated() -> tuple[SimulatedHistory, pl.DataFrame]:
    end = START + timedelta(days=DAYS)
    history = simulate_fleet([f"M{n}" for n in range(8)], start=START, end=end, interval="30m", seed=5)
    return history, compute_features(history.readings, lengths=["24h"], hop="1h", statistics=["mean", "std"])


def weekly(features: pl.DataFrame) -> Iterator[LevelShift]:
    """What each Monday's look at the features of the last 90 days finds."""
    history, original = simulated()
    baseline = fit_baseline(
        original.filter(pl.col("window_end") <= START + timedelta(days=45)), failures=history.failures
    )
    kept = features.select("machine_id", "window_end", *shift_columns(baseline).values())
    returns = returns_to_service(history.failures, None)
    for day in range(49, DAYS, 7):
        now = START + timedelta(days=day)
        seen = kept.filter(pl.col("window_end").is_between(now - timedelta(days=90), now))
        known = returns.filter(pl.col("returned_at") <= now)
        yield from level_shifts(baseline, seen, known, since=now - timedelta(days=7))


def test_wear_and_repairs_say_nothing():
    assert list(weekly(simulated()[1])) == []


@pytest.mark.parametrize(("channel", "change"), [("temperature", 30.0), ("vibration", 5.0)])
def test_a_recalibrated_sensor_is_told_of_once_with_its_channel(channel: str, change: float):
    changed = (pl.col("machine_id") == "M3") & (pl.col("window_end") > START + timedelta(days=CHANGED))
    column = pl.col(f"{channel}_mean_24h")
    features = simulated()[1].with_columns(pl.when(changed).then(column + change).otherwise(column))
    [found] = weekly(features)
    assert (found.machine_id, found.channel, found.is_corrected) == ("M3", channel, True)
    assert found.deviation > 4


def test_what_all_machines_share_is_season_and_no_shift():
    shared = pl.col("window_end") > START + timedelta(days=CHANGED)
    warmer = pl.when(shared).then(pl.col("temperature_mean_24h") + 25.0).otherwise("temperature_mean_24h")
    assert list(weekly(simulated()[1].with_columns(temperature_mean_24h=warmer))) == []
