"""Grades: each fault of a sensor is found in a series that has it and in none beside it."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.telemetry import GRADES, READINGS, Channel, channel_registry, grade_sensors

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = 600


def sound(machine_id: str = "A", channel: str = "temperature") -> pl.DataFrame:
    """Ten hours, one reading a minute, noise about 60."""
    noise = pl.Series([(minute * 7919 % 997) / 997 for minute in range(MINUTES)])
    return pl.DataFrame(
        {
            "machine_id": machine_id,
            "channel": channel,
            "event_timestamp": [START + timedelta(minutes=minute) for minute in range(MINUTES)],
            "value": 60 + noise,
        },
        schema=READINGS,
    )


NUMBER = pl.int_range(pl.len())
FAULTS = {
    "NOT_MEASURED": lambda rows: rows.with_columns(value=pl.when(NUMBER % 10 > 0).then("value")),
    "CONFLICTING": lambda rows: pl.concat([rows, rows.head(3).with_columns(pl.col("value") + 0.5)]),
    "OUT_OF_RANGE": lambda rows: rows.with_columns(value=pl.when(NUMBER == 300).then(1254.005).otherwise("value")),
    "MISSING": lambda rows: rows.filter(NUMBER % 10 > 0),
    "GAPS": lambda rows: rows.filter((NUMBER < 300) | (NUMBER > 306)),
    "IRREGULAR": lambda rows: rows.with_columns(pl.col("event_timestamp") + pl.duration(seconds=25 * (NUMBER % 3))),
    "STUCK": lambda rows: rows.with_columns(value=pl.when(NUMBER.is_between(200, 230)).then(60.5).otherwise("value")),
    "DRIFT": lambda rows: rows.with_columns(pl.col("value") + NUMBER / 100),
    "REGIMES": lambda rows: rows.with_columns(pl.col("value") - 40 * (NUMBER % 2)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_where_it_is_and_nowhere_else(fault: str):
    graded = grade_sensors(pl.concat([FAULTS[fault](sound("A")), sound("B")]).sample(fraction=1, shuffle=True, seed=7))
    assert graded.schema == GRADES
    faulty, beside = graded.iter_rows(named=True)
    assert faulty["findings"] == [fault]
    assert faulty["grade"] == ("GOOD" if fault == "REGIMES" else "POOR")
    assert (beside["grade"], beside["findings"]) == ("GOOD", [])
    assert (beside["readings"], beside["interval_seconds"], beside["regimes"]) == (MINUTES, 60.0, 1)


def test_what_is_counted_is_counted_in_readings():
    rows = pl.concat([sound(), sound().head(5), sound().head(2).with_columns(value=None)])
    (graded,) = grade_sensors(rows).iter_rows(named=True)
    assert (graded["readings"], graded["repeated"], graded["conflicting"]) == (MINUTES, 7, 0)
    (halved,) = grade_sensors(sound().filter(NUMBER % 2 == 0, NUMBER != 300)).iter_rows(named=True)
    assert (halved["interval_seconds"], halved["longest_gap_hours"]) == (120.0, pytest.approx(240 / 3600))


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        (sound().with_columns(value=pl.lit(60.0)), "CONSTANT"),
        (sound().head(20), "FEW"),
        (sound().with_columns(value=pl.when(NUMBER < 300).then(60.0).otherwise("value")), "STUCK"),
        (sound().with_columns(value=pl.when(NUMBER % 2 == 0).then("value")), "NOT_MEASURED"),
        (sound().filter((NUMBER < 100) | (NUMBER > 400)), "GAPS"),
        (sound().with_columns(value=pl.lit(None, pl.Float64)), "FEW"),
    ],
)
def test_what_nobody_should_learn_from_is_unusable(rows: pl.DataFrame, finding: str):
    (graded,) = grade_sensors(rows).iter_rows(named=True)
    assert graded["grade"] == "UNUSABLE"
    assert finding in graded["findings"]


def test_any_channel_is_graded_and_one_without_a_range_has_nothing_out_of_it():
    rows = sound(channel="pressure")
    assert grade_sensors(rows)["out_of_range"].to_list() == [None]
    own = channel_registry(Channel(name="pressure", unit="bar", minimum=0, maximum=60.5))
    assert grade_sensors(rows, channels=own)["out_of_range"].item() > 0


def test_operating_modes_are_counted():
    rows = sound().with_columns(pl.col("value") - 20 * (NUMBER % 3))
    assert grade_sensors(rows)["regimes"].to_list() == [3]


def test_no_readings_have_no_grades():
    assert grade_sensors(pl.DataFrame(schema=READINGS)).schema == GRADES
