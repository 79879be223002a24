"""Limits, anomalies, answers and the weekly trial: no episode is lost or doubled, and each is heard of once."""

import pytest

from tests.properties.reliability.exploration import explore


def test_some_histories_of_alarms_lose_no_episode_and_double_none(wiring):
    explore(wiring, 1, 25, "alarms")


@pytest.mark.verify
def test_every_history_of_alarms_loses_no_episode_and_doubles_none(wiring, seed, histories):
    explore(wiring, seed, 2 * histories, "alarms")
