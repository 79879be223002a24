"""Claims about whole histories, for all fleets, laws and periods."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import example, given, strategies as st

from mlops_core.simulation import DegradationLaw, advance, new_machine, simulate_fleet
from mlops_core.telemetry import CHANNELS
from tests.properties.strategies_of_machines import for_all, intervals, laws, moments, periods, seeds

machine_ids = st.lists(
    st.sampled_from(["PUMP-A01", "FAN-B01", "COMPRESSOR-C01", "x", "A_very_long_name-" * 3]), unique=True
)


@for_all
@given(seeds, moments, periods, intervals, laws())
@example(1, datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=12), "90m", DegradationLaw(characteristic_life_hours=1))
def test_bulk_and_live_agree_to_the_last_bit(seed, at, period, interval, law):
    history = simulate_fleet(["PUMP-A01"], start=at, end=at + period, interval=interval, seed=seed, law=law)
    state, samples, failures, returns = advance(
        new_machine("PUMP-A01", seed=seed, at=at, law=law), at + period, interval=interval
    )
    measured = history.readings.sort("event_timestamp", "channel").select("channel", "event_timestamp", "value")
    assert measured.rows() == samples
    assert history.failures.drop("returned_to_service_at").rows() == failures
    returned = [frame["returned_to_service_at"].drop_nulls() for frame in (history.failures, history.maintenance)]
    assert sorted(pl.concat(returned)) == returns
    assert history.states["PUMP-A01"] == state


@for_all
@given(seeds, moments, periods, intervals, laws(), st.floats(0, 1))
def test_a_history_in_two_parts_is_the_history_in_one(seed, at, period, interval, law, share):
    cut, end = at + share * period, at + period
    common = {"interval": interval, "seed": seed, "law": law, "commissioned_at": at}
    whole = simulate_fleet(["A", "B"], start=at, end=end, **common)
    parts = [simulate_fleet(["A", "B"], start=begin, end=until, **common) for begin, until in [(at, cut), (cut, end)]]
    order = ["machine_id", "channel", "event_timestamp"]
    assert pl.concat(part.readings for part in parts).sort(order).equals(whole.readings)
    assert (
        pl.concat(part.failures.drop("returned_to_service_at") for part in parts)
        .sort("machine_id", "event_timestamp")
        .equals(whole.failures.drop("returned_to_service_at"))
    )
    assert pl.concat(part.truth for part in parts).sort("machine_id", "event_timestamp").equals(whole.truth)
    assert parts[1].states == whole.states


@for_all
@given(machine_ids, seeds, moments, periods, laws())
def test_a_machine_does_not_depend_on_the_fleet(ids, seed, at, period, law):
    fleet = simulate_fleet(ids, start=at, end=at + period, interval="10m", seed=seed, law=law)
    for machine_id in ids:
        alone = simulate_fleet([machine_id], start=at, end=at + period, interval="10m", seed=seed, law=law)
        for name in ("readings", "failures", "truth", "runs"):
            mine = getattr(fleet, name).filter(machine_id=machine_id)
            assert mine.equals(getattr(alone, name)), name
        assert alone.states[machine_id] == fleet.states[machine_id]


@for_all
@given(seeds, moments, periods, intervals, laws())
def test_readings_lie_in_the_channels_ranges_and_outside_repairs(seed, at, period, interval, law):
    history = simulate_fleet(["A", "B"], start=at, end=at + period, interval=interval, seed=seed, law=law)
    for name, channel in CHANNELS.items():
        assert history.readings.filter(channel=name)["value"].is_between(channel.minimum, channel.maximum).all()
    stops = history.runs.drop_nulls("run_ended_at").select("machine_id", "run_ended_at", "returned_to_service_at")
    during = history.readings.join(stops, on="machine_id").filter(
        pl.col("event_timestamp") >= pl.col("run_ended_at"),
        pl.col("event_timestamp") < pl.col("returned_to_service_at").fill_null(at + period),
    )
    assert during.is_empty()


@for_all
@given(seeds, moments, laws())
def test_truth_is_one_row_an_hour_and_health_falls_within_a_run(seed, at, law):
    end = at + timedelta(hours=40)
    history = simulate_fleet(["A", "B"], start=at, end=end, interval="1h", seed=seed, law=law)
    for _, truth in history.truth.group_by("machine_id"):
        assert truth["event_timestamp"].diff().drop_nulls().unique().to_list() == [timedelta(hours=1)]
    for _, truth in history.truth.group_by("run_id"):
        assert (truth.sort("event_timestamp")["true_health_index"].diff().drop_nulls() <= 0).all()
        assert truth["true_health_index"].is_between(0, 1).all()
        remaining = truth.sort("event_timestamp")["true_rul_hours"].drop_nulls().diff().drop_nulls()
        assert ((remaining + 1).abs() < 1e-9).all()


@for_all
@given(seeds, moments, laws())
def test_a_run_ended_by_failure_has_exactly_one_event_above_its_threshold(seed, at, law):
    history = simulate_fleet(["A", "B"], start=at, end=at + timedelta(hours=40), interval="1h", seed=seed, law=law)
    failed = history.runs.filter(ended_by="failure").select("machine_id", event_timestamp="run_ended_at")
    assert history.failures.select("machine_id", "event_timestamp").equals(failed)
    assert (history.failures["measured_value"] > history.failures["threshold"]).all()
    assert history.runs.filter(ended_by="failure")["is_censored"].not_().all()
