"""`python -m benchmarks.prognosis`: how well failures of simulated machines are foretold, to build/prognosis.json.

A model learns from one fleet and is judged on another with another seed, at least 200 run-to-failure histories long;
law and training settings are the library's defaults. The oracle ranks the same hours by the true health index, which no
sensor shows. Features are those of a deployed stack, drift and age included, with the windows (`featureLengthsHours`)
that a stack has by default, and with those of the stack prod, which has a longer one as well, for wear shows over days;
with these also after learning from a few machines only. `benchmarks.cmapss` takes the same figures of turbofans.
`--coverage`, instead: how much the P10 to P90 of a remaining life covers, of fourteen models of a few machines each,
on the fleets of the thirteen others.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infra.local.engine.program import stack_config
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis import Evaluation, TrainingSettings, evaluate, label_features, train
from mlops_core.prognosis.censoring import completeness_weights
from mlops_core.prognosis.life import LifeModel, fit_life_model
from mlops_core.prognosis.splits import row_folds
from mlops_core.prognosis.training_table import TrainingTable, training_table
from mlops_core.prognosis.trees import Trees
from mlops_core.simulation import simulate_fleet
from mlops_core.telemetry import CHANNELS

ROOT = Path(__file__).parent.parent
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 120
STACKS = {"default windows": "dev", "windows of prod": "prod"}
SEED_LEARNED, SEED_HELD_OUT = 11, 22
LEAST_HISTORIES = 200
MACHINES_AT_ONCE = 20
FEW_MACHINES = 24
COVERAGE_SEEDS = (303, 404, 505, 606, 707, 808, 909, 1010, 1111, 1212, 1313, 1414, 1515, 1616)
TRUTH_KEYS, ROW_KEYS = ("machine_id", "event_timestamp"), ("machine_id", "window_end")
REACH = {
    "pr_auc / oracle": (0.9, 1.0),
    "expected_calibration_error": (0.0, 0.03),
    "rul_coverage": (0.75, 0.85),
}


@dataclass(frozen=True)
class Fleet:
    """Labelled rows, and the truth at the moment of each."""

    labelled: pl.DataFrame
    truth: pl.DataFrame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=240, help="to learn from; each fails about five times")
    parser.add_argument("--held-out-machines", type=int, default=50)
    parser.add_argument("--coverage", action="store_true", help="of models that learned from few machines, instead")
    parser.add_argument("--output", type=Path, default=Path("build/prognosis.json"))
    arguments = parser.parse_args()
    if arguments.coverage:
        coverage()
        return
    document: dict[str, Any] = {}
    for name, stack in STACKS.items():
        lengths = windows_of(stack)
        learned = fleet(arguments.machines, SEED_LEARNED, lengths).labelled
        held_out = fleet(arguments.held_out_machines, SEED_HELD_OUT, lengths)
        document[name] = {"windows": lengths, **judged(learned, held_out)}
        if stack == "prod":
            few = learned["machine_id"].unique().sort().head(FEW_MACHINES)
            document[f"{name}, few machines"] = judged(
                learned.filter(pl.col("machine_id").is_in(few.implode())), held_out
            )
    print(json.dumps(document, indent=1))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")


def coverage() -> None:
    """Print what P10 to P90 covers of each model's remaining life, on all fleets but its own, and mean and spread.

    Runs that were seen to fail stand for those of their length that were cut off, as in `evaluate`: of the complete
    runs of a short history by themselves, too many are short.
    """
    horizon, settings = timedelta(hours=24), TrainingSettings()
    tables = [
        training_table(fleet(FEW_MACHINES, seed, windows_of("dev")).labelled, horizon=horizon)
        for seed in COVERAGE_SEEDS
    ]
    shares: list[float] = []
    for seed, table in zip(COVERAGE_SEEDS, tables, strict=True):
        life = fit_life_model(
            table,
            row_folds(table, folds=settings.folds, seed=1),
            trees=settings.life_trees_grown,
            most_rows=settings.most_life_rows,
            ceiling_hours=None,
            seed=1,
        )
        judged = [_covered(life, other) for other in tables if other is not table]
        is_covered, weight = (np.concatenate(part) for part in zip(*judged, strict=True))
        shares.append(float(np.average(is_covered, weights=weight)))
        print(f"seed {seed}, {int(table.run_failed.sum())} failures: {shares[-1]:.3f}", flush=True)
    error = stdev(shares) / len(shares) ** 0.5
    print(f"mean {mean(shares):.3f}, standard error {error:.3f}; of single models a deviation of {stdev(shares):.3f}")


def _covered(life: LifeModel, table: TrainingTable) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which of every fifth row's remaining lives lie within P10 and P90, and the weights of the rows."""
    known = np.flatnonzero(~np.isnan(table.rul_hours))[::5]
    low, _, high = life.curves.hours(Trees(life.trees).raw(table.matrix[known])).T
    weight = completeness_weights(table.run_hours, table.run_failed, table.run_stands_for)[table.runs[known]]
    return (table.rul_hours[known] >= low) & (table.rul_hours[known] <= high), weight


def setting_of(stack: str, key: str) -> str:
    """A key of the configuration that a stack is deployed with."""
    project, config = stack_config(stack, ROOT)
    return config[f"{project}:{key}"]


def windows_of(stack: str) -> tuple[str, ...]:
    """The window lengths that a stack is deployed with."""
    return tuple(f"{hours}h" for hours in json.loads(setting_of(stack, "featureLengthsHours")))


def fleet(machines: int, seed: int, lengths: Sequence[str]) -> Fleet:
    """Simulate, compute the features that a stack with these windows computes, and label, some machines at a time."""
    recipe = FeatureRecipe.of_stack(tuple(CHANNELS), lengths=lengths, hop="1h")
    ids = [f"S{seed}-{number:03d}" for number in range(machines)]
    labelled: list[pl.DataFrame] = []
    truths: list[pl.DataFrame] = []
    for first in range(0, machines, MACHINES_AT_ONCE):
        history = simulate_fleet(
            ids[first : first + MACHINES_AT_ONCE], start=START, end=START + timedelta(days=DAYS), seed=seed
        )
        rows = label_features(recipe.compute(history.readings, events=history.failures), history.failures)
        labelled.append(rows.with_columns(pl.selectors.float().exclude("rul_hours").cast(pl.Float32)))
        truths.append(history.truth.join(rows, left_on=TRUTH_KEYS, right_on=ROW_KEYS, how="semi"))
    return Fleet(pl.concat(labelled), pl.concat(truths))


def judged(learned: pl.DataFrame, held_out: Fleet) -> dict[str, Any]:
    """Train on one fleet and judge on the other."""
    bundle = train(learned, seed=1)
    figures: Evaluation = evaluate(bundle, held_out.labelled, truth=held_out.truth)
    if figures.failures < LEAST_HISTORIES:
        raise SystemExit(f"{figures.failures} run-to-failure histories are fewer than {LEAST_HISTORIES}: add machines")
    measured = {"pr_auc / oracle": figures.pr_auc / (figures.oracle_pr_auc or 1.0), **asdict(figures)}
    return {
        "learned_from_failures": bundle.manifest.failures,
        "held_out_machines_in_training": dict(bundle.metrics),
        **measured,
        "reach": {name: [*bounds, bounds[0] <= measured[name] <= bounds[1]] for name, bounds in REACH.items()},
    }


if __name__ == "__main__":
    main()
