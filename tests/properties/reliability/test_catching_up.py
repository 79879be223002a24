"""After a day's outage a stack catches up, although each of its runs is killed at a random call."""

import random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.properties.reliability import catching_up
from tests.properties.reliability.exploration import explore


def test_some_catching_up_makes_progress_in_every_run_that_is_killed(wiring):
    explore(wiring, 1, 4, "outages")


@pytest.mark.verify
@settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.randoms(use_true_random=False))
def test_catching_up_makes_progress_in_every_run_that_is_killed_and_ends_as_undisturbed(wiring, drawn: random.Random):
    catching_up.catch_up(wiring, catching_up.variant(drawn), catching_up.outage(drawn))
