# pyright: basic, reportMissingImports=false, reportMissingTypeStubs=false
# ruff: noqa: ANN401 - peers without types
"""Other ways to the windowed features: what a user would pick instead."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

HOUR = 3_600_000_000
LENGTHS = (1, 6, 24)


def agreed(kurtosis: Any, std: Any) -> float:
    """One number from the hourly kurtosis of vibration and std of temperature, the same for all ways."""
    return float(np.mean(kurtosis) + np.mean(std))


# --- polars ---------------------------------------------------------------------------------------------------------
def _dynamic(frame: pl.DataFrame, engine: Any) -> float:
    value, time = pl.col("value"), pl.col("event_timestamp").to_physical() / HOUR
    statistics = (
        pl.len().alias("count"),
        value.mean().alias("mean"),
        value.std().alias("std"),
        value.min().alias("min"),
        value.max().alias("max"),
        (value * value).mean().sqrt().alias("rms"),
        (value.max() - value.min()).alias("peak_to_peak"),
        (pl.cov(time, value) / time.var()).alias("slope"),
        value.kurtosis().alias("kurtosis"),
        value.last().alias("last"),
    )
    by_length = [
        frame.lazy()
        .group_by_dynamic(
            "event_timestamp",
            every="1h",
            period=f"{length}h",
            closed="left",
            label="right",
            group_by=["machine_id", "channel"],
        )
        .agg(statistics)
        .collect(engine=engine)
        for length in LENGTHS
    ]
    hourly = by_length[0]
    return agreed(
        hourly.filter(pl.col("channel") == "vibration")["kurtosis"].to_numpy(),
        hourly.filter(pl.col("channel") == "temperature")["std"].to_numpy(),
    )


def group_by_dynamic(frame: pl.DataFrame) -> float:
    return _dynamic(frame, "in-memory")


def group_by_dynamic_streaming(frame: pl.DataFrame) -> float:
    return _dynamic(frame, "streaming")


# --- pandas ---------------------------------------------------------------------------------------------------------
def as_pandas(frame: pl.DataFrame) -> Any:
    return frame.to_pandas()


def pandas_rolling(frame: Any) -> float:
    """Rolling windows at every reading; with a reading a minute the last one in an hour is [end - length, end)."""
    indexed = frame.set_index("event_timestamp")
    hours = (indexed.index - indexed.index[0]).total_seconds().to_numpy() / 3600
    indexed["hours"], indexed["squares"], indexed["products"] = (
        hours,
        indexed["value"] ** 2,
        hours * indexed["value"],
    )
    is_last_of_hour = indexed.index.minute == 59
    hourly: dict[str, Any] = {}
    for length in LENGTHS:
        rolling = indexed.groupby(["machine_id", "channel"], sort=False).rolling(f"{length}h")
        value = rolling["value"]
        n, mean, std, least, greatest, excess = (
            value.count(),
            value.mean(),
            value.std(),
            value.min(),
            value.max(),
            value.kurt(),
        )
        rms = np.sqrt(rolling["squares"].mean())
        covariance = rolling["products"].mean() - rolling["hours"].mean() * mean
        slope = covariance / (rolling["hours"].var(ddof=0))
        kurtosis = (excess * (n - 2) * (n - 3) / (n - 1) - 6) / (n + 1)
        columns = {
            "count": n, "mean": mean, "std": std, "min": least, "max": greatest, "rms": rms,
            "peak_to_peak": greatest - least, "slope": slope, "kurtosis": kurtosis, "last": indexed["value"],
        }  # fmt: skip
        for name, column in columns.items():
            hourly[f"{name}_{length}h"] = column.to_numpy()[is_last_of_hour]
    channel = indexed["channel"].to_numpy()[is_last_of_hour]
    return agreed(hourly["kurtosis_1h"][channel == "vibration"], hourly["std_1h"][channel == "temperature"])


# --- DuckDB ---------------------------------------------------------------------------------------------------------
_BUCKETS = """
    select machine_id, channel, epoch_us(event_timestamp) // 3600000000 as bucket, count(*) as n,
           sum(d) as s1, sum(d * d) as s2, sum(d * d * d) as s3, sum(d * d * d * d) as s4,
           sum(t) as t1, sum(t * t) as t2, sum(t * d) as td, min(value) as lo, max(value) as hi,
           arg_max(value, event_timestamp) as last
    from (select *, value - case channel when 'temperature' then 60.0 else 2.5 end as d,
                 (epoch_us(event_timestamp) - 1767225600000000) / 3600000000.0 as t from readings)
    group by all"""
_WINDOW = """
    select machine_id, channel, bucket, n as count, r + s1 / n as mean,
           sqrt((s2 - s1 * s1 / n) / (n - 1)) as std, lo as min, hi as max,
           sqrt(s2 / n + 2 * r * s1 / n + r * r) as rms, hi - lo as peak_to_peak,
           (td - t1 * s1 / n) / (t2 - t1 * t1 / n) as slope, last,
           n * (s4 - 4 * s3 * s1 / n + 6 * s2 * (s1 / n) ** 2 - 3 * n * (s1 / n) ** 4)
             / ((s2 - s1 * s1 / n) * (s2 - s1 * s1 / n)) - 3 as kurtosis
    from (select machine_id, channel, bucket, case channel when 'temperature' then 60.0 else 2.5 end as r,
                 sum(n) over w as n, sum(s1) over w as s1, sum(s2) over w as s2, sum(s3) over w as s3, sum(s4) over w as
                 s4, sum(t1) over w as t1, sum(t2) over w as t2, sum(td) over w as td,
                 min(lo) over w as lo, max(hi) over w as hi, last
          from buckets window w as (partition by machine_id, channel order by bucket
                                    range between {before} preceding and current row))"""


def duckdb_buckets(frame: pl.DataFrame) -> float:
    import duckdb

    connection = duckdb.connect()
    connection.register("readings", frame)
    connection.execute(f"create table buckets as {_BUCKETS}")
    for length in LENGTHS:
        connection.execute(f"create table w{length} as {_WINDOW.format(before=length - 1)}")
    averages = (
        """select avg(kurtosis) filter (channel = 'vibration') + avg(std) filter (channel = 'temperature') from w1"""
    )
    return connection.execute(averages).fetchall()[0][0]


# --- tsflex ---------------------------------------------------------------------------------------------------------
def as_pandas_series(frame: pl.DataFrame) -> list[tuple[str, Any]]:
    parts = frame.partition_by("machine_id", "channel", as_dict=True, maintain_order=True)
    return [
        (str(channel), part.select("event_timestamp", "value").to_pandas().set_index("event_timestamp")["value"])
        for (_, channel), part in parts.items()
    ]


def tsflex_features(series: list[tuple[str, Any]]) -> float:
    from tsflex.features import FeatureCollection, FuncWrapper, MultipleFeatureDescriptors

    def slope(x: Any) -> float:
        t = np.arange(len(x)) / 60
        return float(((t - t.mean()) * (x - x.mean())).sum() / ((t - t.mean()) ** 2).sum())

    def kurtosis(x: Any) -> float:
        d = x - x.mean()
        return float((d**4).mean() / (d**2).mean() ** 2 - 3)

    functions = [
        FuncWrapper(function, output_names=name)
        for name, function in {
            "count": len, "mean": np.mean, "std": lambda x: np.std(x, ddof=1), "min": np.min, "max": np.max,
            "rms": lambda x: np.sqrt(np.mean(x * x)), "peak_to_peak": np.ptp, "slope": slope, "kurtosis": kurtosis,
            "last": lambda x: x[-1],
        }.items()
    ]  # fmt: skip
    windows = [f"{length}h" for length in LENGTHS]
    collection = FeatureCollection(MultipleFeatureDescriptors(functions, ["value"], windows, ["1h"]))
    found: dict[str, list[Any]] = {"vibration": [], "temperature": []}
    for channel, values in series:
        features = collection.calculate(values, return_df=True, n_jobs=1, include_final_window=True, window_idx="end")
        name = "kurtosis" if channel == "vibration" else "std"
        found[channel].append(features[f"value__{name}__w=1h"].dropna().to_numpy())
    return agreed(np.concatenate(found["vibration"]), np.concatenate(found["temperature"]))


# --- the original ---------------------------------------------------------------------------------------------------
def as_messages(frame: pl.DataFrame) -> list[dict[str, Any]]:
    field = {"temperature": "temperature_celsius", "vibration": "vibration_rms"}
    return [
        {"machine_id": machine, "timestamp_utc": at.isoformat(), field[channel]: value}
        for machine, channel, at, value in frame.iter_rows()
    ]


def original_loop(messages: list[dict[str, Any]]) -> None:
    """Python lists per machine and hour; every hour the mean temperature and the greatest vibration of 24 h."""
    temperatures: dict[tuple[str, datetime], list[float]] = {}
    vibrations: dict[tuple[str, datetime], list[float]] = {}
    for message in messages:
        hour = datetime.fromisoformat(message["timestamp_utc"]).replace(minute=0, second=0, microsecond=0)
        if "temperature_celsius" in message:
            temperatures.setdefault((message["machine_id"], hour), []).append(float(message["temperature_celsius"]))
        if "vibration_rms" in message:
            vibrations.setdefault((message["machine_id"], hour), []).append(float(message["vibration_rms"]))
    features: dict[tuple[str, datetime], dict[str, float]] = {}
    for machine, hour in temperatures:
        hours = [(machine, hour - timedelta(hours=back)) for back in range(24)]
        recent = [value for key in hours for value in temperatures.get(key, ())]
        greatest = max(value for key in hours for value in vibrations.get(key, ()))
        features[machine, hour] = {"temperature_mean_24h": sum(recent) / len(recent), "vibration_max_24h": greatest}
