"""``mlops replay``: from a file to readings in the lake, each once, and features of its range."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import polars as pl
import pytest

from handlers.stores.readings import stored_readings
from mlops_core.lake import RAW_PREFIX, decode_readings
from tests.ops.conftest import REGION, Deployed, make_bucket

HISTORY = """timestamp,value
2014-02-01 00:30:00,21.5
2014-02-01 01:00:00,22.0
2014-02-01 01:00:00,22.25
2014-02-01 01:00:00,22.25
2014-02-03 09:00:00,900
never,20
"""
COLUMNS = ("--time-column", "timestamp", "--time-zone", "UTC", "--machine", "PRESS-1", "--channel", "value=temperature")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "history.csv"
    file.write_text(HISTORY)
    return file


def in_lake(deployed: Deployed) -> pl.DataFrame:
    lake = deployed.stack.lake
    return decode_readings(lake.read_all(lake.versions(RAW_PREFIX))).sort("event_timestamp", "value")


@pytest.mark.parametrize("via", ["live", "bulk"])
def test_a_history_is_in_the_lake_once_and_its_features_are_computed(
    deployed: Deployed, history: Path, via: str
) -> None:
    report = deployed.json("replay", str(history), *COLUMNS, "--via", via, "--process", "--chunk", "1d")
    assert in_lake(deployed)["value"].to_list() == [21.5, 22.0, 22.25]
    assert {name: report[name] for name in ("values", "readings", "repeated", "sent", "in_lake")} == {
        "values": 6,
        "readings": 3,
        "repeated": 1,
        "sent": 3,
        "in_lake": 3,
    }
    # Windows of up to 24 h behind the last reading hold it: the range reaches that far.
    assert deployed.functions.events == [
        {"start": "2014-02-01T00:00:00.000000Z", "end": "2014-02-02T00:00:00.000000Z"},
        {"start": "2014-02-02T00:00:00.000000Z", "end": "2014-02-02T01:00:00.000000Z"},
    ]
    assert report["processed"]["feature_rows"] == 48


def test_what_is_sent_live_is_marked_as_replayed(deployed: Deployed, history: Path) -> None:
    deployed.json("replay", str(history), *COLUMNS)
    assert [json.loads(message.payload)["replayed"] for message in deployed.live.messages] == [True] * 3
    assert {message.topic for message in deployed.live.messages} == {"industrial/machine/PRESS-1/temperature"}


@pytest.mark.parametrize("via", ["live", "bulk"])
def test_a_second_run_sends_nothing(deployed: Deployed, history: Path, via: str) -> None:
    deployed.json("replay", str(history), *COLUMNS, "--via", via)
    again = deployed.json("replay", str(history), *COLUMNS, "--via", via, "--wait")
    assert (again["acknowledged_before"], again["sent"], again["in_lake"]) == (3, 0, 3)
    assert in_lake(deployed).height == 3


def test_bulk_without_its_journal_still_leaves_each_reading_single_for_readers(
    deployed: Deployed, history: Path
) -> None:
    first = deployed.json("replay", str(history), *COLUMNS, "--via", "bulk")
    Path(first["journal"]).unlink()
    assert deployed.json("replay", str(history), *COLUMNS, "--via", "bulk")["sent"] == 3
    assert in_lake(deployed).unique().height == 3


def test_a_lake_that_was_made_anew_gets_everything_again(deployed: Deployed, history: Path) -> None:
    deployed.json("replay", str(history), *COLUMNS, "--via", "bulk")
    for key in deployed.stack.lake.versions(""):
        deployed.stack.s3.delete_object(Bucket="lake", Key=key)
    boto3.client("s3", region_name=REGION).delete_bucket(Bucket="lake")
    time.sleep(1)  # S3 dates a bucket to the second, and two made within one are told apart by nothing else
    make_bucket()
    assert deployed.json("replay", str(history), *COLUMNS, "--via", "bulk", "--wait")["sent"] == 3


def test_a_dry_run_touches_no_stack_and_writes_down_what_is_no_reading(deployed: Deployed, history: Path) -> None:
    report = deployed.json("replay", str(history), *COLUMNS, "--dry-run")
    assert report["rejected"] == {"BAD_TIMESTAMP": 1, "OUT_OF_RANGE": 1}
    rejects = pl.read_csv(report["rejects_file"], infer_schema=False)
    assert rejects.select("row", "value", "reason").rows() == [
        ("5", "900", "OUT_OF_RANGE"),
        ("6", "20", "BAD_TIMESTAMP"),
    ]
    assert report["series"] == [
        {
            "machine_id": "PRESS-1",
            "channel": "temperature",
            "readings": 3,
            "first": "2014-02-01T00:30:00Z",
            "last": "2014-02-01T01:00:00Z",
        }
    ]
    assert "sent" not in report
    assert deployed.stack.lake.versions("") == {}
    assert deployed.live.messages == []


def test_readings_that_do_not_arrive_end_the_wait_with_their_number(
    deployed: Deployed, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(deployed.live), "publish", lambda *_, **__: None)
    said = deployed.refused("replay", str(history), *COLUMNS, "--wait", "--patience", "0")
    assert "3 of 3 readings are not in the lake" in said
    assert "mlops status" in said


def test_a_file_without_a_single_reading_is_an_error(deployed: Deployed, tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("timestamp,value\n2014-02-01 00:30:00,hot\n")
    assert "holds no valid reading" in deployed.refused("replay", str(file), *COLUMNS)


def test_an_hour_that_has_not_ended_is_left_to_the_schedule(deployed: Deployed, tmp_path: Path) -> None:
    file = tmp_path / "now.csv"
    ahead = datetime.now(UTC) + timedelta(minutes=2)  # as far as a clock may be wrong, so that no hour ends meanwhile
    file.write_text(f"timestamp,value\n{ahead:%Y-%m-%d %H:%M:%S},20\n")
    report = deployed.json("replay", str(file), *COLUMNS, "--process")
    assert (report["in_lake"], report["processed"]["invocations"], deployed.functions.events) == (1, 0, [])


def test_the_table_for_people_says_what_was_sent_and_refused(deployed: Deployed, history: Path) -> None:
    shown = deployed.run("replay", str(history), *COLUMNS, "--process").stdout
    for part in (
        "PRESS-1",
        "3 readings sent live",
        "All 3 are in the lake",
        "24 feature rows",
        "OUT_OF_RANGE: 1",
        "BAD_TIMESTAMP: 1",
    ):
        assert part in shown


def test_what_ingestion_would_refuse_as_too_old_is_said_before_anything_is_published(
    deployed: Deployed, history: Path, tmp_path: Path
) -> None:
    deployed.set_outputs(historical_reach_days=400)
    assert "--via bulk" in deployed.refused("import", str(history), *COLUMNS)
    assert deployed.live.messages == []
    assert deployed.json("import", str(history), *COLUMNS, "--via", "bulk")["sent"] == 3


def test_one_row_of_a_clock_that_was_reset_starts_no_invocation_of_its_own(deployed: Deployed, tmp_path: Path) -> None:
    file = tmp_path / "reset.csv"
    file.write_text(
        "time,temperature\n1970-01-01T00:00:12Z,20.1\n2015-01-01T00:00:12Z,20.1\n"
        "2026-01-31T06:00:00Z,20.1\n2026-01-31T07:00:00Z,20.1\n"
    )
    report = deployed.json("import", str(file), "--machine", "PRESS-1", "--via", "bulk", "--process")
    assert report["rejected"] == {"TOO_LATE": 2}
    assert len(deployed.functions.events) == 1


def test_a_correction_replaces_a_larger_value_and_a_later_one_replaces_it(deployed: Deployed, tmp_path: Path) -> None:
    def sent(value: int, *options: str) -> dict[str, object]:
        file = tmp_path / "one.csv"
        file.write_text(f"time,temperature\n2026-01-31T06:00:00Z,{value}\n")
        return deployed.json("import", str(file), "--machine", "PRESS-1", *options)

    def counts() -> list[float]:
        return stored_readings(deployed.stack.lake)["value"].to_list()

    sent(480, "--via", "bulk")
    for value in (48, 47, 49):
        assert (sent(value, "--correct")["via"], sent(value, "--correct")["sent"]) == ("bulk", 0)
        assert counts() == [value]
    deployed.refused("import", str(tmp_path / "one.csv"), "--correct", "--via", "live")
    assert len(deployed.stack.lake.versions(RAW_PREFIX)) == 4  # nothing is deleted
