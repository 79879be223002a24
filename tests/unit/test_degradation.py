"""One machine, step by step."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from mlops_core.errors import DurationError, InvalidArgumentError, NaiveTimeError
from mlops_core.simulation import DegradationLaw, MachineState, MachineStatus, MaintenancePolicy, advance, new_machine
from mlops_core.simulation.failure_modes import BEARING_WEAR

AT = datetime(2026, 1, 1, 0, 17, 3, tzinfo=UTC)


def test_a_new_machine_is_healthy_and_has_said_nothing():
    state = new_machine("PUMP-A01", seed=1, at=AT)
    assert (state.status, state.health_index, state.run_number) == (MachineStatus.HEALTHY, 1.0, 0)
    assert state.event_timestamp == state.run_started_at == AT


def test_readings_stand_on_the_grid_counted_from_the_epoch():
    step = advance(new_machine("PUMP-A01", seed=1, at=AT), AT + timedelta(minutes=20), interval="10m")
    assert [(sample.channel, sample.event_timestamp.minute) for sample in step.readings] == [
        ("temperature", 20), ("vibration", 20), ("temperature", 30), ("vibration", 30),
    ]  # fmt: skip


def test_a_tick_at_the_end_belongs_to_the_next_step():
    at = AT.replace(minute=20, second=0)
    first = advance(new_machine("PUMP-A01", seed=1, at=at), at + timedelta(minutes=10), interval="10m")
    second = advance(first.state, at + timedelta(minutes=20), interval="10m")
    assert [sample.event_timestamp for sample in first.readings[::2]] == [at]
    assert [sample.event_timestamp for sample in second.readings[::2]] == [at + timedelta(minutes=10)]


def test_a_state_survives_json_and_only_what_differs_of_the_law_is_written():
    law = DegradationLaw(characteristic_life_hours=50, maintenance=MaintenancePolicy(preventive_interval_hours=100))
    state = advance(new_machine("PUMP-A01", seed=1, at=AT, law=law), AT + timedelta(days=9), interval="1h").state
    text = state.model_dump_json()
    assert MachineState.model_validate_json(text) == state
    assert '"law":{"characteristic_life_hours":50.0,"maintenance":{"preventive_interval_hours":100.0}}' in text


def test_a_machine_passes_through_every_status():
    state, seen = new_machine("PUMP-A01", seed=7, at=AT), set[MachineStatus]()
    for hour in range(1, 24 * 40):
        state = advance(state, AT + timedelta(hours=hour), interval="1h").state
        seen.add(state.status)
    assert seen == set(MachineStatus)


def test_a_step_that_ends_at_a_return_to_service_has_begun_the_run_that_the_next_step_tells():
    new = new_machine("PUMP-A01", seed=7, at=AT)
    failed_at = advance(new, AT + timedelta(days=40), interval="1d").failures[0].event_timestamp
    failed = advance(new, failed_at + timedelta.resolution, interval="1d").state
    back = failed.returned_to_service_at
    step = advance(failed, back, interval="1h")
    assert (step.state.run_started_at, step.returns_to_service) == (back, [])


def test_a_planned_service_is_told_by_its_end():
    law = DegradationLaw(maintenance=MaintenancePolicy(preventive_interval_hours=20, preventive_hours=4))
    step = advance(new_machine("PUMP-A01", seed=1, at=AT, law=law), AT + timedelta(hours=48), interval="1h")
    assert step.failures == []
    assert step.returns_to_service == [AT + timedelta(hours=24)]


def test_commissioning_is_no_return_to_service():
    step = advance(new_machine("PUMP-A01", seed=1, at=AT), AT + timedelta(hours=1), interval="1h")
    assert step.returns_to_service == []


def test_going_back_in_time_is_refused():
    with pytest.raises(InvalidArgumentError, match="lies before the state"):
        advance(new_machine("PUMP-A01", seed=1, at=AT), AT - timedelta(seconds=1), interval="1m")


def test_naive_times_and_impossible_intervals_are_refused():
    with pytest.raises(NaiveTimeError):
        new_machine("PUMP-A01", seed=1, at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(DurationError):
        advance(new_machine("PUMP-A01", seed=1, at=AT), AT, interval="0m")


def test_readings_of_a_seed_are_the_same_on_every_machine():
    """Kept from the first run on record: a change here changes every history ever simulated."""
    state = new_machine("PUMP-A01", seed=7, at=datetime(2026, 1, 1, tzinfo=UTC))
    step = advance(state, datetime(2026, 1, 20, tzinfo=UTC), interval="12h")
    assert [sample.value for sample in step.readings[:2] + step.readings[-2:]] == [35.06, 2.493, 48.63, 2.947]
    failed_at = datetime(2026, 1, 15, 12, 3, 7, tzinfo=UTC)
    assert step.failures == [("PUMP-A01", failed_at, "OVERHEATING", 98.62, 95.0)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BEARING_WEAR.model_validate(BEARING_WEAR.model_dump() | {"onset": (0.5, 1.0)}), "onset must be"),
        (lambda: MaintenancePolicy(repair_hours=(0, 1)), "repair_hours must be"),
        (lambda: MaintenancePolicy(repair_quality=(0.9, 1.1)), "repair_quality must be"),
        (lambda: DegradationLaw(characteristic_life_hours=0), "greater than 0"),
        (lambda: DegradationLaw(failure_modes=(BEARING_WEAR.model_copy(update={"share": 0.0}),)), "positive share"),
    ],
)
def test_a_law_that_cannot_work_is_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()
