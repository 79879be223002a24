"""Irregular sampling, gaps and clock jumps as real machines have them, against window by window computation."""

import random
from datetime import timedelta

import polars as pl
import pytest

from mlops_core.adapters.ims import read_ims
from mlops_core.adapters.nab import read_nab
from mlops_core.features import STATISTICS, compute_features
from tests.independent_features import window_statistics
from tests.unit.adapters.real_data import real_data

SETS = pytest.mark.parametrize(("name", "read"), [("nab", read_nab), ("ims", read_ims)])
LENGTHS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}


@SETS
def test_features_of_a_real_machine_equal_an_independent_computation(name, read):
    readings = read(real_data(name)).readings
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


@SETS
def test_every_hour_from_first_to_last_reading_has_a_row(name, read):
    readings = read(real_data(name)).readings
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
