"""Claims about one machine, for all machines, laws and partitions of time."""

from datetime import timedelta

from hypothesis import given, strategies as st

from mlops_core.simulation import MachineState, MachineStatus, advance, new_machine
from tests.properties.strategies_of_machines import for_all, intervals, laws, moments, periods, seeds


@for_all
@given(seeds, moments, periods, intervals, laws(), st.lists(st.floats(0, 1), max_size=8))
def test_any_partition_of_time_gives_the_same_state_and_messages(seed, at, period, interval, law, cuts):
    start = new_machine("PUMP-A01", seed=seed, at=at, law=law)
    whole = advance(start, at + period, interval=interval)
    state, readings, failures, returns = start, [], [], []
    for until in sorted(at + cut * period for cut in [*cuts, 1.0]):
        saved = MachineState.model_validate_json(state.model_dump_json())
        state, stepped, failed, returned = advance(saved, until, interval=interval)
        readings += stepped
        failures += failed
        returns += returned
    assert (state, readings, failures, returns) == whole


@for_all
@given(seeds, moments, periods, laws(), st.data())
def test_each_return_to_service_is_told_once_by_the_step_that_holds_it(seed, at, period, law, data):
    state, end = new_machine("PUMP-A01", seed=seed, at=at, law=law), at + period
    returns = advance(state, end, interval="1h").returns_to_service
    assert returns == sorted(set(returns))
    for until in sorted(data.draw(st.sets(st.sampled_from([*returns, end]))) | {end}):  # at an end is the next step's
        begin, (state, _, _, stepped) = state.event_timestamp, advance(state, until, interval="1h")
        assert stepped == [moment for moment in returns if begin <= moment < until]
        assert until not in returns or state.run_started_at == until


@for_all
@given(seeds, moments, periods, intervals, laws())
def test_a_step_repeated_says_the_same_again(seed, at, period, interval, law):
    state = new_machine("PUMP-A01", seed=seed, at=at, law=law)
    assert advance(state, at + period, interval=interval) == advance(state, at + period, interval=interval)


@for_all
@given(seeds, moments, periods, laws())
def test_a_coarser_interval_gives_a_subset_of_the_same_readings(seed, at, period, law):
    state = new_machine("PUMP-A01", seed=seed, at=at, law=law)
    fine = advance(state, at + period, interval="10m")
    coarse = advance(state, at + period, interval="30m")
    assert set(coarse.readings) <= set(fine.readings)
    assert (coarse.state, coarse.failures) == (fine.state, fine.failures)
    assert coarse.returns_to_service == fine.returns_to_service


@for_all
@given(seeds, moments, laws())
def test_each_failure_is_told_once_and_nothing_is_read_until_the_return(seed, at, law):
    state, stepped = new_machine("PUMP-A01", seed=seed, at=at, law=law), []
    for minute in range(0, 20 * 60, 20):
        before = state
        state, readings, failures, _ = advance(state, at + timedelta(minutes=minute), interval="2m")
        stepped += failures
        if before.status is MachineStatus.FAILED and state.status is MachineStatus.FAILED and not failures:
            assert before.run_number == state.run_number
            assert readings == []
        if failures:
            returned = [state.run_started_at] if state.run_number > before.run_number else [state.event_timestamp]
            assert not [r for r in readings if failures[-1].event_timestamp <= r.event_timestamp < returned[0]]
    assert len({failure.event_timestamp for failure in stepped}) == len(stepped)
    planned = law.maintenance.preventive_interval_hours is not None
    assert planned or len(stepped) == state.run_number + (state.status is MachineStatus.FAILED)


@for_all
@given(seeds, moments, laws())
def test_health_only_falls_between_repairs(seed, at, law):
    state = new_machine("PUMP-A01", seed=seed, at=at, law=law)
    for minute in range(0, 20 * 60, 17):
        before, state = state, advance(state, at + timedelta(minutes=minute), interval="1h").state
        assert state.run_number > before.run_number or state.health_index <= before.health_index


@for_all
@given(seeds, seeds, moments)
def test_machines_and_seeds_do_not_repeat_each_other(seed, other, at):
    until = at + timedelta(hours=2)
    first = advance(new_machine("PUMP-A01", seed=seed, at=at), until, interval="1m").readings
    neighbour = advance(new_machine("PUMP-A02", seed=seed, at=at), until, interval="1m").readings
    assert [r.value for r in first] != [r.value for r in neighbour]
    if seed != other:
        again = advance(new_machine("PUMP-A01", seed=other, at=at), until, interval="1m").readings
        assert [r.value for r in first] != [r.value for r in again]
