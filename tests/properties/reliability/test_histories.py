"""Whatever happens to the platform, nothing is lost and nothing counts twice.

Histories come from a seed that is printed; RELIABILITY_SEED=<seed> draws them again. One that breaks an invariant is
shown without the operations that it does not take, and with a seed that draws it first. RELIABILITY_HISTORIES=<number>
looks longer.
"""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.properties.reliability import generator
from tests.properties.reliability.exploration import explore, platform

SOME = 40


def test_some_histories_of_the_platform_end_with_their_books_balanced(wiring, seed):
    explore(wiring, seed, SOME)


@pytest.mark.verify
@pytest.mark.parametrize("part", range(4))
def test_every_history_of_the_platform_ends_with_its_books_balanced(wiring, seed, histories, part):
    explore(wiring, seed + part * histories, histories)


@pytest.mark.verify
@settings(max_examples=50, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_histories_that_hypothesis_draws_and_shrinks_balance_too(wiring, random):
    platform(wiring, generator.variant(random), generator.history(random), replay=True)


def test_some_histories_of_a_stack_that_lives_end_with_their_books_balanced(wiring):
    # The same ones each time, so that a rare find stops nobody's work: `make verify` draws others.
    explore(wiring, 1, 8, "living")


@pytest.mark.verify
def test_every_history_of_a_stack_that_lives_ends_with_its_books_balanced(wiring, seed, histories):
    explore(wiring, seed, histories // 2, "living")
