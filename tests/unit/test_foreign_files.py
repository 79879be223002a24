"""Files as other systems write them: read, or refused by a sentence that says what to do."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlops_core.errors import InvalidArgumentError, MlopsError, UnreadableFileError
from mlops_core.files import ReadingsFile, read_readings
from mlops_core.telemetry import parse_message

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)


def read(path: Path, content: bytes, **layout: object) -> ReadingsFile:
    path.write_bytes(content)
    whole = {"time_column": "time", "machine": "P1", "channel_names": {"temp": "temperature"}} | layout
    return read_readings(path, latest=NOW, **whole)


def times(history: ReadingsFile) -> list[str]:
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
    history = read(
        file, f"time,temp\n{count},20.1\n".encode(), time_origin=datetime.fromisoformat(f"{origin}T00Z"), time_unit=unit
    )
    assert times(history) == ["2026-01-31T06:00:00.123456+00:00"]


def test_a_row_with_a_field_too_many_is_a_reject_and_affects_no_other(file: Path) -> None:
    content = b"time,temp\n2026-01-31T06:00:00Z,20.1\n2026-01-31T06:01:00Z,20.2,oops\n2026-01-31T06:02:00Z,20.3\n"
    history = read(file, content)
    assert (history.readings.height, sum(history.report.refused.values())) == (2, 1)


@pytest.mark.parametrize("row", ["61,5,ok", "61,5,"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_decimal_comma_between_commas_is_no_shorter_number(file: Path, row: str, at: int) -> None:
    rows = ["2026-01-31T06:01:00Z,20.1,ok"]
    rows.insert(at, f"2026-01-31T06:00:00Z,{row}")
    history = read(file, "\n".join(["time,temp,remark", *rows, ""]).encode())
    assert history.readings["value"].to_list() == [20.1]
    assert history.report.rejects["value"].to_list() == ["4 fields, not 3"]


@pytest.mark.parametrize("first", ["", "2026-01-31T05:00:00Z", ',,5" pipe'])
def test_what_the_first_row_looks_like_decides_nothing(file: Path, first: str) -> None:
    history = read(file, f"time,temp,remark\n{first}\n2026-01-31T06:00:00Z,20.1,ok\n".encode())
    assert history.readings["value"].to_list() == [20.1]


def test_a_name_of_two_lines_is_one_name(file: Path) -> None:
    content = b'"time\n(UTC)";"temp\r\nC"\n2026-01-31T06:00:00Z;20.1\n'
    history = read(file, content, time_column="time\n(UTC)", channel_names={"temp\nC": "temperature"})
    assert history.readings["value"].to_list() == [20.1]


def test_columns_called_row_hold_what_the_file_says(file: Path) -> None:
    assert read(file, b"time,row\n2026-01-31T06:00:00Z,20.1\n", channel_names={"row": "r"}).readings["value"][0] == 20.1
    assert times(read(file, b"row,temp\n2026-01-31T06:00:00Z,20.1\n", time_column="row")) == [
        "2026-01-31T06:00:00+00:00"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04\x14\x00", "workbook"),
        (b"time,temp\r2026-01-31T06:00:00Z,20.1\r", "new-line"),
        (b'time,temp\n2026-01-31T06:00:00Z,"20.1\n2026-01-31T06:01:00Z,20\n', "unexpected end"),
    ],
)
def test_what_is_no_csv_is_refused_and_never_read_in_part(file: Path, content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        read(file, content)


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S,%f", "%Y%m%d%H%M%S%f", "%Y-%m-%d %H"])
def test_a_format_that_cannot_be_read_as_it_is_meant_is_refused(file: Path, form: str) -> None:
    with pytest.raises(InvalidArgumentError, match="time_format"):
        read(file, b'time,temp\n"2026-01-31 06:00:00,123",20.1\n', time_format=form, time_zone="UTC")


@pytest.mark.parametrize("zone", ["", "+99:99", "-15:00"])
def test_a_zone_that_says_nothing_is_refused(file: Path, zone: str) -> None:
    with pytest.raises(InvalidArgumentError, match="time_zone"):
        read(file, b"time,temp\n2026-01-31 06:00:00,20.1\n", time_zone=zone)


@pytest.mark.parametrize(
    "content",
    [
        b"time, temp\n2026-01-31T06:00:00Z, 20.1\n",
        "time,temp,note\n2026-01-31T06:00:00Z,20.1,Förderband\n".encode("latin-1"),
        "time,temp\n2026-01-31T06:00:00Z,20.1\n".encode("utf-16"),
        "time,temp\n2026-01-31T06:00:00Z,20.1\n".encode("utf-8-sig"),
        b"time\ttemp\r\n2026-01-31T06:00:00Z\t20.1\r\n\r\n",
        b"time|temp\n2026-01-31T06:00:00Z|20.1\n",
    ],
)
def test_encodings_separators_and_blanks_of_a_header_are_found(file: Path, content: bytes) -> None:
    assert read(file, content).readings["value"].to_list() == [20.1]


def test_a_name_in_another_encoding_can_be_chosen(file: Path) -> None:
    content = "time,Temp (°C)\n2026-01-31T06:00:00Z,20.1\n"
    for encoding, given in (("latin-1", None), ("shift_jis", "shift_jis"), ("utf-16-le", "utf-16-le")):
        history = read(file, content.encode(encoding), channel_names={"Temp (°C)": "temperature"}, encoding=given)
        assert history.readings.height == 1


def test_a_preamble_above_the_header_is_skipped(file: Path) -> None:
    content = b"Logger 7;serial 1234\n\ntime;temp\n2026-01-31T06:00:00Z;20.1\n"
    assert read(file, content, skip_lines=2).readings.height == 1


@pytest.mark.parametrize(
    ("text", "number"), [("20,5", 20.5), ("1.020,5", 1020.5), ("7", 7.0), ("1.020", None), ("1,020,5", None)]
)
def test_a_decimal_comma_is_read_and_what_may_be_two_numbers_is_refused(
    file: Path, text: str, number: float | None
) -> None:
    content = f"time;temp\n2026-01-31T06:00:00Z;{text}\n".encode()
    history = read(file, content, decimal_comma=True, channel_names={"temp": "power"})
    assert history.readings["value"].to_list() == ([] if number is None else [number])


def test_the_days_of_a_spreadsheet_are_times(file: Path) -> None:
    history = read(file, b"time;temp\n46053,25;20,1\n", time_unit="excel", decimal_comma=True)
    assert times(history) == ["2026-01-31T06:00:00+00:00"]


def test_a_column_of_milliseconds_says_so_by_its_name_as_in_a_message(file: Path) -> None:
    history = read(file, b"timestamp_ms,temp\n1769839200000,20.1\n", time_column=None)
    assert times(history) == ["2026-01-31T06:00:00+00:00"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"time,temp,temp\n2026-01-31T06:00:00Z,20.1,99\n", "two columns called 'temp'"),
        (b"time,pressure\n2026-01-31T06:00:00Z,20.1\n", "lacks the channel column 'temp'. It has: time, pressure"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wrong_with_it(file: Path, content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        read(file, content)


def test_two_sensors_are_not_one_channel(file: Path) -> None:
    names = {"de": "temperature", "nde": "temperature"}
    with pytest.raises(InvalidArgumentError, match="Two columns are mapped to temperature"):
        read(file, b"time,de,nde\n2026-01-31T06:00:00Z,40,90\n", channel_names=names)


def test_columns_with_usual_names_are_found(file: Path) -> None:
    content = b"Asset,Date Time,Sensor,Value\nP1,2026-01-31T06:00:00Z,oil pressure,2.5\n"
    file.write_bytes(content)
    history = read_readings(file)
    assert history.readings.rows() == [("P1", "oil pressure", datetime(2026, 1, 31, 6, tzinfo=UTC), 2.5)]
    assert history.report.columns == {
        "machine": "Asset", "time": "Date Time", "channel": "Sensor", "value": "Value",
    }  # fmt: skip


def test_every_column_of_numbers_is_a_channel_where_none_is_named_and_the_others_are_told(file: Path) -> None:
    content = b"machine,time,load,remark\nP1,2026-01-31T06:00:00Z,7,restarted\n"
    file.write_bytes(content)
    history = read_readings(file)
    assert history.readings["channel"].to_list() == ["load"]
    assert history.report.ignored == ("remark",)


@pytest.mark.parametrize("content", [b"load,remark\n7,restarted\n", b"time,load\n2026-01-31T06:00:00Z,7\n"])
def test_where_nothing_fits_the_error_names_the_columns_that_there_are(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"It has: .*load"):
        read_readings(file)


def test_a_machine_and_a_tag_may_have_other_names_in_the_file(file: Path) -> None:
    file.write_bytes(b"machine,time,tag,value\nPump A.01,2026-01-31T06:00:00Z,TE-101,20.1\n")
    history = read_readings(file, machine_names={"Pump A.01": "PUMP-A01"}, channel_names={"TE-101": "temperature"})
    assert history.readings.select("machine_id", "channel").row(0) == ("PUMP-A01", "temperature")


def test_a_sentinel_is_no_measurement_and_counted(file: Path) -> None:
    history = read(file, b"time,temp\n2026-01-31T06:00:00Z,1254.005\n2026-01-31T06:01:00Z,20.2\n")
    assert (history.readings["value"].to_list(), history.report.refused) == ([20.2], {"OUT_OF_RANGE": 1})


def test_bad_quality_is_no_measurement(file: Path) -> None:
    rows = (
        b"20.1,GOOD\n20.2,BadNoCommunication\n20.3,2147483648\n20.4,UncertainLastUsableValue\n20.5,0\n20.6,\n20.7,??\n"
    )
    content = b"time,temp,quality\n" + b"".join(
        b"2026-01-31T06:00:0%dZ,%s\n" % (second, row) for second, row in enumerate(rows.splitlines())
    )
    history = read(file, content)
    assert history.readings["value"].to_list() == [20.1, None, None, 20.4, 20.5, 20.6]
    assert (history.report.not_measured, history.report.refused) == (2, {"BAD_TYPE": 1})


@pytest.mark.parametrize("year", ["1970", "1980", "2000", "2015"])
def test_a_clock_that_was_reset_costs_its_own_rows(file: Path, year: str) -> None:
    rows = "".join(f"2026-01-31T06:0{minute}:00Z,20\n" for minute in range(5))
    history = read(file, f"time,temp\n{year}-01-01T00:00:12Z,20.1\n{rows}".encode())
    assert (history.readings.height, history.report.refused) == (5, {"TOO_LATE": 1})


def test_a_clock_that_is_years_ahead_costs_its_own_rows(file: Path) -> None:
    rows = "".join(f"2026-01-31T06:0{minute}:00Z,20\n" for minute in range(5))
    file.write_text(f"time,temp\n2106-01-01T00:00:12Z,20.1\n{rows}")
    assert read_readings(file, machine="P1").report.refused == {"FUTURE": 1}


def test_parquet_in_capitals_is_parquet(tmp_path: Path) -> None:
    path = tmp_path / "A.PARQUET"
    pl.DataFrame({"time": [NOW], "temp": [1.0]}).write_parquet(path)
    assert read_readings(path, machine="P1").readings.height == 1


def test_categories_are_read_as_the_text_that_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = {"machine": ["P1"], "time": ["2026-01-31T06:00:00Z"], "sensor": ["temperature"], "value": ["1.5"]}
    pl.DataFrame(table).with_columns(pl.all().cast(pl.Categorical)).write_parquet(path)
    assert read_readings(path).readings.rows() == [("P1", "temperature", datetime(2026, 1, 31, 6, tzinfo=UTC), 1.5)]


@pytest.mark.parametrize(("name", "values"), [("temp", [[1.0, 2.0]]), ("time", [[NOW]])])
def test_a_column_of_lists_is_refused_by_a_sentence(tmp_path: Path, name: str, values: list[object]) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"time": [NOW], "temp": [1.0]} | {name: values}).write_parquet(path)
    with pytest.raises(MlopsError, match=f"column '{name}' holds List"):
        read_readings(path, machine="P1")


def test_truth_values_are_no_measurement(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"time": [NOW], "temp": [True]}).write_parquet(path)
    assert read_readings(path, machine="P1", channel_names={"temp": "x"}).report.refused == {"BAD_TYPE": 1}
