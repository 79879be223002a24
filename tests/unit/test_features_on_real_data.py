"""Irregular sampling, gaps and clock jumps as real machines have them, against window by window computation."""

import os
import random
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from mlops_core.adapters.ims import read_ims
from mlops_core.adapters.nab import read_nab
from mlops_core.features import STATISTICS, compute_features
from tests.independent_features import window_statistics

DATA = os.environ.get("MLOPS_REAL_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="MLOPS_REAL_DATA names no folder with the public data sets")

LENGTHS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}


@pytest.mark.parametrize("name", ["nab", "ims"])
def test_features_of_a_real_machine_equal_an_independent_computation(name):
    read = {"nab": read_nab, "ims": read_ims}[name]
    readings = read(Path(DATA) / name).readings
    features = compute_features(readings)
    rows = random.Random(1).sample(list(features.iter_rows(named=True)), 40)  # noqa: S311
    for row in rows:
        own = readings.filter(pl.col("machine_id") == row["machine_id"]).drop_nulls()
        for channel in readings["channel"].unique():
            for suffix, length in LENGTHS.items():
                inside = own.filter(
                    pl.col("channel") == channel,
                    pl.col("event_timestamp") >= row["window_end"] - length,
                    pl.col("event_timestamp") < row["window_end"],
                ).group_by("event_timestamp").agg(pl.col("value").max()).sort("event_timestamp")  # fmt: skip
                expected = window_statistics(inside.rows())
                for statistic in STATISTICS:
                    found = row[f"{channel}_{statistic}_{suffix}"]
                    if expected[statistic] is None:
                        assert found is None
                    else:
                        assert found == pytest.approx(expected[statistic], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["nab", "ims"])
def test_every_hour_from_first_to_last_reading_has_a_row(name):
    readings = {"nab": read_nab, "ims": read_ims}[name](Path(DATA) / name).readings
    features = compute_features(readings, lengths=("1h",), statistics=("count",))
    hours = readings.group_by("machine_id").agg(
        hours=(pl.col("event_timestamp").max().dt.truncate("1h") - pl.col("event_timestamp").min().dt.truncate("1h"))
        .dt.total_hours() + 1
    )  # fmt: skip
    assert (
        features["machine_id"]
        .value_counts()
        .sort("machine_id")
        .equals(hours.sort("machine_id").rename({"hours": "count"}).cast({"count": pl.UInt32}))
    )
