"""An hour of processing, from raw objects to Parquet: with the stored buckets of the hours before, and without.

A size is a number of machines; each sends a reading a minute on two channels.
"""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from benchmarks.harness import Benchmark, Way, ratio
from mlops_core.features import bucket_readings, features_from_buckets, merge_buckets
from mlops_core.lake import decode_readings, encode_history

OURS = "one hour and stored buckets"
RECOMPUTE = "24 hours of raw data again"

_HOUR = timedelta(hours=1)
_END = datetime(2026, 1, 2, tzinfo=UTC)
_HOURS = tuple(_END - back * _HOUR for back in range(24, 0, -1))
_LENGTHS = ("1h", "6h", "24h")


@dataclass(frozen=True)
class Day:
    """24 hours as they are stored: raw objects hour by hour, and Parquet of the buckets of all hours but the last."""

    raw: tuple[tuple[bytes, ...], ...]
    buckets: tuple[bytes, ...]


def stored_day(machines: int) -> Day:
    """A day of a fleet in the lake."""
    rng = np.random.default_rng(2026)
    raw: list[tuple[bytes, ...]] = []
    buckets: list[bytes] = []
    for hour in _HOURS:
        minutes = pl.datetime_range(hour, hour + _HOUR, "1m", closed="left", time_unit="us", eager=True)
        readings = (
            pl.DataFrame({"machine_id": [f"PUMP-{number:04d}" for number in range(machines)]})
            .join(pl.DataFrame({"channel": ["temperature", "vibration"]}), how="cross")
            .join(pl.DataFrame({"event_timestamp": minutes}), how="cross")
            .with_columns(value=np.round(50 + rng.standard_normal(machines * 120), 3))
        )
        raw.append(tuple(found.body for found in encode_history(readings, received_at=_END)))
        buckets.append(_parquet(bucket_readings(readings, hop="1h")))
    return Day(tuple(raw), tuple(buckets[:-1]))


def _parquet(frame: pl.DataFrame) -> bytes:
    stored = io.BytesIO()
    frame.write_parquet(stored)
    return stored.getvalue()


def _features_of_last_hour(buckets: pl.DataFrame) -> float:
    features = features_from_buckets(buckets, lengths=_LENGTHS, hop="1h", start=_END - _HOUR, end=_END)
    _parquet(features)
    return float(features["vibration_kurtosis_24h"].sum())


def incremental(day: Day) -> float:
    newest = bucket_readings(decode_readings(day.raw[-1]), hop="1h")
    _parquet(newest)
    return _features_of_last_hour(merge_buckets([*(pl.read_parquet(part) for part in day.buckets), newest]))


def recompute(day: Day) -> float:
    readings = decode_readings([body for hour in day.raw for body in hour])
    return _features_of_last_hour(bucket_readings(readings, hop="1h"))


BENCHMARKS = (
    Benchmark(
        "incremental",
        (500,),
        stored_day,
        {OURS: Way(incremental), RECOMPUTE: Way(recompute)},
        OURS,
        reach=(ratio(RECOMPUTE, 500, at_least=8),),
    ),
)
