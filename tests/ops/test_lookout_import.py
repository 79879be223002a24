"""``mlops import --format lookout``: a dataset of Amazon Lookout for Equipment in two commands."""

from pathlib import Path

import pytest

from tests.ops.conftest import Deployed

COLUMNS = "Timestamp,Temperature,Oil pressure"
ROWS = "".join(f"2026-01-31 0{hour}:00:00,{20 + hour},{2 + hour / 10}\n" for hour in range(6))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    (folder / "PUMP-A01").mkdir(parents=True)
    (folder / "PUMP-A01" / "january.csv").write_text(f"{COLUMNS}\n{ROWS}")
    (folder / "labels.csv").write_text("2026-01-31T02:00:00,2026-01-31T03:00:00\n")
    return folder


def test_a_dry_run_says_what_to_configure_and_sends_nothing(deployed: Deployed, dataset: Path) -> None:
    report = deployed.json("import", str(dataset), "--format", "lookout", "--dry-run")
    assert report["unconfigured"] == ["- {name: oil_pressure, unit: ?, minimum: 1, maximum: 4}"]
    assert (report["readings"], report["labels"], report["series"][0]["machine_id"]) == (6, 1, "PUMP-A01")
    assert deployed.live.messages == []


def test_readings_and_labels_go_in_and_the_same_again_changes_nothing(deployed: Deployed, dataset: Path) -> None:
    report = deployed.json("import", str(dataset), "--format", "lookout", "--via", "bulk", "--process")
    assert (report["sent"], report["in_lake"], report["recorded"]) == (6, 6, 1)
    entries = deployed.stack.label_history.entries()
    assert [(entry.machine_id, entry.ran_again_at is not None) for entry in entries] == [("PUMP-A01", True)]
    again = deployed.json("import", str(dataset), "--format", "lookout", "--via", "bulk")
    assert (again["sent"], again["recorded"], again["known"]) == (0, 0, 1)


def test_a_folder_is_read_only_where_its_format_is_said(deployed: Deployed, dataset: Path) -> None:
    for arguments in ([str(dataset)], [str(dataset / "labels.csv"), "--format", "lookout"]):
        assert "folder" in deployed.refused("import", *arguments)
