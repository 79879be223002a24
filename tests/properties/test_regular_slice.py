"""Readings of regular sampling have a way of their own to be reduced, of which nothing but its speed may be seen."""

from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from mlops_core.features.bucketing import reduce_readings
from mlops_core.features.irregular_slice import IrregularSlice
from mlops_core.features.regular_slice import RegularSlice

MINUTE, HOUR = 60_000_000, 3_600_000_000
for_all = settings(deadline=None, max_examples=50)


def sampled(series, hours, per_hour, *, late=0, jitter=None, seed=0):
    """`series` of `hours` full hours, `per_hour` readings each, the first `late` after the hour began."""
    length, step = hours * per_hour, HOUR // per_hour
    times = pl.int_range(length, eager=True) * step + late
    if jitter is not None:
        times += pl.Series([jitter.randrange(step // 4) for _ in range(length)])
    names = pl.DataFrame({"machine_id": [m for m, _ in series], "channel": [c for _, c in series]})
    rows = names.join(pl.DataFrame({"event_timestamp": times.cast(pl.Datetime("us", "UTC"))}), how="cross")
    value = pl.int_range(rows.height, eager=True).shuffle(seed).cast(pl.Float64).sin() * 7.3 - 0.1
    return rows.with_columns(value=value)


def sums(part):
    found = part.reduce()
    return found.select(sorted(found.columns))


def in_the_other_way(rows, rows_at_a_time):
    with patch.object(RegularSlice, "cut", lambda *_, **__: None):
        return reduce_readings(rows, HOUR, rows_at_a_time)


series = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("xy")), min_size=1, max_size=4, unique=True)


@for_all
@given(series, st.integers(2, 4), st.sampled_from([1, 2, 3, 60, 100]), st.none() | st.randoms(use_true_random=False))
def test_both_ways_give_the_same_bits(series, hours, per_hour, jitter):
    rows = sampled(series, hours, per_hour, jitter=jitter)
    regular = RegularSlice.cut(rows, HOUR, is_last=True)
    assert regular is not None
    assert (regular.height, regular.heads.height) == (rows.height, len(series) * hours)
    assert regular.is_equidistant or jitter is not None
    assert sums(regular).equals(sums(IrregularSlice.cut(rows, HOUR, is_last=True)))


@for_all
@given(series, st.integers(1, 3), st.sampled_from([1, 2, 4, 7]), st.data())
def test_no_disturbance_is_taken_for_regular(series, hours, per_hour, data):
    rows = sampled(series, hours, per_hour, late=data.draw(st.sampled_from([0, 1, 20 * MINUTE])))
    rows = rows.with_row_index("at").with_columns(pl.col("at").cast(pl.Int64))
    places = st.lists(st.integers(0, rows.height - 1), max_size=2)
    lost, twice, moved, renamed = (data.draw(places) for _ in range(4))
    at, machine_id, time = pl.col("at"), pl.col("machine_id"), pl.col("event_timestamp")
    disturbed = pl.concat([rows, rows[twice]]).sort("at").filter(~at.is_in(lost)).with_columns(
        machine_id=pl.when(at.is_in(renamed)).then(pl.lit("C")).otherwise(machine_id),
        event_timestamp=pl.when(at.is_in(moved)).then(time.dt.offset_by("-1h")).otherwise(time),
    ).drop("at")  # fmt: skip
    wanted = data.draw(st.integers(1, 20))
    assert reduce_readings(disturbed, HOUR, wanted).equals(in_the_other_way(disturbed, wanted))


@pytest.mark.parametrize(("more", "height"), [(1, 120), (59, 120), (60, 120), (61, 180)])
def test_a_bucket_that_may_go_on_stays_behind(more, height):
    rows = sampled([("A", "x")], 4, 60).head(120 + more)
    assert RegularSlice.cut(rows, HOUR, is_last=False).height == height


def test_series_of_one_bucket_each_are_regular():
    rows = sampled([("A", "x"), ("A", "y"), ("B", "x")], 1, 60)
    assert RegularSlice.cut(rows, HOUR, is_last=True).heads.height == 3


def test_rows_after_the_last_whole_bucket_stay_behind_and_are_reduced_after_it():
    rows = sampled([("A", "x")], 3, 60).head(150)
    assert RegularSlice.cut(rows, HOUR, is_last=True).height == 120
    assert reduce_readings(rows, HOUR)["count"].to_list() == [60, 60, 30]


@pytest.mark.parametrize(
    "rows",
    [
        sampled([("A", "x")], 3, 60).head(0),
        sampled([("A", "x")], 3, 60).head(1),
        sampled([("A", "x")], 3, 60, late=30 * MINUTE),
        sampled([("A", "x")], 3, 60).reverse(),
        pl.concat([sampled([("A", "x")], 1, 60)] * 2),  # the same bucket twice
        pl.concat([sampled([("A", "x")], 1, 60), sampled([("A", "x")], 1, 60).slice(30), sampled([("B", "x")], 2, 60)]),
        sampled([("A", "x")], 2, 60).with_columns(channel=pl.Series(["x", "y"] * 60)),
    ],
)
def test_other_readings_are_not_regular(rows):
    assert RegularSlice.cut(rows, HOUR, is_last=True) is None
