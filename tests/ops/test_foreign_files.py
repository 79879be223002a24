"""Files as other systems write them: read, or refused by a sentence that says what to do."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlops_core.telemetry import parse_message
from ops.errors import OpsError, OptionError
from ops.history import History, read_history
from ops.mapping import HistoryMapping, parse_moment

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)


def read(path: Path, content: bytes, **mapping: object) -> History:
    path.write_bytes(content)
    whole = {"time_column": "time", "machine": "P1", "channels": (("temp", "temperature"),)} | mapping
    return read_history(path, HistoryMapping(**whole), now=NOW)


def times(history: History) -> list[str]:
    return [at.isoformat() for at in history.readings["event_timestamp"].to_list()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def test_a_fraction_in_a_format_is_read_as_python_reads_it(file: Path) -> None:
    content = b"time,temp\n31/01/2026 06:00:00.5,20.1\n31/01/2026 06:00:00.123,20.2\n"
    history = read(file, content, time_format="%d/%m/%Y %H:%M:%S.%f", time_zone="UTC")
    assert times(history) == ["2026-01-31T06:00:00.123000+00:00", "2026-01-31T06:00:00.500000+00:00"]


def test_z_is_an_offset_in_a_format_too(file: Path) -> None:
    content = b"time,temp\n2026-01-31T06:00:00Z,20.1\n2026-01-31T06:01:00+0000,20.2\n"
    assert read(file, content, time_format="%Y-%m-%dT%H:%M:%S%z").readings.height == 2


@pytest.mark.parametrize("text", ["2026-11-29 06:00:00+00", "2026-11-29T06:00:00,123Z", "2026-11-29T06:00:00,5+02:00"])
def test_a_time_that_live_ingestion_reads_is_read_from_a_file(file: Path, text: str) -> None:
    live = parse_message(
        "industrial/machine/P1/temperature", f'{{"timestamp_utc":"{text}","value":20.1}}'.encode(), NOW
    )
    assert times(read(file, f'time,temp\n"{text}",20.1\n'.encode())) == [live.event_timestamp.isoformat()]


@pytest.mark.parametrize(
    ("count", "unit", "origin"),
    [("1769839200123456789", "ns", "1970-01-01"), ("134143128001234567", "100ns", "1601-01-01")],
)
def test_units_finer_than_a_microsecond_are_read_to_the_microsecond(
    file: Path, count: str, unit: str, origin: str
) -> None:
    history = read(file, f"time,temp\n{count},20.1\n".encode(), time_origin=parse_moment(origin, "x"), time_unit=unit)
    assert times(history) == ["2026-01-31T06:00:00.123456+00:00"]


def test_a_clock_that_was_reset_is_a_reject(file: Path) -> None:
    history = read(file, b"time,temp\n1970-01-01T00:00:12Z,20.1\n2026-01-31T06:00:00Z,20.1\n")
    assert (history.readings.height, history.reasons()) == (1, {"TOO_LATE": 1})


def test_a_row_with_a_field_too_many_is_a_reject_and_affects_no_other(file: Path) -> None:
    content = b"time,temp\n2026-01-31T06:00:00Z,20.1\n2026-01-31T06:01:00Z,20.2,oops\n2026-01-31T06:02:00Z,20.3\n"
    history = read(file, content)
    assert (history.readings.height, sum(history.reasons().values())) == (2, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"time,temp,temp\n2026-01-31T06:00:00Z,20.1,99\n", "two columns called 'temp'"),
        (b"time, temp\n2026-01-31T06:00:00Z, 20.1\n", "' temp'"),
        ("time,temp,note\n2026-01-31T06:00:00Z,20.1,Förderband\n".encode("latin-1"), "encoding"),
        ("time,temp\n2026-01-31T06:00:00Z,20.1\n".encode("utf-16"), "encoding"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wrong_with_it(file: Path, content: bytes, said: str) -> None:
    with pytest.raises(OpsError, match=said):
        read(file, content)


def test_two_sensors_are_not_one_channel() -> None:
    with pytest.raises(OptionError, match="Two columns are mapped to temperature"):
        HistoryMapping(time_column="time", machine="P1", channels=(("de", "temperature"), ("nde", "temperature")))


def test_parquet_in_capitals_is_parquet(tmp_path: Path) -> None:
    path = tmp_path / "A.PARQUET"
    pl.DataFrame({"time": [NOW], "temp": [1.0]}).write_parquet(path)
    mapping = HistoryMapping(time_column="time", machine="P1", channels=(("temp", "temperature"),))
    assert read_history(path, mapping, now=NOW).readings.height == 1
