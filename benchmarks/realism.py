"""`python -m benchmarks.realism --real-data FOLDER`: how real the simulator's histories are, to build/realism.json.

Three judgements, published as they come out:
- trends: rank monotonicity, trendability, prognosability and variation of lifetimes, simulated and C-MAPSS;
- lifetimes: bootstrap Kolmogorov-Smirnov test against the configured law;
- real against simulated: a classifier's AUC on windows of NAB's machine temperature and IMS' bearing vibration. 0.5
  says that it cannot tell them apart, 1 that it always can. Each series is first scaled by its own median and
  interquartile range, or the unit alone would decide; folds hold whole weeks (temperature) or bearings (vibration).
"""

import argparse
import importlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.trajectories import kolmogorov_smirnov, measure_realism
from mlops_core.adapters.cmapss import read_cmapss
from mlops_core.adapters.ims import read_ims
from mlops_core.adapters.nab import read_nab
from mlops_core.features import compute_features
from mlops_core.simulation import DegradationLaw, simulate_fleet

SEED = 2026
START = datetime(2026, 1, 1, tzinfo=UTC)
STATISTICS = ("mean", "std", "min", "max", "peak_to_peak", "slope", "kurtosis")
BEST_CMAPSS_SENSORS = ("sensor_4", "sensor_11", "sensor_15")
FOLDS = 5
RESAMPLES = 500
PARAMETERS = {"objective": "binary", "num_leaves": 7, "seed": SEED, "num_threads": 1, "verbose": -1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-data", type=Path, required=True, help="folder that holds cmapss/, nab/ and ims/")
    parser.add_argument("--output", type=Path, default=Path("build/realism.json"))
    arguments = parser.parse_args()
    document = {
        "trends": trends(arguments.real_data / "cmapss"),
        "lifetimes": lifetimes(),
        "real_against_simulated": [temperature(arguments.real_data / "nab"), vibration(arguments.real_data / "ims")],
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document, indent=1))


def trends(cmapss: Path) -> list[dict[str, Any]]:
    """Simulated channels smoothed over 24 of some 550 hours of life, C-MAPSS sensors over 20 of some 206 cycles."""
    ids = [f"M{number}" for number in range(60)]
    simulated = simulate_fleet(ids, start=START, end=START + timedelta(days=150), interval="10m", seed=SEED)
    engines = read_cmapss(cmapss)
    best = engines.readings.filter(pl.col("channel").is_in(BEST_CMAPSS_SENSORS))
    measured = [
        ("simulated", measure_realism(simulated.readings, simulated.failures, smoothing="24h")),
        ("C-MAPSS FD001", measure_realism(best, engines.failures, smoothing="20h")),
    ]
    return [
        {"set": name} | {key: str(value) if isinstance(value, timedelta) else value for key, value in row.items()}
        for name, table in measured
        for row in table.iter_rows(named=True)
    ]


def lifetimes() -> dict[str, Any]:
    """First lives of 1,000 machines at varying load, known before they end."""
    law, ids = DegradationLaw(), [f"M{number}" for number in range(1000)]
    runs = simulate_fleet(ids, start=START, end=START + timedelta(hours=1), interval="1h", seed=SEED).runs
    hours = (runs["true_failure_at"] - runs["run_started_at"]).dt.total_seconds() / 3600
    test = kolmogorov_smirnov(hours.to_list(), law.life_cdf, seed=SEED)
    return {"machines": len(ids), "ks_statistic": test.statistic, "p_value": test.p_value}


def temperature(nab: Path) -> dict[str, Any]:
    """Windows of 6 h at 5-minute readings: the real machine's 11 weeks against four simulated machines'."""
    real = read_nab(nab).readings
    ids = [f"M{number}" for number in range(4)]
    simulated = simulate_fleet(ids, start=START, end=START + timedelta(weeks=11), interval="5m", seed=SEED).readings
    windows = _windows(real, simulated.filter(channel="temperature"))
    week = pl.col("window_end").dt.epoch("s") // (7 * 86_400)
    return {"set": "NAB machine temperature"} | _auc(windows.with_columns(group=week))


def vibration(ims: Path) -> dict[str, Any]:
    """Windows of 6 h at 10-minute r.m.s. values: four real bearings' week against eight simulated last ones."""
    real = read_ims(ims).readings.filter(channel="rms").with_columns(channel=pl.lit("vibration"))
    ids = [f"M{number}" for number in range(8)]
    history = simulate_fleet(ids, start=START, end=START + timedelta(weeks=12), interval="10m", seed=SEED)
    first_failure = history.failures.group_by("machine_id").agg(pl.col("event_timestamp").min().alias("failed_at"))
    last_week = history.readings.filter(channel="vibration").join(first_failure, on="machine_id").filter(
        pl.col("event_timestamp") < pl.col("failed_at"),
        pl.col("event_timestamp") >= pl.col("failed_at") - timedelta(days=7),
    )  # fmt: skip
    windows = _windows(real, last_week.drop("failed_at"))
    return {"set": "IMS test 2 r.m.s."} | _auc(windows.with_columns(group="machine_id"))


def _windows(real: pl.DataFrame, simulated: pl.DataFrame) -> pl.DataFrame:
    """Feature rows of both, `is_real` telling which is which; columns named by statistic alone."""
    tables: list[pl.DataFrame] = []
    for readings, is_real in ((real, True), (simulated, False)):
        value = pl.col("value")
        spread = (value.quantile(0.75) - value.quantile(0.25)).over("machine_id")
        scaled = readings.with_columns(value=(value - value.median().over("machine_id")) / spread)
        features = compute_features(scaled, lengths=("6h",), hop="6h", statistics=STATISTICS)
        names = {name: name.split("_", 1)[1] for name in features.columns if name.endswith("_6h")}
        tables.append(features.rename(names).with_columns(is_real=pl.lit(value=is_real)))
    return pl.concat(tables).drop_nulls()


def _auc(windows: pl.DataFrame) -> dict[str, Any]:
    lightgbm: Any = importlib.import_module("lightgbm")  # its types are partly unknown
    columns = [name for name in windows.columns if name.endswith("_6h")]
    x, y = windows.select(columns).to_numpy(), windows["is_real"].to_numpy()
    groups = windows["group"].rank("dense").to_numpy()
    scores = np.zeros(len(y))
    for fold in range(FOLDS):
        held_out = groups % FOLDS == fold
        model = lightgbm.train(PARAMETERS, lightgbm.Dataset(x[~held_out], y[~held_out]), num_boost_round=100)
        scores[held_out] = np.asarray(model.predict(x[held_out]))
    low, high = _interval(scores, y, groups)
    importance = sorted(zip(columns, _alone(x, y), strict=True), key=lambda pair: -abs(pair[1] - 0.5))
    return {
        "windows_real": int(y.sum()),
        "windows_simulated": int((~y).sum()),
        "auc": round(_area(scores, y), 3),
        "auc_95_percent": [round(low, 3), round(high, 3)],
        "auc_of_each_feature_alone": {name: round(area, 3) for name, area in importance},
    }


def _interval(
    scores: NDArray[np.float64], is_real: NDArray[np.bool_], groups: NDArray[np.uint32]
) -> tuple[float, float]:
    """Bootstrap over whole weeks or bearings, those of each side by themselves."""
    rng = np.random.default_rng(SEED)
    sides = [[np.flatnonzero(groups == group) for group in np.unique(groups[side])] for side in (is_real, ~is_real)]
    areas: list[float] = []
    for _ in range(RESAMPLES):
        rows = np.concatenate(
            [np.concatenate([members[int(rng.integers(len(members)))] for _ in members]) for members in sides]
        )
        areas.append(_area(scores[rows], is_real[rows]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def _alone(x: NDArray[np.float64], y: NDArray[np.bool_]) -> Sequence[float]:
    return [_area(x[:, column], y) for column in range(x.shape[1])]


def _area(scores: NDArray[np.float64], is_real: NDArray[np.bool_]) -> float:
    ranks = pl.Series(scores).rank("average").to_numpy()
    positives, negatives = int(is_real.sum()), int((~is_real).sum())
    return float((ranks[is_real].sum() - positives * (positives + 1) / 2) / (positives * negatives))


if __name__ == "__main__":
    main()
