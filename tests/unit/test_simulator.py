"""Whole histories of a fleet."""

from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from mlops_core.errors import InvalidArgumentError
from mlops_core.prognosis import label_features
from mlops_core.simulation import (
    FAILURE_MODES,
    RUNS,
    TRUTH,
    DegradationLaw,
    MaintenancePolicy,
    OperatingConditions,
    advance,
    simulate_fleet,
)
from mlops_core.simulation.failure_modes import BEARING_WEAR
from mlops_core.simulation.operating_conditions import mean_cubed_load
from mlops_core.telemetry import FAILURES, MAINTENANCE, READINGS

AT = datetime(2026, 1, 1, 0, 17, 3, tzinfo=UTC)
STILL = OperatingConditions(load_variation=0, daily_celsius=0, weather_celsius=0)
IDS = ["PUMP-A01", "FAN-B01", "COMPRESSOR-C01"]


def test_frames_have_their_schemas_even_where_empty():
    history = simulate_fleet([], start=AT, end=AT, interval="1m", seed=1)
    frames = (history.readings, history.failures, history.truth, history.runs)
    assert [frame.schema for frame in frames] == [READINGS, FAILURES, TRUTH, RUNS]


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
        ({"commissioned_at": datetime(1969, 1, 1, tzinfo=UTC)}, "before 1970"),
    ],
)
def test_an_impossible_fleet_is_refused(arguments, message):
    usual = {"machine_ids": ["A"], "start": AT, "end": AT + timedelta(1), "seed": 1}
    with pytest.raises(InvalidArgumentError, match=message):
        simulate_fleet(**(usual | arguments))


def test_temperature_follows_vibration_and_the_hour_of_the_day():
    law = DegradationLaw(
        conditions=OperatingConditions(load_variation=0, weather_celsius=0), failure_modes=(BEARING_WEAR,)
    )
    fleet = [f"M{number}" for number in range(10)]
    history = simulate_fleet(fleet, start=AT, end=AT + timedelta(days=40), interval="10m", seed=2, law=law)
    wide = history.readings.pivot("channel", index=["machine_id", "event_timestamp"], values="value")
    daily = wide.group_by("machine_id", pl.col("event_timestamp").dt.truncate("1d")).agg(
        pl.col("temperature", "vibration").mean()
    )
    correlation = daily.group_by("machine_id").agg(pl.corr("temperature", "vibration"))["temperature"]
    assert correlation.min() > 0.7
    by_hour = wide.group_by(pl.col("event_timestamp").dt.hour().alias("hour")).agg(pl.col("temperature").mean())
    ordered = by_hour.sort("temperature")["hour"].to_list()
    assert abs(ordered[0] - 3) <= 1
    assert abs(ordered[-1] - 15) <= 1


@pytest.mark.parametrize(("mode", "channel"), [(m, m.trip_channel) for m in FAILURE_MODES])
def test_each_mode_shows_in_its_own_channel_and_trips_at_its_limit(mode, channel):
    law = DegradationLaw(failure_modes=(mode,))
    fleet = [f"M{number}" for number in range(20)]
    history = simulate_fleet(fleet, start=AT, end=AT + timedelta(days=60), interval="30m", seed=2, law=law)
    assert history.failures["event_code"].unique().to_list() == [mode.event_code]
    assert history.failures["threshold"].unique().to_list() == [mode.threshold]
    seen = history.readings.filter(channel=channel).join(history.truth, on=["machine_id", "event_timestamp"])
    fresh = seen.filter(pl.col("true_health_index") > 0.9)["value"].median()
    spent = seen.filter(pl.col("true_health_index") < 0.02)["value"].median()
    assert fresh < 0.75 * mode.threshold < mode.threshold < spent


def test_noise_is_normal_and_proportional_to_vibration():
    law = DegradationLaw(characteristic_life_hours=1e6, wander=0, conditions=STILL)
    readings = simulate_fleet(["A"], start=AT, end=AT + timedelta(days=5), interval="10s", seed=2, law=law).readings
    vibration = readings.filter(channel="vibration")["value"].to_numpy()
    scattered = vibration / vibration.mean() - 1
    assert scattered.std() == pytest.approx(law.vibration_noise, rel=0.02)
    ordered = np.sort(scattered / law.vibration_noise)
    quantiles = [NormalDist().inv_cdf(part) for part in (0.01, 0.1, 0.5, 0.9, 0.99)]
    found = np.quantile(ordered, [0.01, 0.1, 0.5, 0.9, 0.99])
    assert found == pytest.approx(quantiles, abs=0.03)
    celsius = readings.filter(channel="temperature")["value"]
    assert celsius.std() == pytest.approx(law.temperature_noise_celsius, rel=0.02)


def test_planned_service_ends_runs_without_failure_and_censors_them():
    law = DegradationLaw(maintenance=MaintenancePolicy(preventive_interval_hours=100, repair_quality=(1, 1)))
    history = simulate_fleet(IDS, start=AT, end=AT + timedelta(days=60), interval="1h", seed=7, law=law)
    assert history.failures.is_empty()  # serviced before the guaranteed life is over
    ended = history.runs.drop_nulls("run_ended_at")
    assert ended["ended_by"].unique().to_list() == ["planned_service"]
    assert ended["is_censored"].all()
    assert ((ended["run_ended_at"] - ended["run_started_at"]) == timedelta(hours=100)).all()
    assert history.maintenance.schema == MAINTENANCE
    assert history.maintenance["event_timestamp"].equals(ended["run_ended_at"])
    away = (ended["returned_to_service_at"] - ended["run_ended_at"]).drop_nulls()
    assert (away == timedelta(hours=law.maintenance.preventive_hours)).all()


def test_labels_made_from_the_records_agree_with_the_truth():
    law = DegradationLaw(characteristic_life_hours=60, guaranteed_life_hours=20)
    history = simulate_fleet(IDS, start=AT, end=AT + timedelta(days=60), interval="1h", seed=7, law=law)
    rows = history.truth.rename({"event_timestamp": "window_end", "run_id": "true_run_id"})
    labelled = label_features(rows, history.failures).filter(~pl.col("is_censored"))
    assert labelled.height > 1000
    assert labelled["run_id"].equals(labelled["true_run_id"], check_names=False)
    assert ((labelled["rul_hours"] - labelled["true_rul_hours"]).abs() < 1e-9).all()


def test_repairs_last_and_restore_as_the_policy_says():
    policy = MaintenancePolicy(repair_hours=(5, 7), repair_quality=(0.6, 0.8))
    law = DegradationLaw(characteristic_life_hours=50, guaranteed_life_hours=20, maintenance=policy)
    runs = simulate_fleet(IDS, start=AT, end=AT + timedelta(days=90), interval="1h", seed=7, law=law).runs
    away = (runs["returned_to_service_at"] - runs["run_ended_at"]).drop_nulls().dt.total_seconds() / 3600
    assert away.is_between(5, 7).all()
    assert away.max() - away.min() > 1
    assert (runs.filter(run_number=0)["true_initial_damage"] == 0).all()
    assert runs.filter(pl.col("run_number") > 0)["true_initial_damage"].is_between(0.2, 0.4).all()


def test_heavy_load_wears_faster():
    history = simulate_fleet(
        ["A"], start=AT, end=AT + timedelta(days=100), interval="1h", seed=7,
        law=DegradationLaw(characteristic_life_hours=1e5, life_shape=9),
    )  # fmt: skip
    hourly = history.truth.with_columns(wear=pl.col("true_health_index").diff().shift(-1)).drop_nulls("wear")
    ratio = (hourly["wear"] / hourly["true_load"] ** 3).to_numpy()
    assert ratio.max() == pytest.approx(ratio.min(), rel=1e-6)
    assert (hourly["true_load"] ** 3).mean() == pytest.approx(mean_cubed_load(0.3), rel=0.05)


def test_an_earlier_commissioning_gives_worn_machines_at_the_start():
    common = {"end": AT + timedelta(days=3), "interval": "1h", "seed": 7}
    early = simulate_fleet(IDS, start=AT, commissioned_at=AT - timedelta(days=300), **common)
    assert (early.truth.filter(event_timestamp=early.truth["event_timestamp"].min())["true_health_index"] < 0.99).all()
    assert early.readings["event_timestamp"].min() >= AT
    assert early.failures["event_timestamp"].min() is None or early.failures["event_timestamp"].min() >= AT


def test_live_telemetry_goes_on_where_the_history_ends():
    middle, end = AT + timedelta(days=30), AT + timedelta(days=31)
    history = simulate_fleet(IDS, start=AT, end=middle, interval="10m", seed=7)
    whole = simulate_fleet(IDS, start=AT, end=end, interval="10m", seed=7).readings
    for machine_id in IDS:
        samples = advance(history.states[machine_id], end, interval="10m").readings
        later = whole.filter(pl.col("machine_id") == machine_id, pl.col("event_timestamp") >= middle)
        assert later.sort("event_timestamp", "channel").drop("machine_id").rows() == samples
