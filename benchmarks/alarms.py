"""`python -m benchmarks.alarms`: alarms of simulated fleets, episode by episode, to build/alarms.json.

A model of one fleet (60 machines x 120 days) with the stack's budget is judged on fleets of other seeds at the
deployed interval, one prediction an hour: failures announced within 72 h before them, false episodes a machine-month
(one that stays open is false again each 72 h), and the first announcement's lead; intervals are the middle 80 % of
resamples of the runs. Compared with simple rules, each with the threshold that keeps within the same budget on the
learned fleet, an alarm that is always on, and none. `--noise` gives fleets whose features are another machine's: how
often a threshold is found where nothing can be foreseen.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.prognosis import STACKS, fleet, setting_of, windows_of
from mlops_core.errors import UntrainableError
from mlops_core.prognosis import LABELS, ModelBundle, TrainingSettings, TrainingTable, evaluate, train, training_table
from mlops_core.prognosis.alarm_budget import AlarmBudget, AlarmPlan, BudgetPoint, judge_plan, plan_alarms
from mlops_core.prognosis.alarm_replay import held_out_runs
from mlops_core.prognosis.estimates import estimate
from mlops_core.prognosis.simple_rules import AGE_ALONE, OWN_RMS, rule_scores
from mlops_core.time import parse_duration

SEED_LEARNED, MACHINES_LEARNED = 7, 60
SEEDS, MACHINES = (101, 202), 50
NOISE_SEEDS, NOISE_MACHINES = 20, 12
ACTIONABLE_HOURS = 72.0
Score = Callable[[TrainingTable], NDArray[np.float64]]


def channel_limit(table: TrainingTable) -> NDArray[np.float64]:
    """The last hour's vibration r.m.s. in mm/s, above what is usual in the fleet."""
    velocity = table.matrix[:, table.names.index("vibration_rms_1h")].astype(np.float64)
    return np.nan_to_num(velocity - np.nanmedian(velocity)).clip(min=0.0)


RULES: Mapping[str, Score] = {
    "limit on the vibration r.m.s. of an hour": channel_limit,
    "24 h r.m.s. against its own first week": lambda table: (rule_scores(table)[OWN_RMS] - 1.0).clip(min=0.0),
    "hours in service alone": lambda table: rule_scores(table)[AGE_ALONE],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", action="store_true", help="fleets that nothing foretells, instead")
    parser.add_argument("--output", type=Path, default=Path("build/alarms.json"))
    arguments = parser.parse_args()
    document = _noise() if arguments.noise else {name: _of_stack(stack) for name, stack in STACKS.items()}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")


def _of_stack(stack: str) -> dict[str, Any]:
    """Figures of the model and of each rule on each fleet, printed as rows of a table."""
    lengths, budget = windows_of(stack), float(setting_of(stack, "falseEpisodesPerMachineMonth"))
    learned = fleet(MACHINES_LEARNED, SEED_LEARNED, lengths).labelled
    bundle = train(learned, seed=1, settings=TrainingSettings(alarms=AlarmBudget(budget)))
    print(f"\n{stack}: windows {', '.join(lengths)}, {bundle.manifest.failures} failures learned from", flush=True)
    plans = {name: _rule_plan(_table(learned, bundle), score, budget) for name, score in RULES.items()}
    found: dict[str, Any] = {}
    for seed in SEEDS:
        labelled = fleet(MACHINES, seed, lengths).labelled
        table = _table(labelled, bundle)
        probability = estimate(bundle, table.matrix).failure_probability
        points = {
            f"model, budget {budget:g}, the stack's": judge_plan(
                held_out_runs(table, probability), bundle.alarm_plan, seed=1
            ),
            **{
                f"model, budget {point.budget:g}": judge_plan(
                    held_out_runs(table, probability), _plan(point.threshold), seed=1
                )
                for point in bundle.alarm_plan.curve
                if point.budget != budget
            },
            **{
                name: judge_plan(held_out_runs(table, _squashed(RULES[name](table))), plan, seed=1)
                for name, plan in plans.items()
            },
            "always on": judge_plan(held_out_runs(table, np.ones(len(table.runs))), _plan(0.5), seed=1),
        }
        figures = evaluate(bundle, labelled)
        found[str(seed)] = {
            "failures": figures.failures,
            "rul_coverage": figures.rul_coverage,
            "rul_root_mean_square_error_hours": figures.rul_root_mean_square_error_hours,
            "rul_constant_error_hours": figures.rul_constant_error_hours,
            **{name: asdict(point) for name, point in points.items()},
        }
        print(f"seed {seed}: {figures.failures} failures; P10 to P90 covers {figures.rul_coverage:.3f}", flush=True)
        for name, point in points.items():
            print(_row(name, point), flush=True)
    return found


def _noise() -> dict[str, Any]:
    """How often a threshold is found where each machine's features are those of another."""
    lengths = windows_of("dev")
    given = untrainable = 0
    for seed in range(NOISE_SEEDS):
        labelled = fleet(NOISE_MACHINES, 1000 + seed, lengths).labelled
        names = labelled["machine_id"].unique().sort().to_list()
        follower = dict(zip(names, [*names[1:], names[0]], strict=True))
        labels = labelled.select("machine_id", "window_end", *LABELS)
        others = labelled.drop(LABELS).with_columns(pl.col("machine_id").replace_strict(follower))
        try:
            bundle = train(labels.join(others, on=["machine_id", "window_end"]), seed=1)
        except UntrainableError as error:
            untrainable += 1
            print(seed, error.message)
            continue
        given += bundle.alarm_plan.watch is not None
        print(seed, bundle.alarm_plan.withheld or f"threshold {bundle.alarm_plan.watch}", flush=True)
    print(f"{given} of {NOISE_SEEDS} fleets were given a threshold ({untrainable} could not be trained on)")
    return {"fleets": NOISE_SEEDS, "machines": NOISE_MACHINES, "given": given, "untrainable": untrainable}


def _table(labelled: pl.DataFrame, bundle: ModelBundle) -> TrainingTable:
    return training_table(labelled, horizon=parse_duration("24h"), names=bundle.schema.names)


def _squashed(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """A score of 0 or more as a number in [0, 1), in the same order; half of it is nearly half of the score."""
    return score / (100.0 + score)


def _rule_plan(table: TrainingTable, score: Score, budget: float) -> AlarmPlan:
    """The rule's threshold within the budget on the learned fleet, whether or not it says more than chance."""
    plan = plan_alarms(
        held_out_runs(table, _squashed(score(table))),
        budget=budget,
        actionable_hours=ACTIONABLE_HOURS,
        scored_every_hours=1.0,
        seed=1,
        unforeseeable="a rule is no model",
    )
    return _plan(next(point.threshold for point in plan.curve if point.budget == budget))


def _plan(threshold: float | None) -> AlarmPlan:
    return AlarmPlan(watch=threshold, act=threshold, actionable_hours=ACTIONABLE_HOURS)


def _row(name: str, point: BudgetPoint) -> str:
    if point.recall is None:
        return f"  {name:42} no threshold keeps within the budget"
    lead = "-" if point.lead_median_hours is None else f"{point.lead_median_hours:.0f}, {point.lead_p10_hours:.0f} h"
    return (
        f"  {name:42} announced {point.recall:.3f} ({point.recall_low:.3f} to {point.recall_high:.3f})  false"
        f" {point.false_episodes:.2f} ({point.false_low:.2f} to {point.false_high:.2f})  lead {lead}"
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # a failure near the end of a history has no return yet
    main()
