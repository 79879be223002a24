"""`python -m benchmarks.prognosis`: how well failures of simulated machines are foretold, to build/prognosis.json.

A model learns from one fleet and is judged on another with another seed, at least 200 run-to-failure histories long;
law and training settings are the library's defaults. The oracle ranks the same hours by the true health index, which no
sensor shows. Features are those of a deployed stack, drift and age included, with the windows (`featureLengthsHours`)
that a stack has by default, and with those of the stack prod, which has a longer one as well, for wear shows over days;
with these also after learning from a few machines only. `benchmarks.cmapss` takes the same figures of turbofans.
`--coverage`, instead: how much the P10 to P90 of a remaining life covers, of six models of a few machines each, on four
fleets.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

import polars as pl

from infra.local.engine.program import stack_config
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis import Evaluation, ModelBundle, evaluate, label_features, train
from mlops_core.prognosis.prediction import estimate
from mlops_core.prognosis.training_table import matrix_of
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
COVERAGE_LEARNED, COVERAGE_HELD_OUT = (303, 404, 505, 606, 707, 808), (101, 202, 111, 222)
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
        coverage(arguments.held_out_machines)
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


def coverage(held_out_machines: int) -> None:
    """Print the coverage of each model on each fleet, and the means."""
    lengths = windows_of("dev")
    judging = [fleet(held_out_machines, seed, lengths).labelled for seed in COVERAGE_HELD_OUT]
    ended = [rows.filter(pl.col("rul_hours").is_not_null()) for rows in judging]
    covered: list[list[float]] = []
    for seed in COVERAGE_LEARNED:
        bundle = train(fleet(FEW_MACHINES, seed, lengths).labelled, seed=1)
        covered.append([_covered(bundle, rows) for rows in ended])
        each = ", ".join(f"{share:.3f}" for share in covered[-1])
        print(f"seed {seed}, {bundle.manifest.failures} failures: {each}, mean {mean(covered[-1]):.3f}", flush=True)
    print(f"mean {mean(share for shares in covered for share in shares):.3f}")


def _covered(bundle: ModelBundle, rows: pl.DataFrame) -> float:
    """The share of rows whose remaining life lies within P10 and P90."""
    matrix = bundle.schema.given(matrix_of(rows, bundle.schema.names))
    low, _, high = estimate(bundle, matrix).rul_hours.T
    hours = rows["rul_hours"].to_numpy()
    return float(((hours >= low) & (hours <= high)).mean())


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
