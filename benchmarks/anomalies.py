"""A baseline without one failure: `python -m benchmarks.anomalies` fits it on a fortnight and judges what follows.

Fifty simulated machines a fleet, a reading each ten minutes, scored hourly from day 15 to day 120. A failure is
announced if the machine was unusual at some hour of the last 72 h before it; an episode is false if no failure follows
within 72 h. It is compared with single rules, each with the threshold that, in hindsight, raises no more false episodes
than the baseline did, and the baseline of permuted features. With `--real-data FOLDER`, of real machines instead: the
IMS bearings and NAB's machine temperature. With `--cost`, statements of the method, and seconds of one core.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

import mlops_core as mc
from benchmarks.statements import statements
from mlops_core.adapters.ims import read_ims
from mlops_core.adapters.nab import read_nab
from mlops_core.condition import anomalies_of
from mlops_core.condition.exceedance import episode_is_open
from mlops_core.time import HOURS_PER_MONTH

DAYS, LEARNED, ACTIONABLE = 120, 14, 72.0


def fleet(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features of hours in which a machine ran, and the failures."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    history = mc.simulate_fleet(
        [f"M{number:03}" for number in range(50)],
        start=start,
        end=start + timedelta(days=DAYS),
        interval="10m",
        seed=seed,
    )
    features = mc.compute_features(history.readings, lengths=["1h", "6h", "24h"], hop="1h")
    rows = mc.label_features(features, history.failures, horizon="24h").select(features.columns)
    return rows.sort("machine_id", "window_end"), history.failures


def episodes(rows: pl.DataFrame, is_on: pl.Series, failures: pl.DataFrame) -> tuple[float, float, list[float]]:
    """Return the share of failures announced, false episodes a machine-month, and the leads in hours."""
    announced, total, false, hours = 0, 0, 0, 0
    leads: list[float] = []
    for (machine,), own in rows.select("machine_id", "window_end", is_on.alias("on")).group_by("machine_id"):
        at = own["window_end"].dt.epoch("s").to_numpy() / 3600
        on = own["on"].to_numpy()
        ends = failures.filter(pl.col("machine_id") == machine)["event_timestamp"].dt.epoch("s").to_numpy() / 3600
        ends = np.sort(ends[(ends > at[0] + 24) & (ends <= at[-1] + 24)])
        total, hours = total + len(ends), hours + len(at)
        for begin in at[1:][on[1:] & ~on[:-1]]:
            later = ends[ends >= begin]
            is_open = at[-1] - begin < ACTIONABLE and not len(later)
            false += not is_open and (not len(later) or later[0] - begin > ACTIONABLE)
        for end in ends:
            warned = at[on & (at < end) & (at >= end - ACTIONABLE)]
            announced += len(warned) > 0
            leads += [float(end - warned[0])] if len(warned) else []
    return announced / total, false / (hours / HOURS_PER_MONTH), leads


def rule_recall(rows: pl.DataFrame, score: pl.Series, failures: pl.DataFrame, budget: float, persistence: int) -> float:
    """Return the largest share of failures that a rule announces within a budget of false episodes."""
    best = 0.0
    for quantile in np.linspace(0.9, 0.9995, 25):
        limit = score.quantile(float(quantile))
        on = rows.with_columns(distance=score / limit).select(episode_is_open(persistence)).to_series()
        recall, false, _ = episodes(rows, on, failures)
        best = max(best, recall) if false <= budget else best
    return best


def judge(seed: int) -> dict[str, float]:
    """Return the figures of one fleet."""
    rows, failures = fleet(seed)
    learned = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=LEARNED)
    baseline = mc.fit_baseline(rows.filter(pl.col("window_end") <= learned))
    later = rows.filter(pl.col("window_end") > learned)
    scored = mc.score_anomalies(baseline, rows).filter(pl.col("window_end") > learned)
    recall, false, leads = episodes(later, scored["is_unusual"], failures)
    own = pl.col("vibration_rms_24h") / pl.col("vibration_rms_24h").filter(
        pl.col("window_end") <= learned - timedelta(days=7)
    ).median().over("machine_id")
    ratio = rows.with_columns(ratio=own).filter(pl.col("window_end") > learned)["ratio"]
    shuffled = rows.select("machine_id", "window_end").hstack(
        rows.drop("machine_id", "window_end").sample(fraction=1.0, shuffle=True, seed=seed)
    )
    noise = mc.fit_baseline(shuffled.filter(pl.col("window_end") <= learned))
    permuted = mc.score_anomalies(noise, shuffled).filter(pl.col("window_end") > learned)
    rules = {"own 24 h r.m.s.": ratio, "r.m.s.": later["vibration_rms_1h"], "temperature": later["temperature_mean_1h"]}
    return {
        "failures announced": recall,
        "false episodes a machine-month": false,
        "median lead, h": float(np.median(leads)),
        "P10 lead, h": float(np.quantile(leads, 0.1)),
        **{
            f"announced by {name} alone, same budget": rule_recall(later, score, failures, false, baseline.persistence)
            for name, score in rules.items()
        },
        "announced with permuted features": episodes(later, permuted["is_unusual"], failures)[0],
    }


def bearings(folder: Path) -> None:
    """Print how many hours before the failure each IMS bearing became unusual, the first of them first."""
    data = read_ims(folder)
    failed = data.failures["event_timestamp"][0]
    start = data.readings["event_timestamp"].min()
    assert isinstance(start, datetime)
    readings = data.readings.filter(pl.col("channel").is_in(["rms", "p2p"]))
    for lengths, hop in ((("1h",), "10m"), (("1h", "6h"), "1h")):
        features = mc.compute_features(readings, lengths=lengths, hop=hop)
        for hours in (25, 36, 50):
            learned = start + timedelta(hours=hours)
            baseline = mc.fit_baseline(features.filter(pl.col("window_end") <= learned), level_days=hours / 48)
            scored = mc.score_anomalies(baseline, features).filter(
                pl.col("is_unusual"), pl.col("window_end").is_between(learned, failed, closed="right")
            )
            first = scored.group_by("machine_id").agg(pl.col("window_end").min()).sort("window_end", "machine_id")
            ahead = ", ".join(f"{name} {(failed - at).total_seconds() / 3600:.0f} h" for name, at in first.iter_rows())
            print(f"IMS, windows {'+'.join(lengths)} every {hop}, fitted on {hours} h: {ahead} ahead")


def temperature(folder: Path) -> None:
    """Print which of NAB's labelled windows hold an unusual row, and the episodes outside of them."""
    data = read_nab(folder)
    features = mc.compute_features(data.readings, lengths=["1h", "6h", "24h"], hop="1h")
    start = features["window_end"].min()
    assert isinstance(start, datetime)
    for days in (12, 14, 21, 28):
        learned = start + timedelta(days=days)
        scored = mc.score_anomalies(mc.fit_baseline(features.filter(pl.col("window_end") <= learned)), features)
        later = scored.filter(pl.col("window_end") > learned)
        windows = [each for each in data.anomalies.iter_rows() if each[0] > learned]
        inside = [later.filter(pl.col("window_end").is_between(*window)) for window in windows]
        outside = later.filter(pl.col("is_unusual") & ~pl.col("is_unusual").shift(1).fill_null(value=False))
        false = outside.filter(~pl.any_horizontal(pl.col("window_end").is_between(*each) for each in windows)).height
        found = sum(bool(rows["is_unusual"].any()) for rows in inside)
        print(f"NAB, fitted on {days} days: {found} of {len(windows)} labelled windows found, {false} episodes outside")


def simulated(seeds: Sequence[int]) -> None:
    """Print the mean of the fleets with its 95 % interval (bootstrap over fleets), and their range."""
    fleets = [judge(seed) for seed in seeds]
    random = np.random.default_rng(0)
    for name in fleets[0]:
        values = np.array([figures[name] for figures in fleets])
        means = random.choice(values, (2000, len(values))).mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        print(
            f"{name:45} mean {values.mean():7.2f} ({low:.2f} to {high:.2f})   {min(values):7.2f} to {max(values):7.2f}"
        )


def cost() -> None:
    """Print how long the method is, and what a row of 300 features costs: 100 machines, 100 channels, 15 days."""
    folder = Path(mc.__file__).parent / "condition"
    modules = ("baseline", "baseline_fit", "exceedance", "anomalies")
    counts = {name: statements((folder / f"{name}.py").read_text()) for name in modules}
    print(f"{sum(counts.values())} statements: {counts}")
    random, hours, machines = np.random.default_rng(0), 24 * 15, [f"M{number:03}" for number in range(100)]
    columns = [f"c{channel:02}_{name}" for channel in range(100) for name in ("mean_1h", "rms_24h", "std_6h")]
    ends = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(1, hours + 1)]
    values = 5.0 * np.exp(0.1 * random.standard_normal((len(machines) * hours, len(columns))))
    keys = pl.DataFrame({"machine_id": np.repeat(machines, hours), "window_end": ends * len(machines)})
    features = keys.hstack(pl.DataFrame(values, schema=columns))
    began = time.process_time()
    baseline = mc.fit_baseline(features)
    fitted = time.process_time()
    mc.score_anomalies(baseline, features)
    scored = time.process_time()
    newest = [(str(row["machine_id"]), row) for row in features.tail(1000).iter_rows(named=True)]
    mapped = _median_seconds(lambda: anomalies_of(baseline, newest))
    print(
        f"fit_baseline {fitted - began:.1f} s; a row: score_anomalies {1e6 * (scored - fitted) / features.height:.0f},"
    )
    print(f"anomalies_of, from mappings as scoring has them, {1e6 * mapped / len(newest):.0f} microseconds")


def _median_seconds(call: Callable[[], object], rounds: int = 9) -> float:
    """The median of so many calls, in seconds of processor time."""
    taken: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return float(np.median(taken))


def main() -> None:
    """Print each fleet's figures, and their mean and range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(107, 115)))
    parser.add_argument("--real-data", type=Path, help="folder that holds ims/ and nab/")
    parser.add_argument("--cost", action="store_true", help="what the method costs, instead")
    options = parser.parse_args()
    if options.cost:
        cost()
    elif options.real_data is None:
        simulated(options.seeds)
    else:
        bearings(options.real_data / "ims")
        temperature(options.real_data / "nab")


if __name__ == "__main__":
    main()
