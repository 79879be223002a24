"""``mlops import --events``: a log in bulk, kept as ingestion keeps what machines publish."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from handlers.stores import DataLake, EventHistory
from mlops_core.features import FeatureRecipe
from mlops_core.lake import EVENTS_PREFIX, decode_events
from mlops_core.telemetry import EVENTS
from ops import delivery
from tests.ops.conftest import Deployed

LOG = """machine,at,kind,code
P1,2026-01-31T06:00:00Z,error,E17
P1,2026-01-31T06:00:00Z,error,E17
P1,2026-01-31T07:30:00Z,operator,door
P2,2026-02-03T06:00:00Z,error,E2
P2,2026-02-03T07:00:00Z,failure,seal
P3,soon,error,E2
"""
COLUMNS = ("--time-column", "at")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "events.csv"
    file.write_text(LOG)
    return file


def stored(deployed: Deployed) -> dict[str, bytes]:
    lake = deployed.stack.lake
    return {key: lake.read(key) for key in lake.versions(EVENTS_PREFIX)}


def counted(deployed: Deployed) -> list[tuple[object, ...]]:
    """What features count, by the way of a training."""
    recipe = FeatureRecipe(channels=("temperature",), lengths=("1h",), hop="1h", events=("error", "operator"))
    history = EventHistory(deployed.stack.lake, recipe, deployed.stack.label_history)
    history.take_in_all()
    return history.for_windows(datetime(2026, 1, 1, tzinfo=UTC)).sort(EVENTS.names()).rows()


def test_events_are_kept_as_those_of_messages_and_counted_once(deployed: Deployed, log: Path) -> None:
    report = deployed.json("import", "--events", str(log), *COLUMNS)
    assert {name: report[name] for name in ("rows", "events", "sent", "recorded", "repeated", "rejected")} == {
        "rows": 6, "events": 4, "sent": 3, "recorded": 1, "repeated": 1, "rejected": {"BAD_TIMESTAMP": 1},
    }  # fmt: skip
    assert [(each["kind"], each["events"], each["codes"]) for each in report["kinds"]] == [
        ("error", 2, 2), ("failure", 1, 1), ("operator", 1, 1),
    ]  # fmt: skip
    assert report["not_counted"] == ["error", "operator"]
    assert decode_events(list(stored(deployed).values())).height == 3
    assert [row[0::2] for row in counted(deployed)] == [("P1", "error"), ("P1", "operator"), ("P2", "error")]


def test_the_same_log_again_changes_nothing_and_a_lost_journal_doubles_nothing(
    deployed: Deployed, log: Path, tmp_path: Path
) -> None:
    deployed.json("import", "--events", str(log), *COLUMNS)
    before, rows = stored(deployed), counted(deployed)
    again = deployed.json("import", "--events", str(log), *COLUMNS)
    assert (again["sent"], again["acknowledged_before"], again["recorded"], again["known"]) == (0, 3, 0, 1)
    assert stored(deployed) == before
    for journal in (tmp_path / "replay").glob("*.json"):
        journal.unlink()
    deployed.json("import", "--events", str(log), *COLUMNS)
    assert counted(deployed) == rows


def test_a_run_that_was_stopped_is_completed_by_the_next(
    deployed: Deployed, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, calls = DataLake.create, iter(range(9))

    def fail_third(lake: DataLake, key: str, body: bytes) -> bool:
        if next(calls) == 2:
            raise ConnectionError("stopped")
        return create(lake, key, body)

    monkeypatch.setattr(delivery, "BULK_BATCH", 1)
    monkeypatch.setattr(DataLake, "create", fail_third)
    assert isinstance(deployed.run("import", "--events", str(log), *COLUMNS).exception, ConnectionError)
    after = deployed.json("import", "--events", str(log), *COLUMNS)
    assert (after["acknowledged_before"], after["sent"]) == (2, 1)
    assert len(counted(deployed)) == 3


def test_a_dry_run_says_what_would_be_kept_and_needs_no_stack(deployed: Deployed, log: Path) -> None:
    unreachable = replace(deployed, outputs_file=log.with_name("absent.json"))
    report = unreachable.json("import", "--events", str(log), *COLUMNS, "--dry-run")
    assert report["events"] == 4
    assert pl.read_csv(report["rejects_file"])["reason"].to_list() == ["BAD_TIMESTAMP"]
    assert stored(deployed) == {}


@pytest.mark.parametrize("options", [("--via", "live"), ("--correct",)])
def test_events_are_neither_published_nor_corrected(deployed: Deployed, log: Path, options: tuple[str, ...]) -> None:
    assert "written into the lake" in deployed.refused("import", "--events", str(log), *COLUMNS, *options)


def test_what_is_printed_names_kinds_that_no_feature_counts(deployed: Deployed, log: Path) -> None:
    output = deployed.run("import", "--events", str(log), *COLUMNS).output
    assert "3 events written" in output
    assert "No feature counts these kinds (eventFeatures): error, operator" in output
