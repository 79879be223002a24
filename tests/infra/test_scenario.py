"""Whatever the hour, the machines of a laptop run show what they are meant to show, by causes alone."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.run.scenario import HOUR, LOST_FOR, Cause, scenario
from mlops_core.simulation import MachineStatus, Sample, advance

MACHINES = ["PUMP-A01", "PUMP-A02", "FAN-B01", "FAN-B02", "COMPRESSOR-C01"]
ENDS = [datetime(2026, 11, 29, hour, tzinfo=UTC) for hour in (0, 5, 11, 18)] + [datetime(2027, 7, 3, 14, tzinfo=UTC)]
INTERVAL = timedelta(minutes=1)


@pytest.fixture(params=ENDS, ids=str, scope="module")
def end(request: pytest.FixtureRequest) -> datetime:
    return request.param


@pytest.fixture(scope="module")
def causes(end: datetime) -> dict[str, Cause]:
    return {cause.shows: cause for cause in scenario(MACHINES, end, seed=1)}


def live(cause: Cause, end: datetime) -> tuple[MachineStatus, list[Sample]]:
    """Its status after the longest live telemetry, two hours, and what its sensors measured in it."""
    history = cause.simulated(end - timedelta(days=10), end, timedelta(minutes=10), seed=1)
    lived = advance(history.states[cause.machine_id], end + 2 * HOUR, interval=INTERVAL)
    return lived.state.status, lived.readings


def of_channel(readings: Iterable[Sample], channel: str) -> list[float]:
    return [sample.value for sample in readings if sample.channel == channel]


def test_each_state_has_its_machine(causes: dict[str, Cause]) -> None:
    assert set(causes) == {"RUNNING", "WATCH", "ACT", "FAILED", "OFF", "SILENT"}
    assert {cause.machine_id for cause in causes.values()} == {*MACHINES, "FAN-B03"}
    assert [cause.shows for cause in scenario(["PUMP-1"], ENDS[0], seed=1)] == ["RUNNING", "SILENT"]


def test_one_machine_vibrates_in_zone_d_and_one_in_zone_c_and_both_go_on(
    causes: dict[str, Cause], end: datetime
) -> None:
    status, severe = live(causes["ACT"], end)
    assert status is not MachineStatus.FAILED
    assert min(of_channel(severe, "vibration")) > 11.2
    status, unsound = live(causes["WATCH"], end)
    assert status is not MachineStatus.FAILED
    assert min(of_channel(unsound, "vibration")) > 7.1
    assert max(of_channel(unsound, "vibration")) < 11.2


def test_one_machine_fails_while_telemetry_is_live(causes: dict[str, Cause], end: datetime) -> None:
    history = causes["FAILED"].simulated(end - timedelta(days=10), end, timedelta(minutes=10), seed=1)
    lived = advance(history.states["PUMP-A01"], end + HOUR, interval=INTERVAL)
    (failure,) = lived.failures
    assert end < failure.event_timestamp < end + HOUR
    assert lived.state.returned_to_service_at > end + 3 * HOUR


def test_one_machine_stands_still_and_says_so(causes: dict[str, Cause], end: datetime) -> None:
    status, readings = live(causes["OFF"], end)
    assert status is not MachineStatus.FAILED
    assert of_channel(readings, "vibration") == [0.0] * 120
    assert max(of_channel(readings, "temperature")) < 31


def test_one_machine_is_heard_no_more(causes: dict[str, Cause], end: datetime) -> None:
    history = causes["SILENT"].simulated(end - timedelta(days=10), end, timedelta(minutes=10), seed=1)
    newest = history.readings["event_timestamp"].max()
    assert newest == end - LOST_FOR - timedelta(minutes=10)
