"""A sensor that was replaced or moved begins anew: what was usual before says nothing after."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlops_core.condition import fit_baseline, train_baseline
from mlops_core.errors import MissingColumnError
from mlops_core.features import REPLACED, FeatureRecipe, add_drift
from mlops_core.telemetry import FAILURES, TIMESTAMP

START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMN = "vibration_mean_2h"


def table(**values):
    rows = [
        (machine, START + timedelta(hours=hour + 1), float(value))
        for machine, series in values.items()
        for hour, value in enumerate(series)
    ]
    return pl.DataFrame(
        rows, schema={"machine_id": pl.String, "window_end": TIMESTAMP, COLUMN: pl.Float64}, orient="row"
    )


def replaced(hour, machine="A", channel="vibration"):
    return pl.DataFrame([(machine, channel, START + timedelta(hours=hour))], schema=REPLACED, orient="row")


# ends     1   2   3   4 | 5   6    7    8    9      replaced at 4: windows of 2 h that end at 5 hold both sensors
#          2   4   3   6 | 9   20   22   21   27     the baseline of two rows is 3 before, and 21 after
SERIES = [2, 4, 3, 6, 9, 20, 22, 21, 27]


def test_drift_counts_from_the_new_sensors_own_beginning():
    found = add_drift(table(A=SERIES, B=SERIES), [COLUMN], rows=2, replaced=replaced(4))
    own = found.filter(pl.col("machine_id") == "A")[f"{COLUMN}_drift"].to_list()
    assert own == [0.0, 1.0, 0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 6.0]
    plain = add_drift(table(B=SERIES), [COLUMN], rows=2)
    assert found.filter(pl.col("machine_id") == "B").equals(plain)


@pytest.mark.parametrize("other", [replaced(4, machine="C"), replaced(4, channel="temperature"), replaced(99)])
def test_other_sensors_keep_their_baselines(other):
    plain = add_drift(table(A=SERIES), [COLUMN], rows=2)
    assert add_drift(table(A=SERIES), [COLUMN], rows=2, replaced=other).equals(plain)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_platform_that_computes_some_hours_at_a_time_computes_the_same(size):
    recipe = FeatureRecipe(channels=("vibration",), lengths=("2h",), drift=(COLUMN,), drift_rows=2)
    rows = table(A=SERIES, B=SERIES[::-1])
    whole = recipe.derive(rows, replaced=replaced(4))
    known, parts = None, []
    for first in range(0, len(SERIES), size):
        ends = [START + timedelta(hours=hour + 1) for hour in range(first, first + size)]
        chunk = rows.filter(pl.col("window_end").is_in(ends))
        known = recipe.beginnings(chunk, known, replaced=replaced(4))
        parts.append(recipe.derive(chunk, beginnings=known, replaced=replaced(4)))
    assert pl.concat(parts).sort("machine_id", "window_end").equals(whole)


def test_a_baseline_takes_the_level_of_the_days_since():
    random = np.random.default_rng(3)
    series = {name: 5 + random.normal(0, 0.1, 24 * 30) for name in ("A", "B", "C")}
    series["A"][24 * 15 :] += 7
    features = table(**series)
    baseline = fit_baseline(features, replaced=replaced(24 * 15))
    [level] = np.exp(baseline.level_of("A"))
    assert level == pytest.approx(12, abs=0.1)
    [other] = np.exp(baseline.level_of("B"))
    assert other == pytest.approx(5, abs=0.1)
    unknown = fit_baseline(features, replaced=replaced(24 * 30))
    assert np.isnan(unknown.level_of("A")).all()


def test_the_baseline_that_serves_says_nothing_of_a_sensor_until_it_has_learned_a_day_of_it():
    random = np.random.default_rng(4)
    series = {name: 5 + random.normal(0, 0.1, 24 * 60) for name in ("A", "B", "C")}
    series["A"][24 * 50 :] += 7
    features, moved = table(**series), replaced(24 * 50)
    at = moved["replaced_at"][0]

    def trained(until_hour, sensors):
        known = features.filter(pl.col("window_end") <= START + timedelta(hours=until_hour))
        none = pl.DataFrame(schema=FAILURES)
        return train_baseline(known, failures=none, episodes_per_machine_month=1, replaced=sensors).baseline

    old = trained(24 * 49, None)
    assert np.exp(old.level_of("A")) == pytest.approx(5, abs=0.2)
    assert np.isnan(old.for_sensors({"A": {"vibration": at}}).level_of("A")).all()
    assert np.isfinite(old.for_sensors({"A": {"temperature": at}, "D": {"vibration": at}}).level_of("A")).all()
    for hours, is_known in ((10, False), (48, True)):  # how much of it the training saw
        new = trained(24 * 50 + hours, moved).for_sensors({"A": {"vibration": at}})
        assert np.isfinite(new.level_of("A")).all() == is_known
        assert np.exp(new.level_of("B")) == pytest.approx(5, abs=0.2)
    assert np.exp(new.level_of("A")) == pytest.approx(12, abs=0.2)
    again = at + timedelta(hours=1)
    assert np.isnan(new.for_sensors({"A": {"vibration": again}}).level_of("A")).all()


def test_a_frame_that_is_none_is_refused():
    with pytest.raises(MissingColumnError, match="replaced_at"):
        add_drift(table(A=SERIES), [COLUMN], replaced=replaced(4).drop("replaced_at"))
