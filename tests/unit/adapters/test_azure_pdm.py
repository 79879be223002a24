"""Microsoft's predictive-maintenance CSVs, from files in their format."""

from datetime import UTC, datetime

import pytest

from mlops_core.adapters.azure_pdm import read_azure_pdm
from mlops_core.adapters.source_files import SourceFileError, SourceFormatError
from mlops_core.telemetry import FAILURES, MAINTENANCE, READINGS

FILES = {
    "telemetry": "datetime,machineID,volt,rotate,pressure,vibration\n"
    "2015-01-01 06:00:00,1,176.2,418.5,113.1,45.1\n2015-01-01 07:00:00,1,162.9,402.7,95.5,43.4\n"
    "2015-01-01 06:00:00,12,170.0,450.0,100.0,40.0\n",
    "failures": "datetime,machineID,failure\n2015-01-05 06:00:00,1,comp4\n2015-01-05 06:00:00,1,comp1\n",
    "maint": "datetime,machineID,comp\n2014-06-01 06:00:00,1,comp2\n2015-01-05 06:00:00,1,comp4\n"
    "2015-01-05 06:00:00,1,comp1\n2015-01-05 06:00:00,1,comp3\n",
    "errors": "datetime,machineID,errorID\n2015-01-03 07:00:00,1,error1\n",
    "machines": "machineID,model,age\n1,model3,18\n12,model1,7\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / f"PdM_{name}.csv").write_text(text)
    return tmp_path


def test_telemetry_becomes_readings(folder):
    readings = read_azure_pdm(folder).readings
    assert readings.schema == READINGS
    assert readings.height == 3 * 4
    volt = readings.filter(machine_id="machine-001", channel="volt")
    assert volt["value"].to_list() == [176.2, 162.9]
    assert volt["event_timestamp"][0] == datetime(2015, 1, 1, 6, tzinfo=UTC)
    assert "machine-012" in readings["machine_id"]


def test_components_that_fail_together_are_one_failure(folder):
    failures = read_azure_pdm(folder).failures
    assert failures.schema == FAILURES
    assert failures.select("machine_id", "event_code").rows() == [("machine-001", "comp1+comp4")]
    assert failures["returned_to_service_at"].equals(failures["event_timestamp"])


def test_replacements_that_no_failure_caused_are_maintenance(folder):
    maintenance = read_azure_pdm(folder).maintenance
    assert maintenance.drop("component").schema == MAINTENANCE
    assert maintenance.select("event_timestamp", "component").rows() == [
        (datetime(2014, 6, 1, 6, tzinfo=UTC), "comp2"),
        (datetime(2015, 1, 5, 6, tzinfo=UTC), "comp3"),
    ]


def test_errors_and_machines_come_along(folder):
    read = read_azure_pdm(folder)
    assert read.errors.rows() == [("machine-001", datetime(2015, 1, 3, 7, tzinfo=UTC), "error1")]
    assert read.machines.rows() == [("machine-001", "model3", 18.0), ("machine-012", "model1", 7.0)]


def test_older_copies_with_american_times_and_plain_names_are_read(tmp_path):
    for name, text in FILES.items():
        american = text.replace("2015-01-05 06:00:00", "1/5/2015 6:00:00 AM")
        (tmp_path / f"{name}.csv").write_text(american)
    assert read_azure_pdm(tmp_path).failures["event_timestamp"][0] == datetime(2015, 1, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "problem"),
    [
        ("datetime,machineID,failure\nyesterday,1,comp4\n", "time of another format: 'yesterday'"),
        ("datetime,machine\n", "lacks machineID, failure"),
    ],
)
def test_what_cannot_be_read_is_named(folder, failures, problem):
    (folder / "PdM_failures.csv").write_text(failures)
    with pytest.raises(SourceFormatError, match=problem):
        read_azure_pdm(folder)


def test_a_missing_file_is_named_in_both_spellings(folder):
    (folder / "PdM_maint.csv").unlink()
    with pytest.raises(SourceFileError, match=r"PdM_maint.csv or maint.csv"):
        read_azure_pdm(folder)
