"""Fakes in the place of AWS, and the seed from which histories are drawn."""

import os
import random
from collections.abc import Iterator

import pytest

from tests.properties.reliability.pipeline import Wiring, wired


@pytest.fixture
def wiring() -> Iterator[Wiring]:
    with wired() as made:
        yield made


@pytest.fixture
def seed() -> int:
    """The seed of the first history: RELIABILITY_SEED, or one of its own for each run; printed, so shown on failure."""
    chosen = int(os.environ.get("RELIABILITY_SEED", random.SystemRandom().randrange(10**9)))
    print(f"RELIABILITY_SEED={chosen}")
    return chosen


@pytest.fixture
def histories() -> int:
    """How many histories a test plays."""
    return int(os.environ.get("RELIABILITY_HISTORIES", "350"))
