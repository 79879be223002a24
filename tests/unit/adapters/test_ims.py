"""IMS bearings, from snapshots in their format and from a table made of the real ones."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlops_core.adapters.ims import ims_snapshots, read_ims
from mlops_core.adapters.source_files import SourceFileError, SourceFormatError
from mlops_core.telemetry import FAILURES, READINGS
from tests.unit.adapters.real_data import real_data

AT = datetime(2004, 2, 12, 10, 32, 39, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(1)
    for number in range(5):
        level = 0.001 if number == 4 else 0.1 * (number + 1)  # the rig stands still at the end
        name = (AT + timedelta(minutes=10 * number)).strftime("%Y.%m.%d.%H.%M.%S")
        lines = ["\t".join(f"{value:.4f}" for value in row) for row in level * generator.standard_normal((256, 4))]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    (tmp_path / "readme.txt").write_text("not a snapshot")
    return tmp_path


def test_snapshots_come_in_order_with_all_accelerometers(folder):
    snapshots = list(ims_snapshots(folder))
    assert [snapshot.at for snapshot in snapshots] == [AT + timedelta(minutes=10 * n) for n in range(5)]
    assert snapshots[0].samples.shape == (256, 4)


def test_each_bearing_is_a_machine_and_each_feature_a_channel(folder):
    readings = read_ims(folder).readings
    assert readings.schema == READINGS
    assert readings["machine_id"].unique().sort().to_list() == ["T2_B1", "T2_B2", "T2_B3", "T2_B4"]
    found = dict(readings.filter(machine_id="T2_B3", event_timestamp=AT).select("channel", "value").rows())
    samples = next(ims_snapshots(folder)).samples[:, 2]
    assert found["rms"] == pytest.approx(np.sqrt(np.mean(samples**2)))
    assert found["crest"] == pytest.approx(np.abs(samples).max() / np.sqrt(np.mean(samples**2)))
    centred = samples - samples.mean()
    assert found["kurt"] == pytest.approx(np.mean(centred**4) / np.mean(centred**2) ** 2)


def test_the_failure_is_when_the_rig_stopped(folder):
    failures = read_ims(folder).failures
    assert failures.schema == FAILURES
    assert failures.select("machine_id", "event_timestamp", "event_code").rows() == [
        ("T2_B1", AT + timedelta(minutes=40), "OUTER_RACE")
    ]


def test_the_first_of_two_accelerometers_counts(tmp_path):
    (tmp_path / "2003.10.22.12.06.24").write_text("\n".join("\t".join(["1", "9"] * 4) for _ in range(8)))
    readings = read_ims(tmp_path, test=1).readings
    assert readings.filter(channel="rms")["value"].to_list() == [1, 1, 1, 1]
    assert read_ims(tmp_path, test=1).failures["event_code"].to_list() == ["INNER_RACE", "ROLLING_ELEMENT"]


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(SourceFileError, match=r"2004.02.12.10.32.39.*NASA"):
        read_ims(tmp_path)
    pl.DataFrame({"timestamp": [AT], "value": [1.0]}).write_parquet(tmp_path / "ims_test2_features.parquet")
    with pytest.raises(SourceFormatError, match="timestamp, bearing and rms are needed"):
        read_ims(tmp_path)


def test_the_real_test_ends_ten_minutes_before_its_last_snapshot():
    bearings = read_ims(real_data("ims"))
    assert bearings.readings.filter(channel="rms").height == 4 * 984
    assert bearings.failures["event_timestamp"].to_list() == [datetime(2004, 2, 19, 6, 12, 39, tzinfo=UTC)]
