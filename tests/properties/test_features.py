"""What must hold of windowed features for any readings at all."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import example, given, settings, strategies as st

from mlops_core.features import (
    EXTRA_STATISTICS,
    STATISTICS,
    bucket_readings,
    compute_features,
    features_from_buckets,
    merge_buckets,
)
from mlops_core.features.bucketing import reduce_readings
from mlops_core.telemetry import READINGS
from tests.independent_features import assert_equal_features, independent_features

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LENGTHS = ("1h", "2h", "5h")
SPANS = {name: int(name[0]) * HOUR for name in LENGTHS}

for_all = settings(max_examples=30)

# Times crowd on edges and repeat; some lie a microsecond beside them, some far away, as after a clock jump.
moments = st.one_of(
    st.integers(0, 12 * 60).map(lambda minute: minute * 60_000_000),
    st.tuples(st.integers(0, 12), st.sampled_from([-1, 0, 1])).map(lambda at: at[0] * 3_600_000_000 + at[1]),
    st.sampled_from([-90 * 3_600_000_000, 200 * 3_600_000_000]),
)
ordinary = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 3))
extreme = st.floats(-1e70, 1e70, allow_nan=False)


def rows_of(values):
    row = st.tuples(st.sampled_from("AB"), st.sampled_from("xy"), moments, values)
    return st.lists(row, min_size=1, max_size=40)


def frame(rows):
    return pl.DataFrame(
        [(machine, channel, START + timedelta(microseconds=at), value) for machine, channel, at, value in rows],
        schema=READINGS,
        orient="row",
    )


def within(readings, first, last):
    return readings.filter(pl.col("event_timestamp") >= first, pl.col("event_timestamp") < last)


@for_all
@given(rows_of(ordinary))
def test_features_equal_an_independent_computation(rows):
    readings = frame(rows)
    assert_equal_features(
        compute_features(readings, lengths=LENGTHS), independent_features(readings, lengths=SPANS, hop=HOUR)
    )


@for_all
@given(rows_of(extreme), st.integers(-2, 14))
def test_what_comes_later_changes_nothing_before(rows, hour):
    readings, now = frame(rows), START + hour * HOUR
    known = compute_features(within(readings, datetime.min.replace(tzinfo=UTC), now), lengths=LENGTHS, end=now)
    whole = compute_features(readings, lengths=LENGTHS, end=now)
    assert whole.select(known.columns).equals(known)
    later_channels = [name for name in whole.columns if name not in known.columns]
    assert whole.select(later_channels).fill_null(0).sum().row(0) == (0,) * len(later_channels)


@for_all
@given(rows_of(extreme), st.integers(0, 12))
def test_a_window_depends_on_the_readings_inside_it_and_on_no_others(rows, hour):
    readings, end = frame(rows), START + hour * HOUR
    inside = within(readings, end - 5 * HOUR, end)
    of_all = compute_features(readings, lengths=LENGTHS, start=end - HOUR, end=end)
    of_inside = compute_features(inside, lengths=LENGTHS, start=end - HOUR, end=end)
    machines = of_inside["machine_id"].implode()
    assert of_all.filter(pl.col("machine_id").is_in(machines)).select(of_inside.columns).equals(of_inside)


@for_all
@given(rows_of(extreme), st.randoms(use_true_random=False), st.integers(1, 50))
def test_order_duplicates_and_slicing_change_no_bit(rows, random, rows_at_a_time):
    disturbed = rows + random.choices(rows, k=random.randrange(5))
    random.shuffle(disturbed)
    hop = 3_600_000_000
    assert reduce_readings(frame(disturbed), hop, rows_at_a_time).equals(reduce_readings(frame(rows), hop))


@for_all
@given(rows_of(extreme))
@example([("A", "x", 0, 0.0), ("A", "x", 0, 0.0), ("A", "x", 3_600_000_000, 0.0), ("B", "x", 0, 0.0)])  # B falls silent
def test_hour_by_hour_gives_what_one_run_over_the_whole_gives(rows):
    readings = frame(rows)
    hours = readings["event_timestamp"].dt.truncate("1h").unique().sort()
    parts = [bucket_readings(within(readings, hour, hour + HOUR), hop="1h") for hour in hours]
    buckets = merge_buckets(parts)
    assert buckets.equals(bucket_readings(readings, hop="1h"))
    options = {"lengths": LENGTHS, "hop": "1h", "channels": ("x", "y")}
    last = buckets["bucket_end"].max()
    whole = features_from_buckets(buckets, **options, end=last)
    for end in whole["window_end"].unique().sort().head(4):
        needed = buckets.filter(pl.col("bucket_start") >= end - 5 * HOUR, pl.col("bucket_end") <= end)
        run = features_from_buckets(needed, **options, start=end - HOUR, end=end)
        of_whole = whole.filter(pl.col("window_end") == end, pl.col("revision") > 0)
        assert run.filter(pl.col("revision") > 0).equals(of_whole)


@for_all
@given(rows_of(ordinary), st.randoms(use_true_random=False))
def test_parts_of_a_bucket_merge_into_the_bucket_of_their_union(rows, random):
    readings = frame(rows).unique(["machine_id", "channel", "event_timestamp"], keep="first", maintain_order=True)
    shares = [[], [], []]
    for row in readings.iter_rows():
        random.choice(shares).append(row)
    parts = [bucket_readings(pl.DataFrame(share, schema=READINGS, orient="row"), hop="1h") for share in shares]
    merged = features_from_buckets(merge_buckets(parts), lengths=LENGTHS, hop="1h").drop("revision")
    assert_equal_features(merged, independent_features(readings, lengths=SPANS, hop=HOUR), tolerance=1e-8)


@for_all
@given(rows_of(st.one_of(extreme, ordinary, st.sampled_from([0.0, -0.0, 5e-324, 1e-160, 1e-80, 1e70, -1e70]))))
@example([("A", "x", 0, 1e-81), ("A", "x", 1, 2e-81)])
def test_no_feature_is_ever_nan_or_infinite(rows):
    features = compute_features(frame(rows), lengths=LENGTHS, statistics=STATISTICS + EXTRA_STATISTICS)
    assert features.select(pl.selectors.float().is_finite().all()).row(0) == (True,) * sum(
        kind == pl.Float64 for kind in features.dtypes
    )


@for_all
@given(rows_of(ordinary))
def test_statistics_of_a_window_fit_each_other(rows):
    features = compute_features(frame(rows), lengths=("2h",), statistics=STATISTICS + EXTRA_STATISTICS)
    for channel in {name[0] for name in features.columns if name.endswith("_2h")}:
        column = {name: pl.col(f"{channel}_{name}_2h") for name in STATISTICS + EXTRA_STATISTICS}
        seen = features.filter(column["count"] > 0)
        assert seen.select(
            (column["mean"].is_between(column["min"], column["max"])).all()
            & (column["rms"] >= column["mean"].abs()).all()
            & (column["last"].is_between(column["min"], column["max"])).all()
            & (column["kurtosis"].fill_null(0) >= -2 - 1e-9).all()
            & (column["hours_since_last"].is_between(0, 2)).all()
        ).item()
        assert features.filter(column["count"] == 0).select(column["mean"].is_null().all()).item()
