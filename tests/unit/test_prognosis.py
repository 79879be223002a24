"""Failures of simulated machines are foretold: a small case of what `benchmarks.prognosis` measures at length."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.features import compute_features
from mlops_core.prognosis import evaluate, label_features, train
from mlops_core.simulation import simulate_fleet

pytestmark = pytest.mark.verify

START = datetime(2026, 1, 1, tzinfo=UTC)


def history(machines, seed):
    ids = [f"S{seed}-{number}" for number in range(machines)]
    return simulate_fleet(ids, start=START, end=START + timedelta(days=90), interval="10m", seed=seed)


def labelled(simulated):
    return label_features(compute_features(simulated.readings, lengths=("6h", "24h", "168h")), simulated.failures)


@pytest.fixture(scope="module")
def figures():
    bundle = train(labelled(history(16, seed=1)), seed=1)
    held_out = history(10, seed=2)
    return evaluate(bundle, labelled(held_out), truth=held_out.truth, resamples=20)


def test_machines_of_another_seed_are_ranked_nearly_as_well_as_by_their_true_health(figures):
    assert figures.failures >= 20
    assert figures.pr_auc >= 0.75 * figures.oracle_pr_auc
    assert figures.pr_auc < figures.oracle_pr_auc


def test_most_failures_are_announced_hours_ahead_by_alarms_that_are_right(figures):
    assert figures.event_recall >= 0.5
    assert figures.lead_time_median_hours >= 6


def test_stated_probabilities_are_frequencies(figures):
    assert figures.expected_calibration_error <= 0.03
