"""How run-to-failure histories look to a prognosis: whether channels trend, and whether lives follow a law.

All measures take trajectories: one array per complete run, evenly sampled and smoothed, from the return to service to
the failure. Unsmoothed noise hides any trend, so a figure without its smoothing says nothing; every result carries it.

Sources: J. Coble, J. W. Hines, "Identifying optimal prognostic parameters from data: a genetic algorithms approach",
Annual Conference of the PHM Society, 2009 (monotonicity, trendability, prognosability). The rank form of
monotonicity is `monotonicity(..., 'Method', 'rank')` of MATLAB's Predictive Maintenance Toolbox.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.errors import InvalidArgumentError
from mlops_core.telemetry import normalise_failures, normalise_readings
from mlops_core.time import parse_duration

__all__ = [
    "KolmogorovSmirnov",
    "complete_runs",
    "kolmogorov_smirnov",
    "lifetime_variation",
    "measure_realism",
    "monotonicity",
    "prognosability",
    "run_trajectories",
    "sign_monotonicity",
    "trendability",
]

Trajectory = NDArray[np.float64]
Trajectories = Sequence[Trajectory]

RESAMPLED_POINTS = 100


def monotonicity(trajectories: Trajectories) -> float:
    """Return the mean over runs of |Spearman's rank correlation of value and time|: 1 always one way, 0 no trend.

    Raises InvalidArgumentError where there is no run, or one of fewer than two points.
    """
    _check(trajectories, at_least=1)
    return float(np.mean([abs(_correlation(_ranks(values), np.arange(len(values)))) for values in trajectories]))


def sign_monotonicity(trajectories: Trajectories) -> float:
    """Return the mean over runs of |rises - falls| / (points - 1), the original definition (Coble and Hines, 2009).

    Dominated by noise from one point to the next: 0.03-0.04 for sensors that plainly trend. Prefer `monotonicity`.
    """
    _check(trajectories, at_least=1)
    return float(np.mean([abs(np.sign(np.diff(values)).sum()) / (len(values) - 1) for values in trajectories]))


def trendability(trajectories: Trajectories, *, quantile: float = 0.05) -> float:
    """Return a low quantile of |correlation| over pairs of runs, each resampled to 100 points of its life, in [0, 1].

    Coble and Hines take the smallest; a low quantile does not fall with the number of runs.
    """
    _check(trajectories, at_least=2)
    life = np.linspace(0.0, 1.0, RESAMPLED_POINTS)
    resampled = [np.interp(life, np.linspace(0.0, 1.0, len(values)), values) for values in trajectories]
    scaled = np.array([_unit(values) for values in resampled])
    correlations = np.abs(scaled @ scaled.T)[np.triu_indices(len(scaled), 1)]
    return float(np.quantile(np.minimum(correlations, 1.0), quantile))


def prognosability(trajectories: Trajectories) -> float:
    """Return exp(-std(last values) / mean |last - first|), in (0, 1]: 1 where all runs end at one level."""
    _check(trajectories, at_least=2)
    first, last = (np.array([values[index] for values in trajectories]) for index in (0, -1))
    change = float(np.mean(np.abs(last - first)))
    return float(np.exp(-np.std(last) / change)) if change else 0.0


def lifetime_variation(lifetimes: Sequence[float]) -> float:
    """Return the coefficient of variation of lifetimes: sample standard deviation (ddof 1) over mean."""
    if len(lifetimes) < 2:
        raise InvalidArgumentError("lifetimes", len(lifetimes), "at least two are needed")
    return float(np.std(lifetimes, ddof=1) / np.mean(lifetimes))


class KolmogorovSmirnov(NamedTuple):
    """The largest distance between two distribution functions, and how often chance alone gives a larger one."""

    statistic: float
    p_value: float


def kolmogorov_smirnov(
    lifetimes: Sequence[float], cdf: Callable[[float], float], *, seed: int, resamples: int = 2000
) -> KolmogorovSmirnov:
    """Test lifetimes against a law that was fixed beforehand, by parametric bootstrap.

    lifetimes: of all runs begun, not only of those that ended early: a history cut short holds too many short lives.
    cdf: the law, for example `DegradationLaw().life_cdf`.
    The p-value is (1 + resamples from the law with a larger distance) / (1 + resamples).
    """
    if not lifetimes:
        raise InvalidArgumentError("lifetimes", 0, "at least one is needed")
    observed = _ks_distance(np.sort([cdf(hours) for hours in lifetimes]))
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.random((resamples, len(lifetimes))), axis=1)  # the law's own cdf is uniform under it
    larger = int(np.count_nonzero([_ks_distance(sample) >= observed for sample in drawn]))
    return KolmogorovSmirnov(observed, (1 + larger) / (1 + resamples))


def complete_runs(readings: pl.DataFrame, failures: pl.DataFrame) -> pl.DataFrame:
    """Return machine_id, run_started_at, run_ended_at, lifetime_hours of each run that ended in a failure.

    A run starts with the machine's first reading or the return to service (where unknown, the failure) before.
    readings: schema READINGS; failures: schema FAILURES.
    """
    first = normalise_readings(readings).group_by("machine_id").agg(pl.col("event_timestamp").min().alias("first"))
    ended = normalise_failures(failures).sort("machine_id", "event_timestamp")
    returned = pl.coalesce("returned_to_service_at", "event_timestamp")
    runs = ended.with_columns(returned=returned.shift().over("machine_id")).join(first, on="machine_id")
    started = pl.coalesce("returned", "first")
    return runs.select(
        "machine_id",
        run_started_at=started,
        run_ended_at="event_timestamp",
        lifetime_hours=(pl.col("event_timestamp") - started).dt.total_microseconds() / 3.6e9,
    )


def run_trajectories(
    readings: pl.DataFrame,
    failures: pl.DataFrame,
    channel: str,
    *,
    hop: timedelta | str = "1h",
    smoothing: timedelta | str = "24h",
) -> list[Trajectory]:
    """Return a channel's trajectory in each complete run: means per hop, then means over `smoothing` of them.

    The hop in which a run starts and hops without readings are left out; a run shorter than the smoothing plus one hop
    gives no trajectory.
    """
    width, window = parse_duration(hop), parse_duration(smoothing) // parse_duration(hop)
    means = (
        normalise_readings(readings)
        .lazy()
        .filter(pl.col("channel") == channel)
        .group_by("machine_id", pl.col("event_timestamp").dt.truncate(width).alias("hop_start"))
        .agg(pl.col("value").mean())
        .drop_nulls("value")
        .sort("hop_start")
        .collect()
        .join_asof(
            complete_runs(readings, failures).sort("run_started_at"),
            left_on="hop_start",
            right_on="run_started_at",
            by="machine_id",
            check_sortedness=False,
        )
        .filter(pl.col("hop_start") < pl.col("run_ended_at"))
        .sort("machine_id", "hop_start")
    )
    smoothed = means.group_by("machine_id", "run_started_at", maintain_order=True).agg(
        pl.col("value").rolling_mean(max(window, 1)).drop_nulls()
    )
    return [values.to_numpy() for values in smoothed["value"] if values.len() > 1]


def measure_realism(
    readings: pl.DataFrame,
    failures: pl.DataFrame,
    *,
    hop: timedelta | str = "1h",
    smoothing: timedelta | str = "24h",
) -> pl.DataFrame:
    """Return one row per channel: runs, monotonicity, trendability, prognosability, lifetime_variation, hop, smoothing.

    `runs` counts trajectories; the variation of lifetimes is that of all complete runs.
    """
    width, window = parse_duration(hop), parse_duration(smoothing)
    variation = lifetime_variation(complete_runs(readings, failures)["lifetime_hours"].to_list())
    rows: list[dict[str, object]] = []
    for channel in readings["channel"].unique().sort():
        trajectories = run_trajectories(readings, failures, channel, hop=hop, smoothing=smoothing)
        rows.append(
            {
                "channel": channel,
                "runs": len(trajectories),
                "monotonicity": monotonicity(trajectories),
                "trendability": trendability(trajectories),
                "prognosability": prognosability(trajectories),
                "lifetime_variation": variation,
                "hop": width,
                "smoothing": window,
            }
        )
    return pl.DataFrame(rows)


def _check(trajectories: Trajectories, *, at_least: int) -> None:
    if len(trajectories) < at_least:
        raise InvalidArgumentError("trajectories", len(trajectories), f"at least {at_least} complete runs are needed")
    if min(len(values) for values in trajectories) < 2:
        raise InvalidArgumentError("trajectories", 1, "each needs two points or more", "Smooth less, or drop the run")


def _ranks(values: Trajectory) -> Trajectory:
    return pl.Series(values).rank("average").to_numpy()


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values about their mean at unit length; zeros where they are constant, which correlate with nothing."""
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 1e-12 * max(1.0, float(np.abs(values).max())) else np.zeros_like(centred)


def _correlation(left: Trajectory, right: NDArray[np.int64]) -> float:
    return float(_unit(left) @ _unit(right.astype(np.float64)))


def _ks_distance(ordered: NDArray[np.float64]) -> float:
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))
