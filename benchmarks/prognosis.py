"""`python -m benchmarks.prognosis`: how well failures of simulated machines are foretold, to build/prognosis.json.

A model learns from one fleet and is judged on another with another seed, at least 200 run-to-failure histories long;
the law is the simulator's own default. The oracle ranks the same hours by the true health index, which no sensor shows.
Measured once with the windows that `LENGTHS` names and age since the return to service, and once with those that the
platform computes by default.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from mlops_core.evaluation import Evaluation, evaluate
from mlops_core.features import compute_features
from mlops_core.labels import label_features
from mlops_core.modelling.boosting import TreeSettings
from mlops_core.simulator import simulate_fleet
from mlops_core.training import TrainingSettings, train
from mlops_core.windowing.derived_features import add_age

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 120
DEFAULT_LENGTHS = ("1h", "6h", "24h")
LENGTHS = ("1h", "6h", "24h", "72h", "168h")
TRAINING = TrainingSettings(trees=TreeSettings(rounds=200, learning_rate=0.06), negatives=(20_000, 200_000))
SEED_LEARNED, SEED_HELD_OUT = 11, 22
LEAST_HISTORIES = 200
MACHINES_AT_ONCE = 20
REACH = {
    "pr_auc / oracle": (0.9, 1.0),
    "expected_calibration_error": (0.0, 0.03),
    "rul_coverage": (0.75, 0.85),
}


@dataclass(frozen=True)
class Fleet:
    """Labelled rows, and the truth about them."""

    labelled: pl.DataFrame
    truth: pl.DataFrame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=240, help="to learn from; each fails about five times")
    parser.add_argument("--held-out-machines", type=int, default=50)
    parser.add_argument("--output", type=Path, default=Path("build/prognosis.json"))
    arguments = parser.parse_args()
    document: dict[str, Any] = {}
    for name, lengths, with_age in (("default windows", DEFAULT_LENGTHS, False), ("long windows", LENGTHS, True)):
        learned = fleet(arguments.machines, SEED_LEARNED, lengths, with_age=with_age)
        held_out = fleet(arguments.held_out_machines, SEED_HELD_OUT, lengths, with_age=with_age)
        document[name] = judged(learned, held_out)
        print(json.dumps({name: document[name]}, indent=1), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")


def fleet(machines: int, seed: int, lengths: Sequence[str], *, with_age: bool) -> Fleet:
    """Simulate, compute features and label, some machines at a time."""
    ids = [f"S{seed}-{number:03d}" for number in range(machines)]
    labelled: list[pl.DataFrame] = []
    truths: list[pl.DataFrame] = []
    for first in range(0, machines, MACHINES_AT_ONCE):
        history = simulate_fleet(
            ids[first : first + MACHINES_AT_ONCE], start=START, end=START + timedelta(days=DAYS), seed=seed
        )
        rows = label_features(compute_features(history.readings, lengths=lengths), history.failures)
        rows = add_age(rows, by=("machine_id", "run_id")) if with_age else rows
        labelled.append(rows.with_columns(pl.selectors.float().exclude("rul_hours").cast(pl.Float32)))
        truths.append(history.truth)
    return Fleet(pl.concat(labelled), pl.concat(truths))


def judged(learned: Fleet, held_out: Fleet) -> dict[str, Any]:
    """Train on one fleet and judge on the other."""
    bundle = train(learned.labelled, seed=1, settings=TRAINING)
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
