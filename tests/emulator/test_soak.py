"""A small soak: two thousand messages and faults all the while, nothing lost, nothing doubled."""

from benchmarks.soak.soak import soak
from infra.local.engine.emulator import Emulator
from tests.emulator.conftest import Laptop


def test_a_soak_loses_nothing_and_doubles_nothing(emulator: Emulator, laptop: Laptop):
    books = soak(emulator, messages=2000, rate=500, faults=0.05, seed=7, stack=laptop.stack, tell=lambda _: None)
    assert books.published == 2000
    assert (books.lost, books.doubled, books.dead_letters_left) == (0, 0, 0)
    assert books.distinct + sum(books.quarantined.values()) + books.published_twice == books.published
    assert sum(books.faults.values()) > 0
    assert books.feature_rows > 0
