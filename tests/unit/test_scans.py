"""A scan of Parquet gives what its frame gives, some machines at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import mlops_core as mc
from mlops_core.errors import MissingColumnError
from mlops_core.telemetry import machine_batches

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history() -> mc.SimulatedHistory:
    ids = [f"P-{number}" for number in range(5)]
    return mc.simulate_fleet(ids, start=START, end=START + timedelta(days=20), interval="1h", seed=7)


def test_a_scan_gives_the_features_grades_and_labels_of_its_frame(
    tmp_path: Path, history: mc.SimulatedHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_core.telemetry.scans.ROWS_AT_A_TIME", 1000)
    file = tmp_path / "readings.parquet"
    shuffled = history.readings.sample(fraction=1.0, shuffle=True, seed=1)
    shuffled.write_parquet(file, row_group_size=500)
    scan = pl.scan_parquet(file)
    features = mc.compute_features(history.readings, lengths=["6h"])
    assert mc.compute_features(scan, lengths=["6h"]).equals(features)
    of_one = history.readings.filter((pl.col("machine_id") == "P-2") | (pl.col("channel") == "temperature"))
    assert mc.compute_features(of_one.lazy()).equals(mc.compute_features(of_one))
    assert mc.grade_sensors(scan).equals(mc.grade_sensors(history.readings))
    labelled = mc.label_features(features, history.failures)
    assert mc.label_features(features.lazy(), history.failures).equals(labelled)


def test_a_batch_holds_whole_machines_and_ends_with_the_one_that_fills_it(history: mc.SimulatedHistory) -> None:
    rows = int(str(history.readings.group_by("machine_id").len()["len"].max()))
    batches = list(machine_batches(history.readings.lazy(), rows))
    assert len(batches) > 1
    assert all(batch.height < 2 * rows for batch in batches)
    ids = [set(batch["machine_id"]) for batch in batches]
    assert sum(map(len, ids)) == len(set().union(*ids)) == 5
    assert sum(batch.height for batch in batches) == history.readings.height


def test_an_empty_scan_gives_no_rows(history: mc.SimulatedHistory) -> None:
    nothing = history.readings.head(0)
    assert mc.compute_features(nothing.lazy()).equals(mc.compute_features(nothing))


def test_a_scan_without_machines_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="machine_id"):
        mc.grade_sensors(pl.LazyFrame({"x": [1]}))


def test_categories_of_machines_are_labelled_as_their_text(history: mc.SimulatedHistory) -> None:
    features = mc.compute_features(history.readings, lengths=["6h"])
    categories = features.with_columns(pl.col("machine_id").cast(pl.Categorical))
    assert mc.label_features(categories, history.failures).equals(mc.label_features(features, history.failures))


def sentinels(channel: str) -> pl.DataFrame:
    times = [START + timedelta(minutes=minute) for minute in range(60)]
    values = [60.0] * 50 + [1254.005] * 10
    rows = [("P", channel, at, value) for at, value in zip(times, values, strict=True)]
    return pl.DataFrame(rows, schema=["machine_id", "channel", "event_timestamp", "value"], orient="row").with_columns(
        pl.col("event_timestamp").cast(pl.Datetime("us", "UTC"))
    )


def test_a_sentinel_counts_as_not_measured_and_is_told_in_features_of_either_kind() -> None:
    with pytest.warns(mc.ImplausibleValuesWarning, match="temperature 10"):
        features = mc.compute_features(sentinels("temperature"), lengths=["1h"])
    assert features.select("temperature_count_1h", "temperature_max_1h").row(0) == (50, 60.0)
    recipe = mc.FeatureRecipe(lengths=("1h",))
    with pytest.warns(mc.ImplausibleValuesWarning, match="temperature 10"):
        assert recipe.compute(sentinels("temperature"))["temperature_max_1h"].to_list() == [60.0]


def test_a_channel_without_a_range_keeps_its_values() -> None:
    assert mc.compute_features(sentinels("steam"), lengths=["1h"])["steam_max_1h"].to_list() == [1254.005]
    kept = mc.compute_features(sentinels("temperature"), lengths=["1h"], channels={})
    assert kept["temperature_max_1h"].to_list() == [1254.005]
