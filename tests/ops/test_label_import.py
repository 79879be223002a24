"""``mlops import --failures`` and ``--maintenance``: a log in bulk, the same again changes nothing."""

import threading
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from handlers.stores import LabelEntry
from tests.ops.conftest import Deployed

LOG = """asset,failed at,cause,back
P1,2026-01-31T06:00:00Z,bearing,2026-02-01T06:00:00Z
P2,2026-02-03T06:00:00Z,seal,
P2,2026-02-03T06:00:00Z,seal,
P3,soon,seal,
P1,1970-01-01T00:00:00Z,bearing,
"""
COLUMNS = ("--time-column", "failed at", "--return-column", "back", "--code-column", "cause")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "failures.csv"
    file.write_text(LOG)
    return file


def entries(deployed: Deployed) -> list[LabelEntry]:
    return sorted(deployed.stack.label_history.entries(), key=lambda entry: entry.machine_id)


def test_failures_are_recorded_with_their_codes_and_the_rest_is_told(deployed: Deployed, log: Path) -> None:
    report = deployed.json("import", "--failures", str(log), *COLUMNS)
    assert [(e.machine_id, str(e.kind), e.event_code, e.ran_again_at is not None) for e in entries(deployed)] == [
        ("P1", "failure", "bearing", True),
        ("P2", "failure", "seal", False),
    ]
    assert {name: report[name] for name in ("rows", "records", "recorded", "repeated", "rejected")} == {
        "rows": 5, "records": 2, "recorded": 2, "repeated": 1, "rejected": {"BAD_TIMESTAMP": 1, "TOO_LATE": 1},
    }  # fmt: skip


def test_the_same_log_again_changes_nothing(deployed: Deployed, log: Path) -> None:
    deployed.json("import", "--failures", str(log), *COLUMNS)
    before = entries(deployed)
    again = deployed.json("import", "--failures", str(log), *COLUMNS)
    assert (again["recorded"], again["known"], again["conflicts"]) == (0, 2, [])
    assert entries(deployed) == before


def test_what_contradicts_a_record_stands_until_it_is_corrected(deployed: Deployed, log: Path) -> None:
    deployed.json("import", "--failures", str(log), *COLUMNS)
    log.write_text(LOG.replace("P1,2026-01-31T06:00:00Z,bearing", "P1,2026-01-31T06:00:00Z,shaft"))
    report = deployed.json("import", "--failures", str(log), *COLUMNS)
    assert (report["known"], len(report["conflicts"])) == (1, 1)
    assert entries(deployed)[0].event_code == "bearing"
    deployed.json("import", "--failures", str(log), *COLUMNS, "--correct")
    assert entries(deployed)[0].event_code == "shaft"


def test_repairs_are_recorded_in_bulk(deployed: Deployed, log: Path) -> None:
    report = deployed.json("import", "--maintenance", str(log), *COLUMNS)
    assert (report["kind"], report["recorded"]) == ("repair", 2)
    assert {str(entry.kind) for entry in entries(deployed)} == {"repair"}


def test_records_that_are_written_side_by_side_share_a_client_made_before_them(
    deployed: Deployed, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: list[threading.Thread] = []
    make = cast("Any", boto3.Session).client

    def noted(session: boto3.Session, service: str, **options: object) -> object:
        makers.append(threading.current_thread())
        return make(session, service, **options)

    monkeypatch.setattr(boto3.Session, "client", noted)
    deployed.json("import", "--failures", str(log), *COLUMNS)
    assert set(makers) == {threading.current_thread()}


def test_a_dry_run_records_nothing(deployed: Deployed, log: Path) -> None:
    report = deployed.json("import", "--failures", str(log), *COLUMNS, "--dry-run")
    assert report["records"] == 2
    assert entries(deployed) == []


def test_one_file_at_a_time(deployed: Deployed, log: Path) -> None:
    assert "One file is imported at a time" in deployed.refused("import", str(log), "--failures", str(log))
