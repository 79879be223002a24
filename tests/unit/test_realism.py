"""Measures of run-to-failure histories, against hand-made trajectories and published figures."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.trajectories import (
    complete_runs,
    kolmogorov_smirnov,
    lifetime_variation,
    measure_realism,
    monotonicity,
    prognosability,
    run_trajectories,
    sign_monotonicity,
    trendability,
)
from mlops_core.errors import InvalidArgumentError
from mlops_core.simulation import DegradationLaw, simulate_fleet
from mlops_core.telemetry import FAILURES, READINGS

AT = datetime(2026, 1, 1, tzinfo=UTC)
RISING = np.arange(50.0)


def test_a_channel_that_only_rises_is_fully_monotone_whatever_its_shape():
    assert monotonicity([RISING, RISING**3, -np.sqrt(RISING)]) == pytest.approx(1)
    assert sign_monotonicity([RISING, RISING**3]) == pytest.approx(1)


def test_a_constant_channel_has_no_trend():
    constant = np.full(50, 0.1)
    assert monotonicity([constant]) == 0
    assert trendability([constant, RISING]) == 0
    assert prognosability([constant, constant]) == 0


def test_sign_monotonicity_counts_rises_less_falls():
    assert sign_monotonicity([np.array([0.0, 1, 2, 1, 2])]) == pytest.approx(2 / 4)


def test_noise_hides_a_trend_from_the_sign_form_and_not_from_the_rank_form():
    noisy = RISING.repeat(20) + np.random.default_rng(1).normal(0, 5, 1000)
    assert monotonicity([noisy]) > 0.9
    assert sign_monotonicity([noisy]) < 0.1


def test_trendability_compares_runs_over_their_lives_and_not_over_time():
    assert trendability([RISING, np.arange(9.0), 5 * np.arange(500.0)]) == pytest.approx(1)
    assert trendability([RISING, (RISING - RISING.mean()) ** 2]) == pytest.approx(0, abs=0.05)


def test_prognosability_falls_with_the_spread_of_the_last_values():
    assert prognosability([RISING, RISING, RISING]) == 1
    ends = [np.array([0.0, 8.0]), np.array([0.0, 12.0])]
    assert prognosability(ends) == pytest.approx(math.exp(-2 / 10))


def test_lifetime_variation_is_standard_deviation_over_mean():
    assert lifetime_variation([8.0, 12.0]) == pytest.approx(math.sqrt(8) / 10)


@pytest.mark.parametrize(
    "measure", [lambda: monotonicity([]), lambda: trendability([RISING]), lambda: monotonicity([np.ones(1)]),
                lambda: lifetime_variation([1.0]), lambda: kolmogorov_smirnov([], lambda hours: hours, seed=1)]
)  # fmt: skip
def test_too_little_data_is_refused(measure):
    with pytest.raises(InvalidArgumentError, match=r"at least|two points"):
        measure()


def test_the_bootstrap_accepts_a_sample_of_the_law_and_refuses_another():
    law = DegradationLaw()
    uniform = np.random.default_rng(3).random(300)
    lives = law.guaranteed_life_hours + law.characteristic_life_hours * (-np.log(uniform)) ** (1 / law.life_shape)
    assert kolmogorov_smirnov(lives.tolist(), law.life_cdf, seed=1).p_value > 0.05
    assert kolmogorov_smirnov((lives * 1.2).tolist(), law.life_cdf, seed=1).p_value < 0.01


def test_the_bootstrap_p_value_is_uniform_under_the_law():
    samples = np.random.default_rng(4).random((200, 40))
    values = [
        kolmogorov_smirnov(sample.tolist(), lambda part: part, seed=number, resamples=200).p_value
        for number, sample in enumerate(samples)
    ]
    assert np.mean(np.array(values) <= 0.1) == pytest.approx(0.1, abs=0.07)


def readings_of(machine_id: str, values: list[float], channel: str = "load") -> pl.DataFrame:
    times = [AT + timedelta(hours=hour) for hour in range(len(values))]
    return pl.DataFrame(
        {"machine_id": machine_id, "channel": channel, "event_timestamp": times, "value": values}, schema=READINGS
    )


def test_runs_lie_between_returns_to_service_and_failures():
    failures = pl.DataFrame(
        [("A", AT + timedelta(hours=4), None, None, None, AT + timedelta(hours=6)),
         ("A", AT + timedelta(hours=9), None, None, None, None)],
        schema=FAILURES, orient="row",
    )  # fmt: skip
    readings = readings_of("A", [float(hour) for hour in range(12)])
    runs = complete_runs(readings, failures)
    assert runs["run_started_at"].to_list() == [AT, AT + timedelta(hours=6)]
    assert runs["lifetime_hours"].to_list() == [4, 3]
    trajectories = run_trajectories(readings, failures, "load", hop="1h", smoothing="2h")
    assert [values.tolist() for values in trajectories] == [[0.5, 1.5, 2.5], [6.5, 7.5]]


def test_simulated_health_is_between_a_real_bearing_set_and_a_turbofan_simulation():
    """Bearing set: 0.56, 0.13, 0.28, CV 0.59; C-MAPSS FD001, best sensors: 0.94-0.97 twice, 0.92-0.93, 0.23-0.35."""
    ids = [f"M{number}" for number in range(30)]
    history = simulate_fleet(ids, start=AT, end=AT + timedelta(days=150), interval="10m", seed=3)
    measured = measure_realism(history.readings, history.failures, smoothing="24h")
    assert measured["channel"].to_list() == ["temperature", "vibration"]
    assert measured["runs"].min() > 150
    assert measured["monotonicity"].is_between(0.56, 0.94).all()
    assert measured["trendability"].is_between(0.13, 0.94).all()
    assert measured["prognosability"].is_between(0.28, 0.92).all()
    assert measured["lifetime_variation"].is_between(0.23, 0.59).all()


def test_lives_of_new_machines_follow_the_configured_law():
    law = DegradationLaw()
    ids = [f"M{number}" for number in range(400)]
    runs = simulate_fleet(ids, start=AT, end=AT + timedelta(hours=1), interval="1h", seed=5, law=law).runs
    lives = (runs["true_failure_at"] - runs["run_started_at"]).dt.total_seconds() / 3600  # known before they end
    assert kolmogorov_smirnov(lives.to_list(), law.life_cdf, seed=1).p_value > 0.05
    assert kolmogorov_smirnov((1.15 * lives).to_list(), law.life_cdf, seed=1).p_value < 0.05
