from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from mlops_core.errors import ColumnTypeError, ColumnValueError, FrameTypeError, MissingColumnError
from mlops_core.telemetry import FAILURES, READINGS, TIMESTAMP, normalise_failures, normalise_readings

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def one_reading(**columns):
    return pl.DataFrame(
        {"machine_id": ["PUMP-A01"], "channel": ["vibration"], "event_timestamp": [NOON], "value": [2.5]} | columns
    )


def test_a_frame_that_fits_is_returned_as_it_is():
    readings = one_reading().cast(READINGS)
    assert normalise_readings(readings) is readings


def test_columns_beyond_the_schema_are_left_out_and_the_order_is_the_schemas():
    readings = (
        one_reading(site=["Lisbon"])
        .select(pl.all().reverse())
        .select("site", "value", "channel", "machine_id", "event_timestamp")
    )
    assert normalise_readings(readings).schema == READINGS


@pytest.mark.parametrize("value", [2, Decimal("2.50"), 2.5])
def test_numbers_of_any_kind_become_floats(value):
    assert normalise_readings(one_reading(value=[value]))["value"].to_list() == [float(value)]


def test_another_time_zone_and_unit_name_the_same_instant():
    local = pl.Series([NOON]).dt.convert_time_zone("America/Sao_Paulo").dt.cast_time_unit("ns")
    normalised = normalise_readings(one_reading(event_timestamp=local))
    assert normalised["event_timestamp"].dtype == TIMESTAMP
    assert normalised["event_timestamp"].to_list() == [NOON]


def test_categorical_ids_become_strings():
    normalised = normalise_readings(one_reading(machine_id=pl.Series(["PUMP-A01"], dtype=pl.Categorical)))
    assert normalised["machine_id"].to_list() == ["PUMP-A01"]


def test_a_null_value_is_kept_as_a_measurement_that_was_not_made():
    assert normalise_readings(one_reading(value=[None]))["value"].to_list() == [None]


def test_an_empty_frame_without_types_is_an_empty_frame_of_readings():
    empty = pl.DataFrame({column: [] for column in READINGS})
    assert normalise_readings(empty).equals(READINGS.to_frame())


@pytest.mark.parametrize("column", list(READINGS))
def test_a_missing_column_is_named_with_the_remedy(column):
    with pytest.raises(MissingColumnError) as raised:
        normalise_readings(one_reading().drop(column))
    assert raised.value.column == column
    assert "rename" in raised.value.hint


@pytest.mark.parametrize(
    ("column", "values", "remedy"),
    [
        ("event_timestamp", [NOON.replace(tzinfo=None)], "replace_time_zone"),
        ("event_timestamp", ["2026-11-21T12:00:00Z"], "to_datetime"),
        ("event_timestamp", [date(2026, 11, 21)], "cast"),
        ("event_timestamp", [1_795_262_400], "from_epoch"),
        ("value", ["2.5"], "cast"),
        ("value", [True], "cast"),
        ("machine_id", [17], "cast"),
        ("channel", [17], "cast"),
    ],
)
def test_a_type_that_needs_guessing_is_refused_with_the_conversion_to_choose(column, values, remedy):
    with pytest.raises(ColumnTypeError, match=column) as raised:
        normalise_readings(one_reading(**{column: values}))
    assert remedy in raised.value.hint


@pytest.mark.parametrize("column", ["machine_id", "channel", "event_timestamp"])
def test_a_null_in_the_identity_is_refused(column):
    readings = pl.concat(
        [one_reading(), one_reading().with_columns(pl.lit(None).alias(column))], how="vertical_relaxed"
    )
    with pytest.raises(ColumnValueError) as raised:
        normalise_readings(readings)
    assert (raised.value.column, raised.value.rows) == (column, 1)


def test_values_that_are_not_finite_are_counted_and_refused():
    readings = pl.concat([one_reading(value=[value]) for value in (float("nan"), float("inf"), 1.0)])
    readings = pl.concat([readings, one_reading(value=[None])], how="vertical_relaxed")
    with pytest.raises(ColumnValueError, match="in 2 rows"):
        normalise_readings(readings)


@pytest.mark.parametrize("other", [one_reading().lazy(), {"machine_id": []}, [1]])
def test_anything_but_a_frame_is_refused_with_the_way_to_one(other):
    with pytest.raises(FrameTypeError) as raised:
        normalise_readings(other)
    assert raised.value.hint


def test_a_failure_log_needs_only_machine_and_moment():
    failures = normalise_failures(pl.DataFrame({"machine_id": ["FAN-B01"], "event_timestamp": [NOON]}))
    assert failures.schema == FAILURES
    assert failures.row(0) == ("FAN-B01", NOON, None, None, None, None)


def test_a_return_to_service_before_the_failure_is_refused():
    failures = pl.DataFrame(
        {
            "machine_id": ["FAN-B01"] * 2,
            "event_timestamp": [NOON] * 2,
            "returned_to_service_at": [NOON + timedelta(hours=1), NOON - timedelta(hours=1)],
        }
    )
    with pytest.raises(ColumnValueError) as raised:
        normalise_failures(failures)
    assert (raised.value.column, raised.value.rows) == ("returned_to_service_at", 1)
