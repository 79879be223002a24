"""One rule says in what state a machine is, and of several facts the gravest counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.condition import (
    ENOUGH_HISTORY,
    MachineFacts,
    MachineRecord,
    OperatingState,
    PlannedMaintenance,
    is_silent,
    operating_state,
)
from mlops_core.prognosis import without_planned_maintenance
from mlops_core.telemetry import TIMESTAMP

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN = PlannedMaintenance(begins=NOW - HOUR, ends=NOW + HOUR)
RUNNING = MachineFacts("PUMP-1", last_seen_by=NOW, is_silent=False, history=ENOUGH_HISTORY)
OFF = replace(RUNNING, is_off=True)
SILENT = replace(OFF, is_silent=True, last_seen_by=NOW - 3 * HOUR)
WORKED_ON = replace(SILENT, record=MachineRecord(machine_id="PUMP-1", plans=(PLAN,)))
FAILED = replace(WORKED_ON, failed_at=NOW - 2 * HOUR)
RETIRED = replace(FAILED, record=MachineRecord(machine_id="PUMP-1", plans=(PLAN,), retired_at=NOW))


@pytest.mark.parametrize(
    ("facts", "state", "since"),
    [
        (RUNNING, OperatingState.RUNNING, None),
        (replace(RUNNING, history=None), OperatingState.NEW, None),
        (replace(RUNNING, history=ENOUGH_HISTORY - HOUR), OperatingState.NEW, None),
        (OFF, OperatingState.OFF, None),
        (SILENT, OperatingState.SILENT, NOW - 3 * HOUR),
        (WORKED_ON, OperatingState.IN_MAINTENANCE, PLAN.begins),
        (FAILED, OperatingState.FAILED, NOW - 2 * HOUR),
        (RETIRED, OperatingState.RETIRED, NOW),
    ],
)
def test_the_gravest_fact_gives_the_state(facts: MachineFacts, state: OperatingState, since: datetime | None) -> None:
    assert operating_state(facts, at=NOW) == (state, since)


@pytest.mark.parametrize(
    ("hours", "state"), [(-1, "SILENT"), (0, "IN_MAINTENANCE"), (1, "IN_MAINTENANCE"), (2, "SILENT")]
)
def test_planned_maintenance_holds_from_its_beginning_up_to_its_end(hours: int, state: str) -> None:
    r"""PLAN            [-------)
    hours after begin  -1  0   1   2
    """
    assert operating_state(WORKED_ON, at=PLAN.begins + hours * HOUR).state == state


def test_what_was_never_heard_is_silent_and_a_machine_that_was_just_added_is_new() -> None:
    never = MachineFacts("PUMP-1", last_seen_by=None, is_silent=is_silent(None, until=NOW, after=timedelta(days=365)))
    assert operating_state(never, at=NOW).state is OperatingState.SILENT
    added = replace(never, record=MachineRecord(machine_id="PUMP-1", since=NOW - HOUR))
    assert operating_state(added, at=NOW).state is OperatingState.NEW
    assert operating_state(added, at=NOW + ENOUGH_HISTORY).state is OperatingState.SILENT


def test_nothing_is_predicted_and_no_alarm_opens_where_a_machine_does_not_run() -> None:
    quiet = {state for state in OperatingState if not state.is_predicted}
    assert quiet == {"OFF", "IN_MAINTENANCE", "FAILED", "RETIRED"}
    assert quiet == {state for state in OperatingState if not state.may_alarm}


def test_rows_of_planned_maintenance_are_left_out_of_their_own_machine_only() -> None:
    ends = [NOW + hours * HOUR for hours in (-2, -1, 0, 1)]
    rows = pl.DataFrame(
        {"machine_id": ["PUMP-1"] * 4 + ["PUMP-2"] * 4, "window_end": ends * 2},
        schema_overrides={"window_end": TIMESTAMP},
    )
    plans = (PLAN, PlannedMaintenance(begins=NOW - HOUR, ends=NOW - HOUR / 2))  # overlapping: each row goes once
    kept = without_planned_maintenance(rows, [MachineRecord(machine_id="PUMP-1", plans=plans)])
    assert kept.rows() == [("PUMP-1", ends[0]), ("PUMP-1", ends[3]), *(("PUMP-2", end) for end in ends)]
    assert without_planned_maintenance(rows, []).equals(rows)


def test_a_plan_is_added_once_and_taken_back_by_its_beginning() -> None:
    record = MachineRecord(machine_id="PUMP-1").with_plan(PLAN)
    assert record.with_plan(PLAN) is record
    assert record.without_plan(PLAN.begins).plans == ()
    assert record.without_plan(NOW) is record
