"""A step of a whole class is found; season, weather, wear and repairs of a year are none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from mlops_core.alerting import trial_notice
from mlops_core.condition import ClassStep, class_steps, fit_baseline

START = datetime(2026, 1, 1, tzinfo=UTC)
LEARNED = 45


def plant(seed: int, *, days: int, machines: int = 6, weather: float = 3.0) -> pl.DataFrame:
    """Daily means of machines that wear and are repaired, under one season of +-12 degrees and one weather."""
    random, hours = np.random.default_rng(seed), np.arange(24 * days)
    season = 12.0 * np.sin(2 * np.pi * (hours / 24 / 365 + random.uniform()))
    common = season + wandering(random, len(hours), deviation=weather, days=3.0)
    frames: list[pl.DataFrame] = []
    for machine in range(machines):
        life, begun = random.uniform(20, 60), random.uniform(0, 60)
        wear = 6.0 * ((hours / 24 + begun) % life / life) ** 3
        own = wandering(random, len(hours), deviation=0.5, days=0.5)
        ends = [START + timedelta(hours=hour + 1) for hour in hours.tolist()]
        mean = 60.0 + 5.0 * random.standard_normal() + common + wear + own
        frames.append(
            pl.DataFrame({"window_end": ends, "temperature_mean_24h": mean}).with_columns(
                machine_id=pl.lit(f"M{machine}")
            )
        )
    return pl.concat(frames).with_columns(pl.col("window_end").cast(pl.Datetime("us", "UTC")))


def wandering(random: np.random.Generator, count: int, *, deviation: float, days: float) -> NDArray[np.float64]:
    """A stationary series of hours that forgets within so many days."""
    kept = np.exp(-1 / (24 * days))
    values = deviation * random.standard_normal(count)
    for hour in range(1, count):
        values[hour] = kept * values[hour - 1] + np.sqrt(1 - kept**2) * values[hour]
    return values


def with_step(features: pl.DataFrame, day: int, degrees: float, machines: int = 99) -> pl.DataFrame:
    concerned = pl.col("machine_id").is_in([f"M{number}" for number in range(machines)])
    since = (pl.col("window_end") - START).dt.total_hours() / 24 - day
    share = since.clip(0.0, 1.0)  # of a window of 24 h that lies after the step
    return features.with_columns(
        pl.col("temperature_mean_24h") + pl.when(concerned).then(share * degrees).otherwise(0.0)
    )


def weekly(features: pl.DataFrame) -> Iterator[ClassStep]:
    """What each Monday's look at the features of the last 90 days finds."""
    baseline = fit_baseline(features.filter(pl.col("window_end") <= START + timedelta(days=LEARNED)))
    last = features["window_end"].max()
    for day in range(LEARNED + 4, (last - START).days, 7):
        now = START + timedelta(days=day)
        seen = features.filter(pl.col("window_end").is_between(now - timedelta(days=90), now))
        yield from class_steps(baseline, seen, since=now - timedelta(days=7))


@pytest.mark.parametrize("seed", range(3))
def test_a_year_of_season_weather_wear_and_repairs_says_nothing(seed: int) -> None:
    assert list(weekly(plant(seed, days=365))) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("weather", "degrees"), [(3.0, 35.0), (0.3, -12.0)])
def test_a_step_of_the_whole_class_is_found_once_with_its_day(seed: int, weather: float, degrees: float) -> None:
    day = 80 + 11 * seed
    [found] = weekly(with_step(plant(seed, days=150, weather=weather), day, degrees))
    assert (found.machine_class, found.channel, found.machines) == ("", "temperature", 6)
    assert abs((found.at - START).days - day) <= 1
    assert found.jump * degrees > 0


def test_a_step_of_half_of_the_machines_is_none_of_the_class() -> None:
    assert list(weekly(with_step(plant(1, days=130, weather=0.3), 90, 20.0, machines=3))) == []


def test_a_front_of_weather_that_passes_within_two_days_is_none() -> None:
    features = with_step(with_step(plant(1, days=130, weather=0.3), 90, 20.0), 92, -20.0)
    assert list(weekly(features)) == []


def test_a_stack_of_five_weeks_and_an_empty_one_say_nothing() -> None:
    features = with_step(plant(1, days=34, weather=0.3), 20, 30.0)
    baseline = fit_baseline(features)
    assert class_steps(baseline, features, since=START) == ()
    assert class_steps(baseline, features.clear(), since=START) == ()


def test_a_step_is_told_of_in_words() -> None:
    notice = trial_notice(None, (), (), (ClassStep("PUMP", "temperature", START, 5.25, 8),))
    assert "1 levels of a whole class shifted" in notice.subject
    assert "8 machines of PUMP, temperature: most jumped by +5.2 spreads" in notice.text
