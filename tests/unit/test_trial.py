"""The champion on trial: promises that are kept say nothing, those that are surely not are named."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlops_core.prognosis import try_champion
from mlops_core.prognosis.alarm_budget import AlarmPlan, BudgetPoint
from mlops_core.telemetry import FAILURES, MAINTENANCE, TIMESTAMP, VERDICTS

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS, MACHINES = 400, 20
UNTIL = START + timedelta(hours=HOURS + 1)
PLAN = AlarmPlan(
    watch=0.5,
    act=0.8,
    curve=(BudgetPoint(0.3, 0.5, 0.2, 0.95, 0.9, 1.0, 30.0, 10.0, false_low=0.1, false_high=0.3, announced=19),),
)


def history(*, warned: float, false: float = 0.0, failing: int = MACHINES) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hourly predictions, and failures at the end of most machines; alarms 24 h before `warned` of them."""
    random = np.random.default_rng(1)
    rows, failures = [], []
    for machine in range(MACHINES):
        probability = np.full(HOURS, 0.02)
        if machine < failing:
            failures.append({"machine_id": f"M{machine:02}", "event_timestamp": START + timedelta(hours=HOURS)})
            if machine < warned * MACHINES:
                probability[-24:] = 0.9
        for begin in range(0, HOURS - 150, 40):
            if random.random() < false:
                probability[begin : begin + 10] = 0.9
        ends = [START + timedelta(hours=hour) for hour in range(HOURS)]
        rows.append(
            pl.DataFrame({"machine_id": f"M{machine:02}", "window_end": ends, "failure_probability": probability})
        )
    schema = {name: FAILURES[name] for name in ("machine_id", "event_timestamp")}
    return pl.concat(rows).cast({"window_end": TIMESTAMP}), pl.DataFrame(failures, schema=schema)


def tried(**how: float):
    predictions, failures = history(**how)
    return try_champion(predictions, failures, PLAN, horizon_hours=24, known_until=UNTIL)


def test_a_promise_that_is_kept_is_not_spoken_of():
    trial = tried(warned=0.95)
    assert trial.realised.recall == pytest.approx(0.95)
    assert (trial.failures, trial.broken) == (MACHINES, ())


def test_a_recall_that_is_surely_lower_than_promised_is_named():
    trial = tried(warned=0.4)
    assert trial.realised.recall_high < 0.9
    assert trial.broken[0].startswith("it announced 40% of failures")


def test_false_episodes_that_are_surely_more_than_promised_are_named():
    assert any("false episodes" in promise for promise in tried(warned=1.0, false=0.6).broken)


def test_without_failures_nothing_is_said_of_recall():
    trial = tried(warned=0.0, failing=0)
    assert (trial.failures, trial.broken, trial.observed) == (0, (), 0.0)


def test_stated_and_observed_frequencies_stand_side_by_side():
    trial = tried(warned=1.0)
    assert trial.observed == pytest.approx(25 / HOURS, rel=0.1)
    assert trial.observed_low <= trial.observed <= trial.observed_high
    assert trial.stated == pytest.approx(0.02 + 0.88 * 24 / HOURS, rel=0.05)


def test_a_fault_that_people_found_counts_as_a_failure_and_no_fault_as_a_false_episode():
    """The newest alarm of each machine; nothing failed, for what was found was repaired, or was nothing."""
    predictions, _ = history(warned=1.0)
    opened = START + timedelta(hours=HOURS - 24)
    judged = pl.DataFrame(
        [
            {"machine_id": f"M{machine:02}", "opened": opened, "decided_at": UNTIL, "source": "failure_model",
             "verdict": "FAULT_FOUND" if machine < 15 else "NO_FAULT"}
            for machine in range(MACHINES)
        ],
        schema=VERDICTS,
    )  # fmt: skip
    none = pl.DataFrame(schema={name: FAILURES[name] for name in ("machine_id", "event_timestamp")})
    without = try_champion(predictions, none, PLAN, horizon_hours=24, known_until=UNTIL)
    assert (without.failures, without.realised.false_episodes) == (0, 0.0), "nothing is known yet"
    repaired = pl.DataFrame(
        [{"machine_id": "M00", "event_timestamp": START + timedelta(hours=HOURS - 5), "renews": True}],
        schema=MAINTENANCE,
    )
    trial = try_champion(
        predictions, none, PLAN, horizon_hours=24, known_until=UNTIL, maintenance=repaired, verdicts=judged
    )
    assert (trial.failures, trial.realised.recall) == (15, 1.0)
    assert trial.realised.false_episodes > 0


def test_a_way_of_failing_that_is_surely_not_announced_is_named_with_its_code():
    predictions, failures = history(warned=0.8)
    codes = pl.Series("event_code", ["WEAR"] * 16 + ["CORROSION"] * 4)
    trial = try_champion(predictions, failures.with_columns(codes), PLAN, horizon_hours=24, known_until=UNTIL)
    assert [(each.event_code, each.failures, each.recall) for each in trial.by_code] == [
        ("CORROSION", 4, 0.0),
        ("WEAR", 16, 1.0),
    ]
    assert any(promise.startswith("of 4 failures CORROSION it announced 0%") for promise in trial.broken)
