"""An hour of more readings than memory holds is compacted as far as it fits and built machine by machine."""

import pytest

from handlers import processing
from tests.handlers.processed_lake import NOON, at, computed, processed, put, put_apart, readings, span, stored
from tests.handlers.test_compaction import in_the_lake, rows_of
from tests.handlers.test_damage import damaged_keys, records, versioned

__all__ = ["versioned"]

HOUR_OF_ELEVEN = "date=2026-11-21/hour=11"
A_MACHINES_HOUR = 6  # two channels, a reading every twenty minutes


@pytest.fixture
def holds(monkeypatch):
    """Have processing hold so many readings at once."""
    return lambda most: monkeypatch.setattr(processing, "readings_that_fit", lambda _: most)


@pytest.mark.parametrize("most", [A_MACHINES_HOUR, A_MACHINES_HOUR + 2, 2 * A_MACHINES_HOUR - 1])
def test_whatever_fits_features_have_the_same_bytes(aws, deploy, holds, most):
    some = readings(-8, 0)
    put_apart(aws, some, each=1)
    invoke = deploy("processing")
    invoke(at())
    before = aws.objects("processed/features/")
    aws.clear()
    holds(most)
    put_apart(aws, some, each=1)
    invoke(at())
    assert aws.objects("processed/features/") == before
    assert aws.objects(f"compacted/{HOUR_OF_ELEVEN}/")
    assert len(aws.objects(f"raw/{HOUR_OF_ELEVEN}/")) == 2 * A_MACHINES_HOUR - most
    assert in_the_lake(aws) == rows_of(some)
    assert records(aws) == []
    assert invoke(at())["hours_changed"] == 0  # nothing is read again


def test_what_did_not_fit_is_taken_in_once_it_does(aws, deploy, holds):
    some = readings(-8, 0)
    put_apart(aws, some, each=1)
    invoke = deploy("processing")
    holds(A_MACHINES_HOUR)
    invoke(at())
    holds(1000)
    for hour in range(-8, 0):
        put_apart(aws, readings(hour, hour + 0.3, minutes=7))
    invoke(span(-8, 0))
    assert aws.objects(f"raw/{HOUR_OF_ELEVEN}/") == {}


def test_of_a_machine_that_alone_does_not_fit_only_the_hour_is_missing_and_it_is_named(aws, deploy, holds, counters):
    flood = readings(-1, 0, minutes=1, machines=["PUMP-A01"])
    some = [*readings(-8, 0, machines=["FAN-B01"]), *readings(-8, -1, machines=["PUMP-A01"])]
    put(aws, some)
    put(aws, flood)
    put_apart(aws, readings(-1, 0, machines=["FAN-B01"], minutes=7))
    holds(100)
    invoke = deploy("processing")
    assert invoke(at())["is_complete"]
    kept = [*some, *readings(-1, 0, machines=["FAN-B01"], minutes=7)]
    assert stored(aws).equals(computed(kept, -6, 0))
    (record,) = records(aws)
    assert record.key == f"oversize/{HOUR_OF_ELEVEN}/PUMP-A01"
    assert "120 readings" in record.problem
    assert "processingMemoryMb" in record.problem
    assert counters()["DamagedObjects"] == 1
    assert in_the_lake(aws) == rows_of([*kept, *flood])
    invoke(at(1))
    assert len(aws.notices()) == 1  # named once
    holds(1000)  # more memory
    invoke(span(-6, 0))
    assert stored(aws).filter(stored(aws)["window_end"] <= NOON).equals(computed([*kept, *flood], -6, 0))


def test_readings_that_are_stored_several_times_count_once(aws, deploy, holds):
    some = readings(-8, 0)
    put_apart(aws, some)
    for machine in ("FAN-B01", "PUMP-A01"):  # the same readings in other objects
        put(aws, readings(-8, 0, machines=[machine]))
        put(aws, readings(-8, 0, machines=[machine])[1:])
    holds(A_MACHINES_HOUR)
    assert deploy("processing")(at())["is_complete"]
    assert records(aws) == []
    assert stored(aws).equals(computed(some, -6, 0))


def test_a_compacted_hour_that_no_longer_fits_is_read_in_portions(aws, deploy, holds):
    some = [*readings(-8, 0), *readings(-1, 0, minutes=7, machines=["PUMP-A01"])]
    invoke = processed(aws, deploy, some, how=put_apart)
    before, late = aws.objects("compacted/"), readings(-1, 0, minutes=11, machines=["FAN-B01"])[1:2]
    put(aws, late)
    holds(4 * A_MACHINES_HOUR)
    assert invoke(at())["hours_changed"] == 1
    assert records(aws) == []
    assert stored(aws).equals(computed([*some, *late], -6, 0))
    assert aws.objects("compacted/") == before


def test_late_readings_of_many_hours_that_do_not_fit_together_are_taken_hour_by_hour(aws, deploy, holds):
    some, late = readings(-8, 0), readings(-6, 0, minutes=21)
    invoke = processed(aws, deploy, some, how=put_apart)
    holds(2 * A_MACHINES_HOUR)
    put(aws, late)
    assert invoke(at())["is_complete"]
    assert stored(aws).equals(computed([*some, *late], -6, 0))


def test_a_large_compacted_hour_that_is_damaged_is_named_and_stops_nothing(versioned, deploy, holds):
    some = readings(-8, 0)
    invoke = processed(versioned, deploy, some, how=put_apart)
    key = f"compacted/{HOUR_OF_ELEVEN}/readings.parquet"
    body = bytearray(versioned.objects(key)[key])
    body[8:60] = bytes(52)  # the footer still says how many rows there are
    versioned.put(key, bytes(body))
    holds(A_MACHINES_HOUR)
    before = stored(versioned)
    assert invoke(at(1))["is_complete"]
    assert key in damaged_keys(versioned)
    assert stored(versioned).filter(stored(versioned)["window_end"] <= NOON).equals(before)
