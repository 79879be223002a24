"""From raw sums to frequencies and hours, and what censored runs say: against known distributions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mlops_core.prognosis.calibration import ProbabilityCalibration, fit_probability, fit_rul_curves, weighted_quantiles
from mlops_core.prognosis.censoring import completeness_weights, median_life, surviving


def logistic(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def drawn(seed, size=40_000):
    rng = np.random.Generator(np.random.PCG64(seed))
    log_odds = rng.normal(-3, 2, size)
    return log_odds, (rng.random(size) < logistic(log_odds)).astype(float)


def test_log_odds_that_hold_are_left_as_they_are():
    log_odds, fails = drawn(1)
    fitted = fit_probability(log_odds, fails, np.ones_like(fails), kept_share=1.0)
    assert fitted.slope == pytest.approx(1.0, abs=0.05)
    assert fitted.intercept == pytest.approx(0.0, abs=0.1)


def test_a_sample_of_the_negatives_gives_the_probability_among_all_rows():
    log_odds, fails = drawn(2)
    rng = np.random.Generator(np.random.PCG64(3))
    kept = (fails == 1) | (rng.random(len(fails)) < 0.2)
    inflated = log_odds - np.log(0.2)  # what trees grown on the sample would say
    weight = np.where(fails == 1, 1.0, 5.0)
    fitted = fit_probability(inflated[kept], fails[kept], weight[kept], kept_share=0.2)
    assert np.abs(fitted.probability(inflated) - logistic(log_odds)).max() < 0.03


def test_overconfident_log_odds_are_drawn_together():
    log_odds, fails = drawn(4)
    fitted = fit_probability(3 * log_odds, fails, np.ones_like(fails), kept_share=1.0)
    assert fitted.slope == pytest.approx(1 / 3, abs=0.03)


def test_a_handful_of_failures_cannot_turn_the_ranking_around():
    raw, fails = np.array([2.0, 1.0, -1.0, -2.0]), np.array([0.0, 0.0, 1.0, 1.0])
    fitted = fit_probability(raw, fails, np.ones(4), kept_share=1.0)
    assert (np.diff(fitted.probability(np.sort(raw))) > 0).all()


def test_extreme_raw_sums_give_probabilities_without_overflow():
    extremes = ProbabilityCalibration(0.1, 1.0, 0.0).probability(np.array([-1e9, 1e9]))
    assert extremes.tolist() == pytest.approx([0.0, 1.0])


def test_the_curves_are_the_quantiles_of_what_followed_similar_sums():
    rng = np.random.Generator(np.random.PCG64(5))
    raw = rng.uniform(0, 6, 60_000)
    hours = np.expm1(raw) * rng.uniform(0.5, 1.5, len(raw))
    curves = fit_rul_curves(raw, hours, np.ones_like(raw), np.arange(len(raw)))
    quantiles = curves.hours(np.array([2.0, 4.0]))
    assert quantiles == pytest.approx(np.expm1([[2.0], [4.0]]) * np.array([[0.6, 1.0, 1.4]]), rel=0.12)
    fresh = rng.uniform(0, 6, 20_000)
    true = np.expm1(fresh) * rng.uniform(0.5, 1.5, len(fresh))
    low, _, high = curves.hours(fresh).T
    assert np.mean((true >= low) & (true <= high)) == pytest.approx(0.8, abs=0.02)


@given(
    st.lists(st.tuples(st.floats(0, 8), st.floats(0, 2000), st.floats(0.1, 10)), min_size=1, max_size=200),
    st.integers(1, 20),
)
def test_the_three_curves_never_fall_and_never_cross(rows, runs):
    raw, hours, weight = (np.array(column) for column in zip(*rows, strict=True))
    curves = fit_rul_curves(raw, hours, weight, np.arange(len(raw)) % runs)
    quantiles = curves.hours(np.linspace(-1, 9, 50))
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_few_runs_give_the_whole_range_rather_than_a_falsely_sure_interval():
    hours = np.arange(1.0, 31.0)
    few = fit_rul_curves(np.zeros(30), hours, np.ones(30), np.arange(30) % 5)
    assert (few.p10, few.p90) == ((1.0,), (30.0,))
    many = fit_rul_curves(np.zeros(30), hours, np.ones(30), np.arange(30))
    assert (many.p10, many.p90) == ((3.0,), (28.0,))


def test_weighted_quantiles_count_weight_not_rows():
    values, weight = np.array([3.0, 1.0, 2.0]), np.array([8.0, 1.0, 1.0])
    assert weighted_quantiles(values, weight, np.array([0.1, 0.2, 0.5, 1.0])).tolist() == [1.0, 2.0, 3.0, 3.0]


def test_the_share_still_running_is_kaplan_and_meiers():
    # of 5 runs: one ends at 1; one is cut off at 2; of 3 left one ends at 3; of 2 left one ends at 5; one cut off at 6
    durations, ended = np.array([1.0, 2, 3, 5, 6]), np.array([True, False, True, True, False])
    times, shares = surviving(durations, ended)
    assert times.tolist() == [1, 3, 5]
    assert shares == pytest.approx([4 / 5, 4 / 5 * 2 / 3, 4 / 5 * 2 / 3 / 2])
    assert median_life(durations, ended) == 5


def test_where_half_the_runs_never_failed_the_median_life_is_the_longest_seen():
    assert median_life(np.array([1.0, 8, 9]), np.array([True, False, False])) == 9


def test_complete_runs_stand_for_those_of_their_length_that_were_cut_off():
    rng = np.random.Generator(np.random.PCG64(6))
    lives, limits = rng.weibull(2, 200_000), rng.uniform(0.2, 3, 200_000)
    failed, durations = lives <= limits, np.minimum(lives, limits)
    weight = completeness_weights(durations, failed)
    assert (weight[~failed] == 0).all()
    assert np.average(durations, weights=weight) == pytest.approx(lives.mean(), rel=0.01)
    assert durations[failed].mean() < 0.93 * lives.mean()


def test_without_censoring_every_run_counts_once():
    assert completeness_weights(np.array([3.0, 1.0, 3.0]), np.full(3, fill_value=True)).tolist() == [1, 1, 1]


def test_no_run_speaks_for_more_than_ten():
    durations = np.concatenate((np.arange(1.0, 100), [200.0]))
    failed = np.concatenate((np.zeros(99, dtype=bool), [True]))
    assert completeness_weights(durations, failed)[-1] == 10.0
