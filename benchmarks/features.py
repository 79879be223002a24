"""Windowed features: ten statistics over 1 h, 6 h and 24 h, every hour, two channels, a reading a minute or almost."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from benchmarks import feature_limit as limit, feature_peers as peers
from benchmarks.harness import Benchmark, Reach, Way, ratio
from mlops_core.features import compute_features

OURS = "mlops_core"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_READINGS_PER_SERIES = 834 * 60  # whole hours, so that ways which round differently see the same windows


def readings(size: int) -> pl.DataFrame:
    """About `size` readings: machine by machine, channel by channel, in order of time."""
    series = max(1, round(size / _READINGS_PER_SERIES / 2)) * 2
    length = min(_READINGS_PER_SERIES, size // series // 60 * 60)
    rng = np.random.default_rng(2026)
    times = pl.datetime_range(
        _START, _START + timedelta(minutes=length - 1), "1m", time_zone="UTC", time_unit="us", eager=True
    )
    level = {"temperature": (60.0, 2.0), "vibration": (2.5, 0.4)}
    frames: list[pl.DataFrame] = []
    for number in range(series // 2):
        for channel, (mean, spread) in level.items():
            drift = np.linspace(0.0, spread, length)
            frames.append(
                pl.DataFrame({"event_timestamp": times, "value": mean + drift + spread * rng.standard_normal(length)})
                .select(pl.lit(f"PUMP-{number:04d}").alias("machine_id"), pl.lit(channel).alias("channel"), pl.all())
            )  # fmt: skip
    return pl.concat(frames, rechunk=True)


def readings_with_gaps(size: int) -> pl.DataFrame:
    """The same, one reading in ten lost at random: buckets of different sizes."""
    whole = readings(size)
    return whole.filter(pl.Series(np.random.default_rng(7).random(whole.height) >= 0.1))


def _ours(frame: pl.DataFrame) -> float:
    features = compute_features(frame)
    return peers.agreed(features["vibration_kurtosis_1h"].to_numpy(), features["temperature_std_1h"].to_numpy())


WAYS = {
    OURS: Way(_ours),
    "numba, one thread": Way(limit.numba_loops, limit.as_arrays),
    "DuckDB, the same algorithm": Way(peers.duckdb_buckets),
    "polars group_by_dynamic, streaming": Way(peers.group_by_dynamic_streaming, rounds_at_most=2),
    "polars group_by_dynamic, in memory": Way(peers.group_by_dynamic, rounds_at_most=2),
    "pandas rolling": Way(peers.pandas_rolling, peers.as_pandas, rounds_at_most=2),
    "tsflex": Way(peers.tsflex_features, peers.as_pandas_series, rounds_at_most=1),
    "the original's loop, two features": Way(peers.original_loop, peers.as_messages, largest=10**6, rounds_at_most=2),
}

BENCHMARKS = (
    Benchmark(
        "features",
        (10**5, 10**6, 10**7),
        readings,
        WAYS,
        OURS,
        reach=(
            ratio("polars group_by_dynamic, streaming", 10**7, at_least=20),
            ratio("pandas rolling", 10**7, at_least=80),
            ratio("numba, one thread", 10**7, at_least=1 / 4),
            ratio("the original's loop, two features", 10**6, at_least=60),
            Reach("cost exponent", 10**7, lambda f: f.exponent(OURS), at_most=1.05),
            Reach("memory rise, MB", 10**7, lambda f: f.memory(OURS, 10**7), at_most=300),
        ),
    ),
    Benchmark(
        "features-with-gaps",
        (10**6,),
        readings_with_gaps,
        {name: WAYS[name] for name in WAYS if name not in ("pandas rolling", "tsflex")},  # these need each minute
        OURS,
        reach=(
            ratio("polars group_by_dynamic, streaming", 10**6, at_least=8),
            ratio("polars group_by_dynamic, in memory", 10**6, at_least=8),
        ),
    ),
)
