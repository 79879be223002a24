import itertools
import math
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.errors import ColumnValueError, InvalidArgumentError, StatisticError, TimeSpanError
from mlops_core.features import STATISTICS, compute_features
from tests.independent_features import assert_equal_features, independent_features, readings_of

DAY = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hour, minute=0):
    return DAY + timedelta(hours=hour, minutes=minute)


def features_of(*rows, **options):
    options = {"lengths": ("1h", "2h"), "hop": "1h"} | options
    return compute_features(readings_of(*rows), **options)


def irregular_readings(seed):
    rng = random.Random(seed)  # noqa: S311
    return readings_of(
        *(
            (
                rng.choice(("A", "B", "C-long-name-of-a-machine")),
                rng.choice(("x", "y")),
                rng.randrange(3000),
                rng.gauss(50, 7),
            )
            for _ in range(400)
        )
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("lengths", "hop"), [(("1h", "6h", "24h"), "1h"), (("30m", "90m", "5h"), "30m"), (("7h",), "7h")]
)
def test_features_equal_an_independent_computation(seed, lengths, hop):
    readings = irregular_readings(seed)
    spans = {"1h": 1, "6h": 6, "24h": 24, "30m": 0.5, "90m": 1.5, "5h": 5, "7h": 7}
    table = independent_features(
        readings, lengths={name: spans[name] * HOUR for name in lengths}, hop=spans[hop] * HOUR
    )
    assert_equal_features(compute_features(readings, lengths=lengths, hop=hop), table)


def test_start_and_end_select_rows_of_the_whole_and_change_none():
    readings = irregular_readings(7)
    lengths = {"1h": HOUR, "6h": 6 * HOUR}
    start, end = at(5, 30), at(60)
    features = compute_features(readings, lengths=tuple(lengths), start=start, end=end)
    assert_equal_features(features, independent_features(readings, lengths=lengths, hop=HOUR, start=start, end=end))
    assert features["window_end"].min() == at(6)
    assert features["window_end"].max() == at(60)


def test_columns_are_named_channel_statistic_length_in_a_fixed_order():
    features = features_of(("A", "y", 0, 1.0), ("A", "x", 0, 1.0))
    assert features.columns == [
        "machine_id",
        "window_end",
        *(f"{c}_{s}_{n}" for c in ("x", "y") for n in ("1h", "2h") for s in STATISTICS),
    ]
    assert features.schema["window_end"] == pl.Datetime("us", "UTC")
    assert features.schema["x_count_1h"] == pl.Int64
    assert features.schema["x_mean_1h"] == pl.Float64


# 00:00        01:00        02:00
#   [------------[------------[
#   1.0     2.0  4.0                  4.0 lies on the edge: not in [00:00, 01:00), in [01:00, 02:00)
def test_a_reading_on_an_edge_belongs_to_the_window_that_begins_there():
    features = features_of(("A", "x", 0, 1.0), ("A", "x", 40, 2.0), ("A", "x", 60, 4.0))
    assert features["window_end"].to_list() == [at(1), at(2)]
    assert features["x_count_1h"].to_list() == [2, 1]
    assert features["x_last_1h"].to_list() == [2.0, 4.0]
    assert features["x_count_2h"].to_list() == [2, 3]


# 00:00   01:00   02:00   03:00   04:00
#   [--1----[-------[-------[---2---[     two hours of silence: rows with count 0 and nulls
def test_a_gap_gives_rows_with_count_zero_and_nulls():
    features = features_of(("A", "x", 30, 1.0), ("A", "x", 210, 2.0), lengths=("1h",))
    assert features["window_end"].to_list() == [at(1), at(2), at(3), at(4)]
    assert features["x_count_1h"].to_list() == [1, 0, 0, 1]
    silent = features.row(1, named=True)
    assert all(silent[f"x_{name}_1h"] is None for name in STATISTICS if name != "count")


def test_rows_reach_from_a_machines_own_first_reading_to_its_last():
    features = features_of(("A", "x", 0, 1.0), ("B", "x", 130, 1.0), ("B", "y", 185, 1.0), lengths=("1h",))
    assert features.select("machine_id", "window_end").rows() == [("A", at(1)), ("B", at(3)), ("B", at(4))]


def test_an_end_extends_every_machine_and_hides_what_comes_after():
    features = features_of(("A", "x", 0, 1.0), ("B", "x", 300, 1.0), lengths=("2h",), end=at(3, 59))
    assert features.select("machine_id", "window_end", "x_count_2h").rows() == [
        ("A", at(1), 1),
        ("A", at(2), 1),
        ("A", at(3), 0),
    ]


def test_of_two_values_for_one_timestamp_the_larger_counts_in_any_order():
    rows = [("A", "x", 0, 1.0), ("A", "x", 1, 5.0), ("A", "x", 1, 7.0), ("A", "x", 1, 7.0), ("A", "x", 2, 3.0)]
    expected = features_of(("A", "x", 0, 1.0), ("A", "x", 1, 7.0), ("A", "x", 2, 3.0))
    for order in itertools.permutations(rows):
        assert features_of(*order).equals(expected)


def test_one_reading_has_a_mean_and_no_spread():
    row = features_of(("A", "x", 0, -4.0), lengths=("1h",)).row(0, named=True)
    assert row == {
        "machine_id": "A",
        "window_end": at(1),
        "x_count_1h": 1,
        "x_mean_1h": -4.0,
        "x_std_1h": None,
        "x_min_1h": -4.0,
        "x_max_1h": -4.0,
        "x_rms_1h": 4.0,
        "x_peak_to_peak_1h": 0.0,
        "x_slope_1h": None,
        "x_kurtosis_1h": None,
        "x_last_1h": -4.0,
    }


@pytest.mark.parametrize("value", [0.1, 0.0, -0.0, 1e-300, 5e-324, 1e70, -1e70, 123456.789])
def test_a_constant_window_has_no_deviation_and_no_kurtosis(value):
    row = features_of(*(("A", "x", minute, value) for minute in range(0, 120, 7)), lengths=("2h",)).row(1, named=True)
    assert row["x_mean_2h"] == row["x_min_2h"] == row["x_max_2h"] == row["x_last_2h"] == value
    assert row["x_rms_2h"] == pytest.approx(abs(value), rel=1e-15)
    assert (row["x_std_2h"], row["x_slope_2h"], row["x_peak_to_peak_2h"], row["x_kurtosis_2h"]) == (0.0, 0.0, 0.0, None)


def test_slope_is_per_hour_and_survives_readings_a_microsecond_apart():
    moment = at(1)
    readings = readings_of(("A", "x", 0, 0.0), ("A", "x", 0, 0.0)).with_columns(
        event_timestamp=pl.Series([moment - timedelta(microseconds=1), moment]), value=pl.Series([1.0, 3.0])
    )
    features = compute_features(readings, lengths=("2h",))
    assert features["x_slope_2h"].to_list() == [None, pytest.approx(2.0 * 3.6e9, rel=1e-12)]


@pytest.mark.parametrize("ratio", [1e3, 1e5, 1e8])
def test_kurtosis_keeps_nine_digits_however_far_the_mean_is_from_zero(ratio):
    rng = random.Random(1)  # noqa: S311
    readings = readings_of(*(("A", "x", minute, ratio * 3.0 + rng.gauss(0, 3.0)) for minute in range(60 * 30)))
    table = independent_features(readings, lengths={"1h": HOUR, "24h": 24 * HOUR}, hop=HOUR)
    features = compute_features(readings, lengths=("1h", "24h"))
    for row in features.iter_rows(named=True):
        for name in ("x_kurtosis_1h", "x_kurtosis_24h", "x_std_1h", "x_std_24h", "x_slope_24h"):
            assert row[name] == pytest.approx(table["A", row["window_end"]][name], abs=1e-9)


def test_a_spike_leaves_no_trace_after_it_left_the_window():
    rng = random.Random(2)  # noqa: S311
    rows = [("A", "x", minute, rng.gauss(20, 1)) for minute in range(60 * 12)]
    calm = features_of(*rows, lengths=("3h",))
    spiked = features_of(*rows[:90], ("A", "x", 90, 1e60), *rows[91:], lengths=("3h",))
    assert spiked.filter(pl.col("window_end") > at(4)).equals(calm.filter(pl.col("window_end") > at(4)))


def test_a_change_of_level_leaves_the_numbers_of_either_level_exact():
    rng = random.Random(3)  # noqa: S311
    rows = [("A", "x", minute, (1.0 if minute < 600 else 1e9) + rng.gauss(0, 0.5)) for minute in range(1200)]
    table = independent_features(readings_of(*rows), lengths={"2h": 2 * HOUR}, hop=HOUR)
    for row in features_of(*rows, lengths=("2h",)).iter_rows(named=True):
        assert row["x_kurtosis_2h"] == pytest.approx(table["A", row["window_end"]]["x_kurtosis_2h"], abs=1e-9)


def test_a_null_value_is_a_measurement_that_was_not_made():
    expected = features_of(("A", "x", 0, 1.0), ("A", "x", 2, 3.0))
    assert features_of(("A", "x", 0, 1.0), ("A", "x", 1, None), ("A", "x", 2, 3.0)).equals(expected)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.01e70])
def test_values_that_no_sensor_gives_are_refused_with_their_number(value):
    with pytest.raises(ColumnValueError, match=r"value.* in 2 rows"):
        features_of(("A", "x", 0, value), ("A", "x", 1, value), ("A", "x", 2, 1.0))


@pytest.mark.parametrize("others", [[("A", "x", 0, 5.0)], [("A", "x", 0, 5.0), ("A", "x", 0, 6.0)]])
def test_a_value_that_is_too_large_is_refused_where_a_larger_one_of_its_timestamp_counts(others):
    with pytest.raises(ColumnValueError, match=r"beyond 1e\+70 in 1 row"):
        features_of(("A", "x", 0, -1e80), *others, ("A", "x", 1, 1.0))


YEAR = 525_960  # minutes


@pytest.mark.parametrize("years", [-56, -26, -6, 80, 7970])
def test_a_clock_that_jumped_by_years_is_refused_and_costs_no_rows(years: int):
    jumped = readings_of(("A", "x", 0, 1.0), ("B", "x", 0, 1.0), ("B", "x", years * YEAR, 1.0))
    with pytest.raises(TimeSpanError, match=r"machine 'B' .* If its clock jumped, remove those readings"):
        compute_features(jumped, lengths=("1h",))
    if years < 0:
        assert compute_features(jumped, lengths=("1h",), start=at(0)).height == 2


def test_a_machine_that_was_silent_for_four_years_has_rows_of_silence():
    paused = readings_of(("A", "x", 0, 1.0), ("A", "x", -4 * YEAR, 1.0))
    assert compute_features(paused, lengths=("1h",)).height > 4 * 8_765


def test_more_rows_than_a_memory_holds_are_refused():
    steady = readings_of(*(("B", "x", -years * YEAR, 1.0) for years in range(21)))
    with pytest.raises(TimeSpanError, match=r"machine 'B' .* choose a longer hop"):
        compute_features(steady, lengths=("1h",), hop="1m")
    assert compute_features(steady, lengths=("1h",), hop="1m", start=at(0)).height == 1


def test_no_readings_give_no_rows():
    features = features_of()
    assert features.height == 0
    assert features.columns == ["machine_id", "window_end"]


def test_extra_statistics_come_on_request():
    features = features_of(
        ("A", "x", 0, 3.0),
        ("A", "x", 30, -4.0),
        ("A", "x", 150, 0.0),
        lengths=("1h",),
        statistics=("crest_factor", "hours_since_last"),
    )
    assert features["x_crest_factor_1h"].to_list() == [pytest.approx(4 / math.sqrt(12.5)), None, None]
    assert features["x_hours_since_last_1h"].to_list() == [0.5, None, 0.5]


@pytest.mark.parametrize("statistics", [("median",), ("mean", "mean")])
def test_unknown_or_repeated_statistics_are_refused_with_the_choice(statistics):
    with pytest.raises(StatisticError, match="peak_to_peak"):
        features_of(("A", "x", 0, 1.0), statistics=statistics)


def test_naive_bounds_are_refused():
    with pytest.raises(InvalidArgumentError, match="time zone"):
        features_of(("A", "x", 0, 1.0), start=datetime(2026, 1, 1))  # noqa: DTZ001


def test_arguments_are_not_changed():
    readings = irregular_readings(5)
    before = readings.clone()
    compute_features(readings)
    assert readings.equals(before)
