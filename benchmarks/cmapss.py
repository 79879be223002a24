"""`python -m benchmarks.cmapss --real-data FOLDER`: NASA's turbofans through the public API only, to build/cmapss.json.

One configuration for all four subsets: whole engines are held out, and everything learned (normaliser, trees,
calibration) comes from the others. Trees are grown with the library's default settings; remaining lives are capped at
125 cycles, and the estimate is the mean that `predict` gives.

- `cycles`: root mean square error over every cycle of every engine held out;
- `cuts`: over one cycle of each engine drawn at random from the 31st on, as test sets are cut (its expectation);
- `last 125 cycles`: over the cycles whose life is not capped, the hardest reading of the same predictions;
- `foretelling`: what `evaluate` says of failures within 30 cycles, as for simulated machines: the mean over the folds.

`--test` evaluates the test set of FD001 (its labels are never looked at otherwise), with both conventions: true lives
capped at 125 or as they are, and a 95 % interval by resampling engines.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.adapters.cmapss import CmapssSet, read_cmapss
from mlops_core.features import ConditionNormaliser, add_age, add_drift, compute_features, learn_normaliser
from mlops_core.prognosis import (
    Evaluation,
    ModelBundle,
    TrainingSettings,
    evaluate,
    label_features,
    predict,
    train,
)

Subset = Literal["FD001", "FD002", "FD003", "FD004"]
SUBSETS: tuple[Subset, ...] = ("FD001", "FD002", "FD003", "FD004")
REACH = {"FD001": 12.0, "FD002": 12.5, "FD003": 11.6, "FD004": 13.7}

CAP_CYCLES = 125.0
HORIZON = "30h"  # a cycle counts as an hour
LENGTHS = ("1h", "5h", "10h", "20h", "40h", "80h", "160h")
STATISTICS = ("mean", "slope")
DRIFT_LENGTHS = ("5h", "20h")
FIRST_CYCLES = 10
SETTINGS = {"setting_1": 0, "setting_2": 1, "setting_3": 0}  # decimals that tell six flight conditions from jitter
TRAINING = TrainingSettings(rul_ceiling_hours=CAP_CYCLES)
SEED, FOLDS, FIRST_CUT, RESAMPLES = 2026, 5, 30, 2000


@dataclass(frozen=True)
class Fitted:
    """A model and what its readings go through before it."""

    normaliser: ConditionNormaliser
    channels: tuple[str, ...]
    bundle: ModelBundle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-data", type=Path, required=True, help="folder that holds cmapss/")
    parser.add_argument("--only", nargs="*", choices=SUBSETS, default=SUBSETS)
    parser.add_argument("--test", action="store_true", help="evaluate the test set of FD001 as well")
    parser.add_argument("--output", type=Path, default=Path("build/cmapss.json"))
    arguments = parser.parse_args()
    folder = arguments.real_data / "cmapss"
    document: dict[str, Any] = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    for subset in arguments.only:
        document[subset] = cross_validate(subset, read_cmapss(folder, subset))
        print(json.dumps({subset: document[subset]}), flush=True)
    if arguments.test:
        document["FD001 test"] = evaluate_test_set(folder)
        print(json.dumps({"FD001 test": document["FD001 test"]}), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")


def cross_validate(subset: Subset, engines: CmapssSet) -> dict[str, Any]:
    """Hold out each fifth of the engines once."""
    ids = engines.lives["machine_id"].sort().to_numpy()
    order = np.random.Generator(np.random.PCG64(SEED)).permutation(len(ids))
    tables: list[pl.DataFrame] = []
    figures: list[Evaluation] = []
    for fold in range(FOLDS):
        held_out = order[fold::FOLDS]
        fitted = fit(_of(engines, np.delete(ids, held_out)))
        engines_held_out = _of(engines, ids[held_out])
        labelled = label_features(_features(fitted, engines_held_out), engines_held_out.failures, horizon=HORIZON)
        tables.append(predict(fitted.bundle, labelled, reasons=0).with_columns(labelled["rul_hours"]))
        figures.append(evaluate(fitted.bundle, labelled))
    predicted = pl.concat(tables)
    error = predicted["rul_hours_mean"] - predicted["rul_hours"].clip(upper_bound=CAP_CYCLES)
    judged = predicted.with_columns(square=error**2)
    uncapped = judged.filter(pl.col("rul_hours") <= CAP_CYCLES)
    return {
        "engines": len(ids),
        "cycles": _root_mean(judged["square"]),
        "cuts": _cut_error(judged),
        "last 125 cycles": _root_mean(uncapped["square"]),
        "reach": REACH[subset],
        "coverage of the last 125 cycles": uncapped.select(
            pl.col("rul_hours").is_between("rul_hours_p10", "rul_hours_p90").mean()
        ).item(),
        "foretelling": _mean_figures(figures),
    }


def fit(engines: CmapssSet) -> Fitted:
    """Learn normaliser and model from engines that ran to failure."""
    readings = _with_distinct_conditions(engines.readings)
    normaliser = learn_normaliser(readings, settings=tuple(SETTINGS))
    normalised = normaliser.apply(readings).filter(~pl.col("channel").is_in(list(SETTINGS)))
    spread = normalised.group_by("channel").agg(pl.col("value").std()).sort("channel")
    channels = tuple(spread.filter(pl.col("value") > 0.01)["channel"])
    labelled = label_features(engine_features(normalised, channels), engines.failures, horizon=HORIZON)
    bundle = train(
        labelled, seed=SEED, horizon=HORIZON, settings=TRAINING, normaliser=normaliser.model_dump_json()
    )  # fmt: skip
    return Fitted(normaliser, channels, bundle)


def engine_features(normalised: pl.DataFrame, channels: tuple[str, ...]) -> pl.DataFrame:
    """Trailing windows, drift from the first cycles, and age."""
    kept = normalised.filter(pl.col("channel").is_in(list(channels)))
    features = compute_features(kept, lengths=LENGTHS, hop="1h", statistics=STATISTICS)
    drifting = [f"{channel}_mean_{length}" for channel in channels for length in DRIFT_LENGTHS]
    return add_age(add_drift(features, drifting, rows=FIRST_CYCLES))


def evaluate_test_set(folder: Path) -> dict[str, Any]:
    """Foretell the last cycle of each test engine of FD001."""
    fitted = fit(read_cmapss(folder, "FD001"))
    test = read_cmapss(folder, "FD001", part="test")
    features = _features(fitted, test)
    last = features.group_by("machine_id").agg(pl.all().sort_by("window_end").last()).sort("machine_id")
    predicted = predict(fitted.bundle, last, reasons=0)["rul_hours_mean"].to_numpy()
    true = test.lives.sort("machine_id")["rul_cycles"].to_numpy().astype(np.float64)
    return {
        "engines": len(true),
        "capped labels": _error_with_interval(predicted - np.minimum(true, CAP_CYCLES)),
        "labels as they are": _error_with_interval(predicted - true),
    }


def _mean_figures(figures: Sequence[Evaluation]) -> dict[str, float]:
    """The mean of each figure over the folds that have it."""
    rows = pl.DataFrame([asdict(evaluation) for evaluation in figures]).select(pl.selectors.numeric())
    return {name: value for name, value in rows.mean().row(0, named=True).items() if value is not None}


def _features(fitted: Fitted, engines: CmapssSet) -> pl.DataFrame:
    return engine_features(fitted.normaliser.apply(_with_distinct_conditions(engines.readings)), fitted.channels)


def _with_distinct_conditions(readings: pl.DataFrame) -> pl.DataFrame:
    value = pl.col("value")
    for channel, decimals in SETTINGS.items():
        value = pl.when(pl.col("channel") == channel).then(pl.col("value").round(decimals)).otherwise(value)
    # -0.0 and 0.0 are one condition.
    return readings.with_columns(value=pl.when(value == 0.0).then(0.0).otherwise(value))


def _of(engines: CmapssSet, ids: NDArray[Any]) -> CmapssSet:
    own = pl.col("machine_id").is_in(ids.tolist())
    return CmapssSet(*(frame.filter(own) for frame in engines))


def _cut_error(judged: pl.DataFrame) -> float:
    cycle = pl.int_range(pl.len()).over("machine_id", order_by="window_end")
    engines = judged.filter(cycle >= FIRST_CUT).group_by("machine_id").agg(pl.col("square").mean())
    return _root_mean(engines["square"])


def _root_mean(squares: pl.Series) -> float:
    return float(np.sqrt(np.mean(squares.to_numpy())))


def _error_with_interval(errors: NDArray[np.float64]) -> dict[str, float]:
    generator = np.random.Generator(np.random.PCG64(SEED))
    drawn = errors[generator.integers(len(errors), size=(RESAMPLES, len(errors)))]
    low, high = np.quantile(np.sqrt(np.mean(drawn**2, axis=1)), [0.025, 0.975]).tolist()
    return {"rmse": float(np.sqrt(np.mean(errors**2))), "low": low, "high": high}


if __name__ == "__main__":
    main()
