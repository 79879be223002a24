"""Whatever happens to the platform, nothing is lost and nothing counts twice.

Each test draws histories from a seed that is printed; RELIABILITY_SEED=<seed> draws them again. A history that fails is
shrunk and shown as the operations of which it consists.
"""

import os
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.properties.reliability.history import History
from tests.properties.reliability.machine_lives import Lives, lives
from tests.properties.reliability.mutants import MUTANTS
from tests.properties.reliability.observations import InvariantViolatedError
from tests.properties.reliability.operations import operations, variants
from tests.properties.reliability.pipeline import Wiring, wired
from tests.properties.reliability.reconciliation import settle

HISTORIES = int(os.environ.get("RELIABILITY_HISTORIES", "500"))


@pytest.fixture
def wiring() -> Iterator[Wiring]:
    with wired() as made:
        yield made


def explore(wiring: Wiring, chosen: int, histories: int, *, of_simulator: bool, phases: tuple[Phase, ...]) -> None:
    """Draw histories, let each happen, and reconcile it in the end."""
    drawn = seed(chosen)
    limits = settings(
        max_examples=histories, database=None, deadline=None, phases=phases, suppress_health_check=list(HealthCheck)
    )

    @drawn
    @limits
    @given(variants, operations)
    def platform(variant, happening):
        history = History(wiring, variant)
        for operation in happening:
            history.apply(operation)
        settle(history)

    @drawn
    @limits
    @given(lives)
    def simulator(happening):
        machines = Lives(wiring)
        for operation in happening:
            machines.apply(operation)
        machines.settle()

    (simulator if of_simulator else platform)()


def _seed(part: int) -> int:
    chosen = int(os.environ.get("RELIABILITY_SEED", random.SystemRandom().randrange(10**9)))
    print(f"RELIABILITY_SEED={chosen}")
    return chosen + part


@pytest.mark.parametrize("part", range(4))
def test_every_history_of_the_platform_ends_with_its_books_balanced(wiring, part):
    explore(wiring, _seed(part), HISTORIES, of_simulator=False, phases=(Phase.generate, Phase.shrink))


def test_every_history_of_the_simulator_tells_each_life_once(wiring):
    explore(wiring, _seed(0), HISTORIES, of_simulator=True, phases=(Phase.generate, Phase.shrink))


@pytest.mark.parametrize("name", MUTANTS)
def test_without_a_safeguard_some_history_breaks_an_invariant(wiring, name):
    mutant = MUTANTS[name]
    mutant.remove(wiring)
    with pytest.raises(InvariantViolatedError):
        explore(wiring, 1, 400, of_simulator=mutant.of_simulator, phases=(Phase.generate,))
