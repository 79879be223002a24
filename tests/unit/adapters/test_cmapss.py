"""NASA's turbofan simulations, from files in their format and from the real ones."""

import gzip
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from benchmarks.trajectories import measure_realism
from mlops_core.adapters.cmapss import CMAPSS_CHANNELS, read_cmapss
from mlops_core.adapters.source_files import SourceFileError, SourceFormatError
from mlops_core.prognosis import label_features
from mlops_core.telemetry import FAILURES, READINGS
from tests.unit.adapters.real_data import real_data

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def line(unit: int, cycle: int) -> str:
    values = [-0.0007, 0.0003, 100.0, *(500 + sensor + cycle / 10 for sensor in range(21))]
    return " ".join(str(number) for number in (unit, cycle, *values)) + "  "


@pytest.fixture
def folder(tmp_path):
    lines = [line(1, cycle) for cycle in (1, 2, 3)] + [line(2, cycle) for cycle in (1, 2)]
    (tmp_path / "train_FD001.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "test_FD002.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (tmp_path / "RUL_FD002.txt").write_text("112 \n98 \n")
    return tmp_path


def test_cycle_n_is_n_hours_after_the_origin(folder):
    readings = read_cmapss(folder).readings
    assert readings.schema == READINGS
    assert set(readings["channel"]) == set(CMAPSS_CHANNELS)
    second = readings.filter(machine_id="FD001-train-001", channel="sensor_3")
    assert second["event_timestamp"].to_list() == [ORIGIN + n * HOUR for n in (1, 2, 3)]
    assert second["value"].to_list() == pytest.approx([502.1, 502.2, 502.3])
    assert readings.filter(channel="setting_1")["value"].unique().to_list() == [-0.0007]


def test_a_feature_row_over_the_last_cycle_has_no_hours_left(folder):
    failures = read_cmapss(folder).failures
    assert failures.schema == FAILURES
    rows = pl.DataFrame({"machine_id": "FD001-train-001", "window_end": [ORIGIN + n * HOUR for n in (2, 3, 4)]})
    features = rows.cast({"window_end": pl.Datetime("us", "UTC")})
    assert label_features(features, failures)["rul_hours"].to_list() == [2, 1, 0]


def test_test_engines_are_censored_and_their_lives_are_told_apart(folder):
    engines = read_cmapss(folder, "FD002", part="test")
    assert engines.failures.schema == FAILURES
    assert engines.failures.is_empty()
    assert engines.lives["last_cycle"].to_list() == [3, 2]
    assert engines.lives["rul_cycles"].to_list() == [112, 98]
    assert engines.lives["failure_at"][0] == ORIGIN + (3 + 112 + 1) * HOUR


def test_without_its_file_the_remaining_life_is_null(folder):
    (folder / "RUL_FD002.txt").unlink()
    assert read_cmapss(folder, "FD002", part="test").lives["rul_cycles"].to_list() == [None, None]


def test_a_missing_file_is_named_with_where_to_get_it(folder):
    with pytest.raises(SourceFileError, match=r"no train_FD004.txt.*NASA"):
        read_cmapss(folder, "FD004")


def test_a_file_of_another_shape_is_refused(folder):
    (folder / "train_FD003.txt").write_text("1 1 0.5\n")
    with pytest.raises(SourceFormatError, match="3 columns, not 26"):
        read_cmapss(folder, "FD003")
    (folder / "RUL_FD002.txt").write_text("112 \n")
    with pytest.raises(SourceFormatError, match="1 lines for 2 engines"):
        read_cmapss(folder, "FD002", part="test")


def test_the_real_sets_have_their_published_sizes():
    folder = real_data("cmapss")
    for subset, engines, rows in [
        ("FD001", 100, 20631),
        ("FD002", 260, 53759),
        ("FD003", 100, 24720),
        ("FD004", 249, 61249),
    ]:
        read = read_cmapss(folder, subset)
        assert read.failures.height == engines
        assert read.readings.height == rows * 24
    test = read_cmapss(folder, "FD001", part="test")
    assert test.lives["rul_cycles"][0] == 112
    assert test.readings.height == 13096 * 24


def test_the_measures_of_realism_give_the_real_set_s_known_figures():
    """FD001's best sensors, means over 20 cycles: 0.94-0.97, 0.94-0.97, 0.92-0.93, CV 0.22."""
    engines = read_cmapss(real_data("cmapss"))
    best = engines.readings.filter(pl.col("channel").is_in(["sensor_4", "sensor_11", "sensor_15"]))
    measured = measure_realism(best, engines.failures, smoothing="20h")
    assert measured["monotonicity"].is_between(0.94, 0.975).all()
    assert measured["trendability"].is_between(0.935, 0.975).all()
    assert measured["prognosability"].is_between(0.915, 0.935).all()
    assert measured["lifetime_variation"][0] == pytest.approx(0.225, abs=0.002)
