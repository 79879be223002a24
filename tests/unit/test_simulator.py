"""Whole histories of a fleet."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.degradation import advance, new_machine
from mlops_core.errors import InvalidArgumentError
from mlops_core.schema import FAILURES, READINGS
from mlops_core.simulator import RUNS, TRUTH, simulate_fleet

AT = datetime(2026, 1, 1, 0, 17, 3, tzinfo=UTC)
IDS = ["PUMP-A01", "FAN-B01", "COMPRESSOR-C01"]


def test_a_simulated_history_is_what_the_machines_would_have_said_step_by_step():
    end = AT + timedelta(days=60, minutes=1)
    history = simulate_fleet(IDS, start=AT, end=end, interval="10m", seed=7)
    for machine_id in IDS:
        state, samples, failures = advance(new_machine(machine_id, seed=7, at=AT), end, interval="10m")
        readings = history.readings.filter(machine_id=machine_id).sort("event_timestamp", "channel")
        assert readings.select("channel", "event_timestamp", "value").rows() == [tuple(sample) for sample in samples]
        assert history.failures.filter(machine_id=machine_id).drop("returned_to_service_at").rows() == failures
        assert history.states[machine_id] == state


def test_frames_have_their_schemas_even_where_empty():
    history = simulate_fleet([], start=AT, end=AT, interval="1m", seed=1)
    assert history.readings.schema == READINGS
    assert history.failures.schema == FAILURES
    assert history.truth.schema == TRUTH
    assert history.runs.schema == RUNS


def test_readings_are_sorted_and_unique():
    readings = simulate_fleet(IDS, start=AT, end=AT + timedelta(days=30), interval="1h", seed=7).readings
    keys = readings.select("machine_id", "channel", "event_timestamp")
    order = pl.col("machine_id").cast(pl.Enum(IDS))
    assert keys.equals(keys.sort(order, "channel", "event_timestamp"))
    assert keys.is_unique().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"machine_ids": ["A", "A"]}, "appears twice"),
        ({"machine_ids": ["-A"]}, "does not match"),
        ({"end": AT - timedelta(1)}, "before the start"),
        ({"commissioned_at": AT + timedelta(2)}, "after the end"),
    ],
)
def test_an_impossible_fleet_is_refused(arguments, message):
    usual = {"machine_ids": ["A"], "start": AT, "end": AT + timedelta(1), "seed": 1}
    with pytest.raises(InvalidArgumentError, match=message):
        simulate_fleet(**(usual | arguments))
