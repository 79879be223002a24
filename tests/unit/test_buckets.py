import io
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.errors import BucketError, ColumnTypeError, MissingColumnError
from mlops_core.features import (
    BUCKETS,
    bucket_readings,
    compute_features,
    features_from_buckets,
    merge_buckets,
)
from tests.independent_features import readings_of

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def at(hour, minute=0):
    return DAY + timedelta(hours=hour, minutes=minute)


def history(seed=0, machines=("A", "B", "C"), hours=50):
    rng = random.Random(seed)  # noqa: S311
    return readings_of(
        *(
            (machine, channel, minute, rng.gauss(40, 3))
            for machine in machines
            for channel in ("vibration", "temperature")
            for minute in range(0, hours * 60, rng.choice((7, 11, 13)))
        )
    )


def options(**more):
    return {"lengths": ("1h", "6h", "24h"), "hop": "1h"} | more


def test_a_bucket_holds_the_moments_of_its_readings():
    buckets = bucket_readings(readings_of(("A", "x", 0, 1.0), ("A", "x", 30, 2.0), ("A", "x", 59, 6.0)), hop="1h")
    bucket = buckets.row(0, named=True)
    assert buckets.height == 1
    assert (bucket["bucket_start"], bucket["bucket_end"], bucket["last_timestamp"]) == (at(0), at(1), at(0, 59))
    assert (bucket["count"], bucket["revision"], bucket["minimum"], bucket["maximum"], bucket["last_value"]) == (
        3,
        3,
        1,
        6,
        6,
    )
    assert bucket["reference"] + bucket["mean_offset"] == 3.0
    assert bucket["moment_2"] == pytest.approx(4 + 1 + 9)
    assert bucket["moment_3"] == pytest.approx(-8 - 1 + 27)
    assert bucket["moment_4"] == pytest.approx(16 + 1 + 81)
    assert bucket["time_offset"] == pytest.approx(89 / 3 * 60e6)


def test_buckets_have_their_schema_and_survive_parquet():
    buckets = bucket_readings(history(), hop="1h")
    assert buckets.schema == BUCKETS
    stored = io.BytesIO()
    buckets.write_parquet(stored)
    stored.seek(0)
    assert pl.read_parquet(stored).equals(buckets)


def test_features_from_buckets_are_compute_features_and_a_revision():
    readings = history()
    features = features_from_buckets(bucket_readings(readings, hop="1h"), **options())
    assert features.columns[:3] == ["machine_id", "window_end", "revision"]
    assert features.drop("revision").equals(compute_features(readings))


def test_a_late_reading_changes_only_its_bucket_and_grows_the_revision():
    readings = history()
    late = readings_of(("B", "vibration", 121, 99.0))
    before, after = (bucket_readings(frame, hop="1h") for frame in (readings, pl.concat([readings, late])))
    changed = after.join(before, on=BUCKETS.names(), how="anti")
    assert changed.select("machine_id", "channel", "bucket_start").rows() == [("B", "vibration", at(2))]
    revisions = [
        features_from_buckets(buckets, **options()).filter(pl.col("machine_id") == "B")["revision"]
        for buckets in (before, after)
    ]
    assert (revisions[1] - revisions[0]).to_list() == [0, 0] + [1] * 24 + [0] * (revisions[0].len() - 26)


def test_the_revision_counts_distinct_rows_and_no_duplicate():
    rows = [("A", "x", 0, 1.0), ("A", "x", 0, 1.0), ("A", "x", 0, 2.0), ("A", "y", 5, 1.0), ("A", "x", 70, 1.0)]
    features = features_from_buckets(bucket_readings(readings_of(*rows), hop="1h"), **options())
    assert features["revision"].to_list() == [3, 4]
    assert features["x_count_24h"].to_list() == [1, 2]


def test_channels_given_have_columns_whether_they_have_data_or_not():
    buckets = bucket_readings(readings_of(("A", "x", 0, 1.0), ("A", "w", 0, 1.0)), hop="1h")
    features = features_from_buckets(
        buckets, **options(lengths=("1h",), statistics=("count", "mean"), channels=("x", "z"))
    )
    assert features.drop("machine_id", "window_end").row(0, named=True) == {
        "revision": 1, "x_count_1h": 1, "x_mean_1h": 1.0, "z_count_1h": 0, "z_mean_1h": None,
    }  # fmt: skip


def test_no_buckets_with_channels_give_typed_columns_and_no_rows():
    features = features_from_buckets(
        pl.DataFrame(schema=BUCKETS), **options(statistics=("count", "last"), channels=("x",))
    )
    assert features.schema == pl.Schema(
        {"machine_id": pl.String, "window_end": pl.Datetime("us", "UTC"), "revision": pl.Int64}
        | {f"x_{s}_{n}": t for n in ("1h", "6h", "24h") for s, t in (("count", pl.Int64), ("last", pl.Float64))}
    )
    assert features.height == 0


def test_parts_of_one_bucket_merge_into_the_bucket_of_their_union():
    readings = history()
    shares = [readings.gather_every(3, offset) for offset in range(3)]
    parts = [bucket_readings(share, hop="1h") for share in shares]
    merged = merge_buckets(parts)
    whole = bucket_readings(readings, hop="1h")
    exact = ["machine_id", "channel", "bucket_start", "bucket_end", "revision", "count", "minimum", "maximum"]
    assert merged.select(*exact, "last_value", "last_timestamp").equals(
        whole.select(*exact, "last_value", "last_timestamp")
    )
    for name in ("moment_2", "moment_3", "moment_4", "time_offset", "time_moment_2", "time_value_moment"):
        # deviations are about 3, times about 1e9 microseconds: each moment against its own size
        size = whole[name].abs().max()
        assert ((merged[name] - whole[name]).abs() <= 1e-12 * size).all(), name
    assert merge_buckets(parts[::-1]).equals(merged)


def test_the_same_part_twice_counts_once():
    buckets = bucket_readings(history(), hop="1h")
    assert merge_buckets([buckets, buckets.tail(10), buckets.head(20)]).equals(buckets)


def test_nothing_merges_into_an_empty_frame_of_buckets():
    assert merge_buckets([]).equals(pl.DataFrame(schema=BUCKETS))


def test_parts_that_share_a_reading_are_refused():
    first, second = readings_of(("A", "x", 0, 1.0), ("A", "x", 9, 2.0)), readings_of(("A", "x", 9, 2.0))
    with pytest.raises(BucketError, match="from all its readings"):
        merge_buckets([bucket_readings(first, hop="1h"), bucket_readings(second, hop="1h")])


def test_buckets_of_another_hop_are_refused():
    buckets = bucket_readings(history(), hop="30m")
    with pytest.raises(BucketError, match="hop that the buckets were made with"):
        features_from_buckets(buckets, **options())


def test_a_bucket_that_stands_twice_is_refused_with_the_remedy():
    buckets = bucket_readings(history(), hop="1h")
    with pytest.raises(BucketError, match="merge_buckets"):
        features_from_buckets(pl.concat([buckets, buckets.head(1)]), **options())


def test_frames_that_are_no_buckets_are_refused():
    buckets = bucket_readings(history(), hop="1h")
    with pytest.raises(MissingColumnError, match="moment_4"):
        merge_buckets([buckets.drop("moment_4")])
    with pytest.raises(ColumnTypeError, match="count"):
        merge_buckets([buckets.with_columns(pl.col("count").cast(pl.Float64))])
