"""Counts of readings depend on how often a machine is sampled; models take the share of expected readings instead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlops_core.features import compute_features, parse_feature_name
from mlops_core.prognosis.coverage import as_shares, sampled_counts
from mlops_core.prognosis.schema import FeatureSchema
from mlops_core.prognosis.training_table import matrix_of
from mlops_core.telemetry import READINGS

START = datetime(2026, 1, 31, tzinfo=UTC)


def features(minutes: int, *, hours: int = 48, missing: int = 0) -> pl.DataFrame:
    """A machine that is sampled every few minutes, with an event a day; `missing` of its last hours stay silent."""
    moments = [START + timedelta(minutes=at) for at in range(0, (hours - missing) * 60, minutes)]
    rows = [("A", "temperature", at, float(at.minute)) for at in moments]
    rows += [("A", "error", START + timedelta(hours=hour), 1.0) for hour in range(0, hours, 24)]
    readings = pl.DataFrame(rows, schema=READINGS, orient="row")
    end = START + timedelta(hours=hours)
    return compute_features(readings, lengths=["1h", "24h"], statistics=["count", "mean"], end=end)


def schema_of(frame: pl.DataFrame) -> FeatureSchema:
    names = tuple(frame.columns[2:])
    matrix = matrix_of(frame, names)
    shares = sampled_counts(names, matrix)
    seen = as_shares(names, matrix, shares)
    low, high = np.fmin.reduce(seen), np.fmax.reduce(seen)
    none = (None,) * len(names)
    return FeatureSchema(names, none, tuple(low.tolist()), tuple(high.tolist()), none, {}, shares)


def unusual(schema: FeatureSchema, frame: pl.DataFrame) -> list[list[str]]:
    return schema.unusual(schema.given(matrix_of(frame, schema.names)))


def test_counts_of_sampled_channels_are_shares_and_those_of_events_stay_counts() -> None:
    assert schema_of(features(10)).shares == ("temperature_count_1h", "temperature_count_24h")


@pytest.mark.parametrize("minutes", [1, 2, 7, 10, 20])
def test_another_sampling_interval_makes_no_row_unusual(minutes: int) -> None:
    found = unusual(schema_of(features(10)), features(minutes))
    assert [[name for name in row if "_count_" in name] for row in found] == [[]] * 48


def test_half_a_window_that_stays_silent_is_unusual_whatever_the_interval() -> None:
    for minutes in (1, 10):
        assert "temperature_count_1h" in unusual(schema_of(features(10)), features(minutes, missing=3))[-1]


def test_a_model_of_before_goes_by_its_counts() -> None:
    schema = replace(schema_of(features(10)), shares=())
    matrix = matrix_of(features(1), schema.names)
    assert schema.given(matrix) is matrix


def test_where_nothing_is_expected_there_is_no_share() -> None:
    names = ("x_count_1h", "x_count_24h")
    matrix = np.array([[0, 0], [0, 24], [2, 24], [1, 1]], dtype=np.float32)
    shares = as_shares(names, matrix, names)
    assert np.array_equal(shares, np.array([[np.nan, np.nan], [0, 1], [2, 1], [24, 1]]), equal_nan=True)


def test_windows_of_a_second_have_names_words_and_values() -> None:
    rows = [("RIG", "force", START + timedelta(seconds=at / 10), at % 10.0) for at in range(300)]
    frame = compute_features(
        pl.DataFrame(rows, schema=READINGS, orient="row"),
        lengths=["1s", "10s", "1m"],
        hop="1s",
        statistics=["count", "max"],
    )
    assert frame.height == 30
    assert frame.row(-1, named=True) | {"machine_id": "RIG"} == {
        "machine_id": "RIG", "window_end": START + timedelta(seconds=30),
        "force_count_1s": 10, "force_max_1s": 9.0, "force_count_10s": 100, "force_max_10s": 9.0,
        "force_count_1m": 300, "force_max_1m": 9.0,
    }  # fmt: skip
    parts = parse_feature_name("force_count_10s")
    assert (parts.length, parts.length_name) == ("10 s", "10s")
