"""What fits in memory, and how machines are grouped where an hour has more."""

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from mlops_core.lake import encode_readings
from mlops_core.processing import machines_together, readings_in_object, readings_that_fit
from mlops_core.telemetry import Reading

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(("memory", "most"), [(128, 100_000), (1024, 1_668_000), (10_240, 20_100_000)])
def test_what_fits_grows_with_the_memory_and_is_never_less_than_one_object_of_an_import(memory, most):
    assert readings_that_fit(memory) == most


@given(st.integers(1, 300), st.floats(0, 1))
def test_an_object_never_holds_more_readings_than_its_trailer_lets_expect(count, value):
    some = [Reading("A", "t", NOON.replace(microsecond=number), value, NOON) for number in range(count)]
    (one,) = encode_readings(some)
    assert count <= readings_in_object(one.body) <= 2 * count


def test_what_a_damaged_trailer_says_is_bounded_by_the_bytes_there_are():
    body = gzip.compress(b"x" * 1000)[:-4] + b"\xff\xff\xff\xff"
    assert readings_in_object(body) <= len(body)


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 30)), st.integers(1, 40))
def test_each_machine_is_in_one_group_that_fits_or_alone(counts, most):
    groups = machines_together(counts, most)
    assert [name for group in groups for name in group] == sorted(counts)
    assert all(len(group) == 1 or sum(counts[name] for name in group) <= most for group in groups)
    assert all(len(group) > 0 for group in groups)
