"""However the simulator's runs fail, overlap or lag, each machine's life is published once and whole."""

import pytest

from tests.properties.reliability.exploration import explore


@pytest.mark.verify
def test_every_history_of_the_simulator_tells_each_life_once(wiring, seed, histories):
    explore(wiring, seed, 2 * histories, "simulator")
