"""What a file's rows become: each a reading, or refused for the reason that ingestion would name."""

import gzip
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, strategies as st

from mlops_core.errors import InvalidArgumentError, MessageRejectedError, UnreadableFileError
from mlops_core.files import FileLayout, LayoutOptions, ReadingsFile, read_readings
from mlops_core.telemetry import CHANNELS, READINGS, parse_message, reading_message
from mlops_core.time import FUTURE_TOLERANCE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAB: LayoutOptions = {
    "time_column": "timestamp",
    "machine": "PRESS-1",
    "channel_names": {"value": "temperature"},
    "time_zone": "UTC",
}
LONG: LayoutOptions = {
    "time_column": "at",
    "machine_column": "machine",
    "channel_column": "sensor",
    "value_column": "reading",
}


def read_file(file: Path, layout: LayoutOptions) -> ReadingsFile:
    return read_readings(file, only_known=True, latest=NOW, **layout)


def read(folder: Path, text: str, layout: LayoutOptions) -> ReadingsFile:
    file = folder / "history.csv"
    file.write_text(text, encoding="utf-8")
    return read_file(file, layout)


def test_a_file_of_one_machine_and_channel_becomes_readings_in_order_of_time(tmp_path: Path) -> None:
    history = read(tmp_path, "timestamp,value\n2025-01-01 00:05:00,2.5\n2025-01-01 00:00:00,-1\n", NAB)
    assert history.readings.schema == READINGS
    assert history.readings.rows() == [
        ("PRESS-1", "temperature", datetime(2025, 1, 1, tzinfo=UTC), -1.0),
        ("PRESS-1", "temperature", datetime(2025, 1, 1, 0, 5, tzinfo=UTC), 2.5),
    ]
    assert (history.report.values, history.report.repeated, history.report.refused) == (2, 0, {})


def test_gzip_and_plain_text_give_the_same(tmp_path: Path) -> None:
    text = "timestamp,value\n2025-01-01 00:05:00,2.5\n"
    for name in ("packed.csv.gz", "packed.csv"):
        packed = tmp_path / name
        packed.write_bytes(gzip.compress(text.encode()))
        assert read_file(packed, NAB).readings.equals(read(tmp_path, text, NAB).readings)


def test_rows_that_say_the_same_count_once_and_two_values_for_one_moment_are_both_kept_and_counted(
    tmp_path: Path,
) -> None:
    text = "timestamp,value\n2025-01-01 00:00:00,1\n2025-01-01 00:00:00,1\n2025-01-01 00:00:00,2\n"
    history = read(tmp_path, text, NAB)
    assert history.readings["value"].to_list() == [1.0, 2.0]
    assert (history.report.repeated, history.report.conflicting) == (1, 1)


def test_wide_data_gives_a_reading_for_each_cell_that_holds_one(tmp_path: Path) -> None:
    mapping: LayoutOptions = {
        "time_column": "t",
        "machine_column": "m",
        "channel_names": {"T": "temperature", "V": "vibration"},
        "time_zone": "UTC",
    }
    history = read(tmp_path, "m,t,T,V\nA,2025-01-01T00:00:00,20,\nB,2025-01-01T00:00:00,21,1.5\n", mapping)
    assert [row[:2] + row[3:] for row in history.readings.sort("machine_id", "channel").rows()] == [
        ("A", "temperature", 20.0),
        ("B", "temperature", 21.0),
        ("B", "vibration", 1.5),
    ]
    assert (history.report.values, history.report.empty, history.report.refused) == (3, 1, {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("../x,temperature,2025-01-01T00:00:00Z,1", "BAD_MACHINE_ID"),
        (",temperature,2025-01-01T00:00:00Z,1", "BAD_MACHINE_ID"),
        ("A,pressure,2025-01-01T00:00:00Z,1", "UNKNOWN_SENSOR"),
        (",,2025-01-01T00:00:00Z,1", "BAD_MACHINE_ID"),
        ("A,temperature,2025-01-01T00:00:00Z,", "MISSING_FIELD"),
        ("A,temperature,2025-01-01T00:00:00Z,warm", "BAD_TYPE"),
        ("A,temperature,2025-01-01T00:00:00Z,nan", "NOT_FINITE"),
        ("A,temperature,2025-01-01T00:00:00Z,1e999", "NOT_FINITE"),
        ("A,temperature,2025-01-01T00:00:00Z,501", "OUT_OF_RANGE"),
        ("A,vibration,2025-01-01T00:00:00Z,-0.1", "OUT_OF_RANGE"),
        ("A,temperature,2025-02-30T00:00:00Z,1", "BAD_TIMESTAMP"),
        ("A,temperature,,1", "BAD_TIMESTAMP"),
        ("A,temperature,2026-01-01T00:05:01Z,1", "FUTURE"),
    ],
)
def test_what_is_no_reading_is_refused_with_its_row_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    history = read(tmp_path, f"machine,sensor,at,reading\nA,temperature,2025-01-01T00:00:00Z,1\n{row}\n", LONG)
    assert history.readings.height == 1
    assert history.report.refused == {reason: 1}
    assert history.report.rejects.select("row", "reason").row(0) == (2, reason)
    assert history.report.rejects.select("time", "value").row(0) == tuple(cell or None for cell in row.split(",")[2:])


# Unicode's White_Space; str.strip() also takes the separators U+001C to U+001F, which are control characters.
WHITE_SPACE = "".join(
    char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace() and char not in "\x1c\x1d\x1e\x1f"
)


@given(
    value=st.floats() | st.sampled_from([-50.0, 500.0, 0.0, 1000.0]),
    channel=st.sampled_from(sorted(CHANNELS)),
    machine=st.text(st.characters(codec="utf-8"), max_size=70)
    | st.sampled_from(["A", "a_b-c", "A\n", "A\x1f", "x" * 64, "x" * 65]),
    ahead=st.timedeltas(-timedelta(days=5000), timedelta(minutes=10)),
)
@example(value=1.0, channel="temperature", machine="A", ahead=FUTURE_TOLERANCE)
@example(value=1.0, channel="temperature", machine="A", ahead=FUTURE_TOLERANCE + timedelta.resolution)
def test_a_row_is_accepted_exactly_where_ingestion_accepts_its_message(
    tmp_path_factory: pytest.TempPathFactory, value: float, channel: str, machine: str, ahead: timedelta
) -> None:
    at = NOW + ahead
    file = tmp_path_factory.mktemp("history") / "one.parquet"
    pl.DataFrame(
        [(machine, channel, at, value)], schema=["machine", "sensor", "at", "reading"], orient="row"
    ).write_parquet(file)
    readings = read_file(file, LONG).readings.rows()
    field = CHANNELS[channel].payload_field
    machine_id = machine.strip(WHITE_SPACE)
    body = {"machine_id": machine_id, "timestamp_utc": at.isoformat(), field: value, "replayed": True}
    try:
        parsed = parse_message(f"industrial/machine/{machine_id}/{channel}", json.dumps(body).encode(), NOW)
    except MessageRejectedError:
        assert readings == []
    else:
        assert readings == [(parsed.machine_id, channel, parsed.event_timestamp, value)]


def test_what_is_accepted_survives_its_message_unchanged(tmp_path: Path) -> None:
    """So that a reading sent live is found in the lake by its very value."""
    values = [0.1 + 0.2, 1e-300, 73.96732207, 499.99999999999994]
    lines = "".join(f"2025-01-01 00:00:0{second}.000001,{value!r}\n" for second, value in enumerate(values))
    for machine, channel, at, value in read(tmp_path, f"timestamp,value\n{lines}", NAB).readings.rows():
        message = reading_message(machine, channel, at, value, replayed=True)
        parsed = parse_message(*message, NOW)
        assert (parsed.event_timestamp, parsed.value, parsed.replayed) == (at, value, True)


def test_european_csv_is_read_with_its_separator_and_decimal_comma(tmp_path: Path) -> None:
    mapping: LayoutOptions = {
        "time_column": "Zeit",
        "machine": "M",
        "channel_names": {"Temperatur": "temperature"},
        "time_format": "%d.%m.%Y %H:%M",
        "time_zone": "Europe/Berlin",
        "separator": ";",
        "decimal_comma": True,
    }
    history = read(tmp_path, "Zeit;Temperatur\n01.07.2025 12:00;21,5\n", mapping)
    assert history.readings.row(0)[2:] == (datetime(2025, 7, 1, 10, tzinfo=UTC), 21.5)


@pytest.mark.parametrize(
    ("content", "name", "refusal"),
    [
        (b"time,value\n1,2\n", "a.csv", r"lacks the time column 'timestamp'. It has: time, value"),
        (b"", "a.csv", "empty"),
        (b"timestamp,value\n1,2\n", "a.parquet", "[Pp]arquet"),
        (b"\x1f\x8b\x08\x00broken", "a.csv.gz", "cannot be read"),
        (None, "absent.csv", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, name: str, refusal: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=refusal):
        read_file(file, NAB)


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"machine": "A", "machine_column": "m"}, "machine_column"),
        ({"machine": "A/B"}, "cannot name a machine"),
        ({"machine_names": {"a": "A/B"}}, "cannot name a machine"),
        ({"value_column": "v"}, "channel_column"),
        ({"time_origin": NOW}, "time_unit"),
        ({"time_unit": "1h"}, "time_origin"),
        ({"time_origin": NOW, "time_unit": "0h"}, "0h"),
        ({"time_origin": NOW, "time_unit": "fortnight"}, "fortnight"),
        ({"time_origin": NOW, "time_unit": "1h", "time_zone": "UTC"}, "time_zone"),
        ({"time_origin": datetime(2026, 1, 1), "time_unit": "1h"}, "no time zone"),  # noqa: DTZ001
        ({"separator": ";;"}, "separator"),
    ],
)
def test_a_layout_that_cannot_work_is_refused_with_the_argument_to_give(
    options: dict[str, object], refusal: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=refusal):
        FileLayout(**options)


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_is_none_is_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InvalidArgumentError, match=encoding):
        read(tmp_path, "timestamp,value\n", {**NAB, "encoding": encoding})


def test_a_column_mapped_to_no_channel_names_the_channels(tmp_path: Path) -> None:
    layout: LayoutOptions = {"time_column": "t", "machine": "A", "channel_names": {"v": "pressure"}}
    with pytest.raises(InvalidArgumentError, match=r"pressure.*temperature, vibration"):
        read(tmp_path, "t,v\n2025-01-01T00:00:00Z,1\n", layout)


def test_of_a_platform_s_channels_those_are_read_that_a_file_calls_as_a_message_does(tmp_path: Path) -> None:
    text = "timestamp,temperature_celsius,vibration,humidity\n2025-01-01T00:00:00Z,20,1.5,60\n"
    history = read(tmp_path, text, {"machine": "A"})
    assert history.readings["channel"].to_list() == ["temperature", "vibration"]
    assert history.report.ignored == ("humidity",)
