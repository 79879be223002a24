"""A statistic is one row of the registry: what is added there is computed, named, parsed and explained."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mlops_core.features import compute_features, parse_feature_name
from mlops_core.features.statistics import EXTRA_STATISTICS, REGISTRY, STATISTICS, Statistic
from mlops_core.prognosis.reasons import phrase, strongest_reasons
from mlops_core.prognosis.schema import FeatureSchema
from tests.independent_features import readings_of

MIDRANGE = Statistic(
    lambda window: (window.moments.minimum + window.moments.maximum) / 2,
    "{unit}",
    "level",
    "midrange",
    "mean of minimum and maximum",
)


def reason_for(name, value, units):
    schema = FeatureSchema((name,), (2.0,), (0.0,), (9.0,), (1.0,), units)
    [reason] = strongest_reasons(schema, np.array([value], dtype=np.float32), np.array([1.0]), 1.0, most=1)
    return reason.text


def test_a_statistic_that_is_added_is_computed_named_parsed_and_explained(monkeypatch):
    monkeypatch.setitem(REGISTRY, "midrange", MIDRANGE)
    readings = readings_of(("A", "temperature", 0, 10.0), ("A", "temperature", 7, 20.0), ("A", "temperature", 70, 1.0))
    features = compute_features(readings, lengths=("1h",), statistics=("count", "midrange"))
    assert features["temperature_midrange_1h"].to_list() == [15.0, 1.0]
    assert parse_feature_name("temperature_midrange_1h").statistic == "midrange"
    assert phrase("temperature_midrange_90m") == "temperature midrange over 90 min"
    text = reason_for("temperature_midrange_1h", 5.0, {"temperature": "degrees Celsius"})
    assert text.startswith("temperature midrange over 1 h is 5 degrees Celsius, usually 2 degrees Celsius")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vibration_slope_6h", "vibration trend over 6 h is 5 mm/s per h, usually 2 mm/s per h"),
        ("vibration_kurtosis_6h", "vibration kurtosis over 6 h is 5, usually 2"),
        ("vibration_count_6h", "vibration number of readings over 6 h is 5, usually 2"),
        ("vibration_hours_since_last_6h", "vibration time since the last reading over 6 h is 5 h, usually 2 h"),
        ("current_mean_6h", "current mean over 6 h is 5, usually 2"),  # a channel without unit
        ("age_hours", "time in service since the last repair is 5 h, usually 2 h"),
    ],
)
def test_a_reason_states_the_unit_of_its_statistic(name, message):
    assert reason_for(name, 5.0, {"vibration": "mm/s"}).startswith(message)


def test_every_statistic_is_either_default_or_on_request_and_in_one_order():
    assert sorted(STATISTICS + EXTRA_STATISTICS) == sorted(REGISTRY)
    features = compute_features(readings_of(("A", "x", 0, 1.0)), lengths=("1h",), statistics=tuple(REGISTRY))
    assert features.columns[2:] == [f"x_{name}_1h" for name in REGISTRY]


def test_integers_count_and_all_else_is_null_in_an_empty_window():
    features = compute_features(
        readings_of(("A", "x", 0, 1.0), ("A", "x", 200, 1.0)), lengths=("1h",), statistics=tuple(REGISTRY)
    )
    empty = features.row(1, named=True)
    counted = [name for name in REGISTRY if features.schema[f"x_{name}_1h"] == pl.Int64]
    assert counted == ["count"]
    assert {name: empty[f"x_{name}_1h"] for name in REGISTRY} == dict.fromkeys(REGISTRY) | {"count": 0}


def test_a_row_of_the_registry_is_frozen():
    with pytest.raises(AttributeError):
        REGISTRY["mean"].words = "average"
    assert replace(REGISTRY["mean"], words="average").words == "average"
