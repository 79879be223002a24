"""A dataset of Amazon Lookout for Equipment: every layout and notation that it took in gives the same readings."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_core.errors import UnreadableFileError
from mlops_core.files import read_lookout

START = datetime(2026, 1, 31, 6, tzinfo=UTC)
FORMATS = {
    "iso": "%Y-%m-%dT%H:%M:%S",
    "blank": "%Y-%m-%d %H:%M:%S",
    "dashes": "%Y-%m-%d-%H-%M-%S",
    "digits": "%Y%m%d%H%M%S",
    "slashes": "%Y/%m/%d %H:%M:%S",
    "words": "%Y %m %d %H:%M:%S",
    "american": "%m/%d/%YT%H:%M:%S",
    "fraction": "%Y-%m-%d %H:%M:%S.000000",
    "epoch": "epoch",
}
PATTERNS = [
    "{}/data.csv",
    "{}/2026/part-1.csv",
    "{}.csv",
    "{}_january.csv",
    "{}_20260131060000.csv",
    "{}-2026-01-31-06-00-00.csv",
]


def content(form: str, offset: timedelta = timedelta()) -> str:
    rows = [START + minute * timedelta(minutes=5) for minute in range(3)]
    written = [str(int(at.timestamp())) if form == "epoch" else (at + offset).strftime(form) for at in rows]
    return "Timestamp,Sensor1,Oil temp\n" + "".join(
        f"{text},{place},{place / 2}\n" for place, text in enumerate(written)
    )


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_layout_and_notation_gives_the_same_readings(tmp_path: Path, pattern: str, form: str) -> None:
    path = tmp_path / pattern.format("pump")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content(FORMATS[form]))
    readings = read_lookout(tmp_path).readings
    assert readings.filter(channel="sensor1").select("machine_id", "event_timestamp", "value").rows() == [
        ("pump", START + place * timedelta(minutes=5), float(place)) for place in range(3)
    ]
    assert readings["channel"].unique().sort().to_list() == ["oil_temp", "sensor1"]


@pytest.mark.parametrize(("zone", "hours"), [("+02:00", 2), ("-05:30", -5.5), ("America/Sao_Paulo", -3), ("UTC", 0)])
def test_times_are_of_the_offset_that_the_scheduler_was_given(tmp_path: Path, zone: str, hours: float) -> None:
    (tmp_path / "pump.csv").write_text(content(FORMATS["dashes"], timedelta(hours=hours)))
    assert read_lookout(tmp_path, time_zone=zone).readings["event_timestamp"].min() == START


def test_a_file_a_sensor_and_a_file_of_all_are_the_same(tmp_path: Path) -> None:
    one, each = tmp_path / "one", tmp_path / "each"
    (one / "pump").mkdir(parents=True)
    (each / "pump").mkdir(parents=True)
    (one / "pump" / "all.csv").write_text("Timestamp,a,b\n2026-01-31 06:00:00,1,2\n")
    (each / "pump" / "a.csv").write_text("Timestamp,a\n2026-01-31 06:00:00,1\n")
    (each / "pump" / "b.csv").write_text("Timestamp,b\n2026-01-31 06:00:00,2\n")
    assert read_lookout(one).readings.equals(read_lookout(each).readings)


def test_the_schema_names_components_and_leaves_categories_out(tmp_path: Path) -> None:
    columns = [
        {"Name": name, "Type": kind}
        for name, kind in (("Timestamp", "DATETIME"), ("a", "DOUBLE"), ("b", "CATEGORICAL"))
    ]
    (tmp_path / "schema.json").write_text(json.dumps({"Components": [{"ComponentName": "pump_1", "Columns": columns}]}))
    (tmp_path / "pump_1_january.csv").write_text("Timestamp,a,b\n2026-01-31 06:00:00,1,2\n")
    (tmp_path / "notes_of_ours.csv").write_text("x\n1\n")
    dataset = read_lookout(tmp_path)
    assert dataset.readings.select("machine_id", "channel").rows() == [("pump_1", "a")]
    assert dataset.report.ignored == ("b",)


def test_components_are_machines_or_parts_of_one(tmp_path: Path) -> None:
    for component in ("gear.box", "motor"):
        (tmp_path / component).mkdir()
        (tmp_path / component / "x.csv").write_text("Timestamp,Temp\n2026-01-31 06:00:00,1\n")
    (tmp_path / "labels.csv").write_text("2026-01-31T07:00:00,2026-01-31T09:00:00\n")
    each, one = read_lookout(tmp_path), read_lookout(tmp_path, machine="PUMP-1", channel_names={"motor\\Temp": "heat"})
    assert each.readings.select("machine_id", "channel").sort("machine_id").rows() == [
        ("gear-box", "temp"),
        ("motor", "temp"),
    ]
    assert each.labels.height == 0  # of which of them the labels speak is not known
    assert one.readings.select("machine_id", "channel").sort("channel").rows() == [
        ("PUMP-1", "gear_box_temp"),
        ("PUMP-1", "heat"),
    ]
    assert one.labels.select("machine_id", "event_timestamp", "returned_to_service_at").rows() == [
        ("PUMP-1", START + timedelta(hours=1), START + timedelta(hours=3))
    ]


def test_what_is_refused_is_counted_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "pump").mkdir()
    (tmp_path / "pump" / "a.csv").write_text("Timestamp,a\n2026-01-31 06:00:00,high\n2026-01-31 06:05:00,1\n")
    (tmp_path / "pump" / "b.csv").write_text("Timestamp,a\n2026-01-31 06:05:00,1\n1970-01-01 00:00:00,1\n")
    report = read_lookout(tmp_path).report
    assert (report.values, report.accepted, report.repeated) == (4, 1, 1)
    assert report.refused == {"TOO_LATE": 1, "BAD_TYPE": 1}


def test_a_folder_without_components_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="holds no CSV of a component"):
        read_lookout(tmp_path)


@pytest.mark.parametrize("form", FORMATS)
def test_labels_are_read_in_every_notation_of_readings(tmp_path: Path, form: str) -> None:
    (tmp_path / "pump.csv").write_text(content(FORMATS[form]))
    span = (START, START + timedelta(hours=1))
    written = [str(int(at.timestamp())) if form == "epoch" else at.strftime(FORMATS[form]) for at in span]
    (tmp_path / "labels.csv").write_text(",".join(written) + "\n")
    assert read_lookout(tmp_path).labels.select("event_timestamp", "returned_to_service_at").rows() == [span]


@pytest.mark.parametrize(
    "label", ["31.01.2026 06:00,31.01.2026 07:00", "2026-01-31 07:00:00,2026-01-31 06:00:00", "2026-01-31 06:00:00,"]
)
def test_a_label_that_says_no_span_of_time_is_refused_and_not_left_out(tmp_path: Path, label: str) -> None:
    (tmp_path / "pump.csv").write_text(content(FORMATS["iso"]))
    (tmp_path / "labels.csv").write_text(f"{label}\n")
    with pytest.raises(UnreadableFileError, match=label):
        read_lookout(tmp_path)
