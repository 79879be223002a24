"""A log of events in a file: each row is accepted, or refused for the reason that ingestion names."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Unpack

import polars as pl
import pytest

from mlops_core.errors import InvalidArgumentError, UnreadableFileError
from mlops_core.features import add_events
from mlops_core.files import EventsFile, LayoutOptions, read_events
from mlops_core.telemetry import parse_messages

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOG = """asset,time,kind,code,measured_value,threshold
P1,2025-01-02T00:00:00Z,error,E17,,
P1,2025-01-02T00:00:00Z,error,E17,,
P1,2025-01-01T00:00:00Z,operator,door opened,1.5,2
P2,soon,error,E17,,
P2,1980-01-01T00:00:00Z,error,E17,,
P2,2026-01-02T00:00:00Z,error,E17,,
P 2,2025-01-02T00:00:00Z,error,E17,,
P2,2025-01-02T00:00:00Z,,E17,,
P2,2025-01-02T00:00:00Z,error,,,
P2,2025-01-02T00:00:00Z,state/of,E17,,
P2,2025-01-02T00:00:00Z,error,E17,many,
P2,2025-01-02T00:00:00Z,error,E17,inf,
P2,2025-01-02T00:00:00Z,error,E17,,1e200
"""


def read(folder: Path, text: str, **layout: Unpack[LayoutOptions]) -> EventsFile:
    file = folder / "events.csv"
    file.write_text(text, encoding="utf-8")
    return read_events(file, latest=NOW, **layout)


def test_rows_become_events_in_order_of_time_and_the_rest_says_why_not(tmp_path: Path) -> None:
    events, report = read(tmp_path, LOG)
    assert events.rows() == [
        ("P1", datetime(2025, 1, 1, tzinfo=UTC), "operator", "door opened", 1.5, 2.0),
        ("P1", datetime(2025, 1, 2, tzinfo=UTC), "error", "E17", None, None),
    ]
    assert (report.values, report.accepted, report.repeated) == (13, 2, 1)
    assert report.rejects["reason"].to_list() == [
        "BAD_TIMESTAMP", "TOO_LATE", "FUTURE", "BAD_MACHINE_ID", "MISSING_FIELD", "MISSING_FIELD", "BAD_TOPIC",
        "BAD_TYPE", "NOT_FINITE", "OUT_OF_RANGE",
    ]  # fmt: skip
    assert report.rejects.row(0) == (4, "P2", "error", "soon", "E17", "BAD_TIMESTAMP")


@pytest.mark.parametrize(
    "code", ["E17", "0", "Tür offen", "x" * 100, "x" * 101, "a\x7fb", "a\u200bb", "a\u2028b", "\U0001f6d1"]
)
def test_a_code_is_accepted_where_its_message_is(tmp_path: Path, code: str) -> None:
    pl.DataFrame({"asset": ["P1"], "time": [NOW], "code": [code]}).write_parquet(tmp_path / "events.parquet")
    read_ = read_events(tmp_path / "events.parquet", kind="error", latest=NOW)
    body = json.dumps({"timestamp_utc": NOW.isoformat(), "event_code": code}).encode()
    accepted, refused = parse_messages("industrial/machine/P1/event/error", body, NOW).events(body)
    assert read_.events["event_code"].to_list() == [event.event_code for event in accepted]
    assert list(read_.report.refused) == [str(each.reason) for each in refused]


def test_a_file_of_one_kind_with_numbers_for_codes_counts_as_features(tmp_path: Path) -> None:
    events, _ = read(tmp_path, "asset,time,code\nP1,2025-01-02T00:00:00Z,17\n", kind="error")
    rows = pl.DataFrame({"machine_id": ["P1"], "window_end": [datetime(2025, 1, 2, 6, tzinfo=UTC)]})
    rows = rows.with_columns(pl.col("window_end").cast(pl.Datetime("us", "UTC")))
    counted = add_events(rows, events, names=["error/17"])
    assert counted["event/error/17_hours_since"].to_list() == [6.0]


@pytest.mark.parametrize(
    ("header", "layout", "message"),
    [
        ("asset,time,code", {}, 'Give kind="error", or kind_column='),
        ("asset,time,kind", {}, "Name it: code_column="),
        ("asset,code,kind", {}, "known to hold times"),
        ("asset,time,code", {"kind": "a/b"}, "names no kind of events"),
        ("asset,time,code,kind", {"kind": "error", "kind_column": "kind"}, "beside kind_column"),
    ],
)
def test_what_a_log_does_not_say_is_asked_for(tmp_path: Path, header: str, layout: LayoutOptions, message: str) -> None:
    with pytest.raises((UnreadableFileError, InvalidArgumentError), match=message):
        read(tmp_path, header + "\n", **layout)
