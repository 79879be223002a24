"""Faults of sensors, laid over readings."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlops_core.simulation import SENSOR_FAULTS, SensorFaults, inject_sensor_faults, simulate_fleet
from mlops_core.telemetry import READINGS

AT = datetime(2026, 1, 1, tzinfo=UTC)
END = AT + timedelta(days=20)
KEY = ["machine_id", "channel", "event_timestamp"]


@pytest.fixture(scope="module")
def readings() -> pl.DataFrame:
    return simulate_fleet(["A", "B", "C"], start=AT, end=END, interval="10m", seed=1).readings


def during(faulty, kind: str) -> pl.DataFrame:
    """Each reading that lies in an episode of one kind, with the episode."""
    faults = faulty.faults.filter(fault=kind)
    joined = faulty.readings.join(faults, on=["machine_id", "channel"])
    return joined.filter(
        pl.col("event_timestamp") >= pl.col("began_at"), pl.col("event_timestamp") < pl.col("ended_at")
    )


def test_sensors_are_sound_unless_asked_otherwise(readings):
    faulty = inject_sensor_faults(readings, SensorFaults(), seed=1)
    assert faulty.readings.equals(readings)
    assert faulty.faults.schema == SENSOR_FAULTS
    assert faulty.faults.is_empty()


def test_a_silent_sensor_gives_nothing_and_others_are_untouched(readings):
    faulty = inject_sensor_faults(readings, SensorFaults(dropout_per_day=0.3), seed=1)
    assert during(faulty, "dropout").is_empty()
    removed = readings.join(faulty.readings, on=KEY, how="anti")
    in_an_episode = removed.join(faulty.faults, on=["machine_id", "channel"]).filter(
        pl.col("event_timestamp") >= pl.col("began_at"), pl.col("event_timestamp") < pl.col("ended_at")
    )
    assert removed.height == in_an_episode.select(KEY).unique().height > 0


def test_a_stuck_sensor_repeats_the_first_value_of_its_episode(readings):
    faulty = inject_sensor_faults(readings, SensorFaults(stuck_per_day=0.2), seed=1)
    stuck = during(faulty, "stuck").group_by("machine_id", "channel", "began_at").agg(
        pl.col("value").n_unique().alias("values"), pl.struct("event_timestamp", "value").sort().first().alias("first")
    )  # fmt: skip
    assert (stuck["values"] == 1).all()
    true = stuck.unnest("first").join(readings, on=KEY)
    assert (true["value"] == true["value_right"]).all()


def test_a_drift_grows_in_proportion_to_its_time(readings):
    faults = SensorFaults(drift_per_day=0.05, drift_hours=(12, 12), drift_factor=(1.2, 1.2))
    drifting = during(inject_sensor_faults(readings, faults, seed=1), "drift").join(readings, on=KEY)
    passed = (pl.col("event_timestamp") - pl.col("began_at")).dt.total_microseconds() / (12 * 3.6e9)
    factors = drifting.select(found=pl.col("value") / pl.col("value_right"), expected=1 + 0.2 * passed)
    assert factors.height > 50
    assert ((factors["found"] - factors["expected"]).abs() < 1e-9).all()


def test_spikes_come_as_often_as_asked_and_are_all_told(readings):
    faulty = inject_sensor_faults(readings, SensorFaults(spike_share=0.01), seed=1)
    changed = faulty.readings.join(readings, on=KEY).filter(pl.col("value") != pl.col("value_right"))
    assert changed.height == faulty.faults.height
    expected = 0.01 * readings.height
    assert abs(changed.height - expected) < 4 * expected**0.5
    assert (changed["value"] / changed["value_right"]).is_between(1.5, 4).all()


def test_a_sensor_s_faults_depend_neither_on_other_sensors_nor_on_the_period(readings):
    faults = SensorFaults(dropout_per_day=0.2, drift_per_day=0.2, spike_share=0.01)
    everything = inject_sensor_faults(readings, faults, seed=1).readings
    part = readings.filter(pl.col("machine_id") == "B", pl.col("event_timestamp") >= AT + timedelta(days=7, hours=5))
    alone = inject_sensor_faults(part, faults, seed=1).readings
    assert_frame_equal(alone, everything.join(part.select(KEY), on=KEY, how="semi", maintain_order="left"))


def test_readings_keep_their_order_and_schema(readings):
    shuffled = readings.sample(fraction=1, shuffle=True, seed=1)
    faulty = inject_sensor_faults(shuffled, SensorFaults(stuck_per_day=0.5, spike_share=0.1), seed=1).readings
    assert faulty.schema == READINGS
    assert faulty.select(KEY).equals(shuffled.select(KEY))


def test_the_simulator_lays_faults_over_its_readings(readings):
    faults = SensorFaults(dropout_per_day=0.1, spike_share=0.001)
    history = simulate_fleet(
        ["A", "B", "C"], start=AT, end=END, interval="10m", seed=1, sensor_faults=faults
    )  # fmt: skip
    expected = inject_sensor_faults(readings, faults, seed=1)
    assert history.readings.equals(expected.readings)
    assert history.sensor_faults.equals(expected.faults)
