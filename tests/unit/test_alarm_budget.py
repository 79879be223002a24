"""From which probability on a model raises alarms: by episodes within a budget, or not at all where they would mislead.

```
hour         0  1  2  3  4  5  6  7  8  9
probability .1 .6 .6 .6 .1 .1 .6 .1 .1 .1     threshold .5: opens with the third in a row, ends with the third below .25
open         .  .  .  o  o  o  o  o  o  .
```
"""

from dataclasses import replace

import numpy as np
import pytest

from mlops_core.prognosis.alarm_budget import AlarmPlan, plan_alarms
from mlops_core.prognosis.alarm_replay import HeldOutRuns, replay
from mlops_core.prognosis.card import render_model_card
from tests.handlers.model_bundles import small_bundle

BUNDLE = small_bundle()
MACHINES, HOURS = 20, 600


def fleet(informative: float, seed: int = 1) -> HeldOutRuns:
    """Twenty machines that each run for 600 h to a failure; `informative` of the log odds tell the last 60 h."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rul = np.tile(np.arange(HOURS, 0, -1.0), MACHINES)
    noise = np.concatenate(
        [np.convolve(generator.normal(size=HOURS + 9), np.ones(10) / 3.2, "valid") for _ in range(MACHINES)]
    )
    odds = noise - 2 + informative * np.clip(60 - rul, 0, 60) / 10
    return HeldOutRuns(
        machines=np.repeat(np.arange(MACHINES), HOURS),
        runs=np.repeat(np.arange(MACHINES), HOURS),
        hours=np.tile(np.arange(float(HOURS)), MACHINES),
        probability=1 / (1 + np.exp(-odds)),
        rul_hours=rul,
        seen_hours=np.zeros(MACHINES * HOURS),
    )


def plan(runs: HeldOutRuns, budget: float = 0.3, every: float = 1.0) -> AlarmPlan:
    return plan_alarms(runs, budget=budget, actionable_hours=72, scored_every_hours=every, seed=3)


def test_a_replay_opens_with_the_third_in_a_row_and_ends_with_the_third_calm_one_machine_by_machine():
    row = np.array([0.1, 0.6, 0.6, 0.6, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1])
    is_open = replay(np.tile(row, 2), np.repeat([0, 1], 10), 0.5)
    assert is_open.tolist() == [number in range(3, 9) for number in range(10)] * 2
    assert not replay(np.array([0.6, 0.6, 0.6, 0.6]), np.array([0, 0, 1, 1]), 0.5).any()


def test_the_threshold_keeps_within_the_budget_and_a_larger_budget_announces_no_less():
    found = plan(fleet(1.0))
    assert found.act >= max(found.watch, 0.5)
    for point in found.curve:
        assert point.false_episodes <= point.budget
        assert point.recall_low <= point.recall <= point.recall_high
    recalls = [point.recall for point in found.curve]
    assert recalls == sorted(recalls)
    assert recalls[1] >= 0.9


def test_failures_are_announced_later_where_the_stack_scores_every_six_hours():
    hourly, rare = plan(fleet(1.0)), plan(fleet(1.0), every=6.0)
    at_hourly = next(point for point in hourly.curve if point.budget == 0.3)
    at_rare = next(point for point in rare.curve if point.budget == 0.3)
    assert at_rare.lead_p10_hours < at_hourly.lead_p10_hours


def test_features_that_know_nothing_rarely_get_a_threshold():
    given = [plan(fleet(0.0, seed)).watch is not None for seed in range(20)]
    assert sum(given) <= 3


def test_without_room_in_the_budget_there_is_no_threshold_and_the_card_says_why():
    found = plan(fleet(0.0), budget=1e-9)
    assert found.watch is None
    card = render_model_card(replace(BUNDLE, alarms=found))
    assert f"**It raises no alarm**: {found.withheld}." in card


def test_the_card_shows_what_each_budget_buys():
    card = render_model_card(replace(BUNDLE, alarms=plan(fleet(1.0))))
    assert "It is right if the machine fails within 72 h" in card
    assert card.count("\n| 0.1 |") == card.count("\n| 0.3 |") == card.count("\n| 1 |") == 1


def test_a_model_of_before_alarms_at_once_from_its_threshold_on():
    old = replace(BUNDLE, alarms=None, calibration=replace(BUNDLE.calibration, alarm_threshold=0.4))
    assert old.alarm_plan == AlarmPlan(watch=0.4, act=0.4, persistence=1)
    assert "alarms.json" not in old.files()


@pytest.mark.parametrize("budget", [0.1, 0.3])
def test_the_same_runs_give_the_same_plan(budget):
    assert plan(fleet(0.5), budget=budget) == plan(fleet(0.5), budget=budget)
