"""The histories would notice: with any one safeguard removed, some history breaks an invariant."""

import pytest

from tests.properties.reliability.exploration import explore
from tests.properties.reliability.mutants import MUTANTS
from tests.properties.reliability.observations import InvariantViolatedError

HISTORIES = 1500


@pytest.mark.verify
@pytest.mark.parametrize("name", MUTANTS)
def test_without_a_safeguard_some_history_breaks_an_invariant(wiring, name):
    mutant = MUTANTS[name]
    mutant.remove(wiring)
    with pytest.raises(InvariantViolatedError):
        explore(wiring, 1, HISTORIES, mutant.of, shrink=False)
