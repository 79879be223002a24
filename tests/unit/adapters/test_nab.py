"""NAB's machine temperature, from files in its format and from the real ones."""

import json
from datetime import UTC, datetime

import pytest

from mlops_core.adapters.nab import FILE, read_nab
from mlops_core.adapters.source_files import SourceFileError, SourceFormatError
from mlops_core.telemetry import FAILURES, READINGS
from tests.unit.adapters.real_data import real_data


@pytest.fixture
def folder(tmp_path):
    rows = ["2013-12-02 21:15:00,73.9", "2013-12-02 21:20:00,74.5", "2013-12-02 21:15:00,75.0"]
    (tmp_path / FILE).write_text("\n".join(["timestamp,value", *rows]) + "\n")
    windows = [
        ["2014-02-07 14:55:00.000000", "2014-02-09 14:05:00.000000"],
        ["2013-12-10 06:25:00.000000", "2013-12-12 05:35:00.000000"],
    ]
    (tmp_path / "combined_windows.json").write_text(json.dumps({"a/other.csv": [], f"realKnownCause/{FILE}": windows}))
    return tmp_path


def test_every_row_is_a_reading_even_where_the_clock_was_set_back(folder):
    readings = read_nab(folder, machine_id="M1").readings
    assert readings.schema == READINGS
    assert readings["value"].to_list() == [73.9, 74.5, 75.0]
    assert readings["event_timestamp"][2] == datetime(2013, 12, 2, 21, 15, tzinfo=UTC)
    assert readings["machine_id"].unique().to_list() == ["M1"]


def test_the_failure_is_the_centre_of_the_last_window(folder):
    history = read_nab(folder)
    assert history.failures.schema == FAILURES
    assert history.failures["event_timestamp"].to_list() == [datetime(2014, 2, 8, 14, 30, tzinfo=UTC)]
    assert history.anomalies["began_at"].is_sorted()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("combined_windows.json", "{}", "labels no machine_temperature"),
        (FILE, "when,what\n1,2\n", "columns when, what"),
    ],
)
def test_files_of_another_content_are_refused_with_what_they_lack(folder, name, content, problem):
    (folder / name).write_text(content)
    with pytest.raises(SourceFormatError, match=problem):
        read_nab(folder)


def test_a_missing_file_is_named(folder):
    (folder / FILE).unlink()
    with pytest.raises(SourceFileError, match=r"machine_temperature.*Numenta"):
        read_nab(folder)


def test_the_real_history_has_its_published_size_and_its_clock_jump():
    history = read_nab(real_data("nab"))
    assert history.readings.height == 22_695
    assert history.anomalies.height == 4
    steps = history.readings["event_timestamp"].diff().drop_nulls().dt.total_minutes()
    assert sorted(steps.unique()) == [-55, 5]
