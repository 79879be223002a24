"""A baseline without one failure: `python -m benchmarks.anomalies` fits it on a fortnight and judges what follows.

Fifty simulated machines a fleet, a reading each ten minutes, scored hourly from day 15 to day 120. A failure is
announced if the machine was unusual at some hour of the last 72 h before it; an episode is false if no failure follows
within 72 h. Beside it stand single rules, each with the threshold that, in hindsight, raises no more false episodes
than the baseline did, and the baseline of permuted features.
"""

import argparse
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

import mlops_core as mc
from mlops_core.condition.exceedance import HOURS_PER_MONTH

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


def persistent(rows: pl.DataFrame, score: pl.Series, limit: float, persistence: int) -> pl.Series:
    """Whether the last rows of a machine were all above a limit."""
    lowest = rows.with_columns(score.alias("score")).select(pl.col("score").rolling_min(persistence).over("machine_id"))
    return (lowest["score"] > limit).fill_null(value=False)


def rule_recall(rows: pl.DataFrame, score: pl.Series, failures: pl.DataFrame, budget: float, persistence: int) -> float:
    """Return the largest share of failures that a rule announces within a budget of false episodes."""
    best = 0.0
    for quantile in np.linspace(0.9, 0.9995, 25):
        limit = score.quantile(float(quantile))
        on = persistent(rows, score, limit if limit is not None else np.inf, persistence)
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


def main() -> None:
    """Print each fleet's figures, and their mean and range."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, nargs="+", default=list(range(107, 115)))
    fleets = [judge(seed) for seed in options.parse_args().seeds]
    for name in fleets[0]:
        values = [figures[name] for figures in fleets]
        print(f"{name:45} mean {np.mean(values):7.2f}   {min(values):7.2f} to {max(values):7.2f}")


if __name__ == "__main__":
    main()
