"""The layout of files, given by options: errors speak of the options that were given."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_core.files import LayoutOptions, read_readings
from mlops_core.telemetry import CHANNELS
from ops.errors import OptionError
from ops.file_options import HistoryUnreadableError, options_of, parse_pairs
from ops.options import parse_moment
from ops.reading_import import source_digest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--machine"),
        ({"machine": "A", "machine_column": "m"}, "--machine-column"),
        ({"machine": "A", "value_column": "v"}, "--channel-column"),
        ({"machine": "A", "time_origin": datetime(2026, 1, 1, tzinfo=UTC)}, "--time-unit"),
        ({"machine": "A", "time_unit": "1h"}, "--time-origin"),
        ({"machine": "A", "time_unit": "1h", "time_zone": "UTC"}, "--time-zone"),
        ({"machine": "A"}, "--time-zone UTC|--time-zone .UTC"),
        ({"machine": "A", "time_column": "w"}, "It has: t, v"),
        ({"machine": "A", "time_column": "v"}, "--time-unit"),
        ({"machine": "A", "channel_names": {"w": "temperature"}}, "It has: t, v"),
        ({"machine": "A", "channel_names": {"v": "pressure"}}, "--channel .*temperature, vibration"),
    ],
)
def test_what_cannot_work_is_refused_with_the_option_to_pass(
    tmp_path: Path, options: LayoutOptions, message: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("t,v\n2025-01-01 00:00:00,1\n")
    layout: LayoutOptions = {
        "time_column": "t", "machine": None, "machine_column": None, "channel_names": {"v": "temperature"},
        "channel_column": None, "value_column": None, "time_zone": None, "time_unit": None, "time_origin": None,
    } | options  # fmt: skip
    with pytest.raises((OptionError, HistoryUnreadableError), match=message), options_of(layout):
        read_readings(file, only_known=True, **layout)


def test_the_digest_of_a_source_changes_with_each_of_its_parts_and_with_the_content(tmp_path: Path) -> None:
    file, other = tmp_path / "a.csv", tmp_path / "b.csv"
    file.write_text("a")
    other.write_text("b")
    given: LayoutOptions = {"machine": "PRESS-1", "time_zone": "UTC"}
    digests = {
        source_digest(file, given, CHANNELS),
        source_digest(other, given, CHANNELS),
        source_digest(file, {**given, "machine": "PRESS-2"}, CHANNELS),
    }
    assert len(digests) == 3
    assert source_digest(file, given, CHANNELS) == source_digest(file, {**given}, CHANNELS)


def test_a_pair_divides_at_its_last_equals_sign() -> None:
    assert parse_pairs(["a=b=vibration"], "--channel", "COLUMN=CHANNEL") == {"a=b": "vibration"}
    for wrong in ("vibration", "=vibration", "rms="):
        with pytest.raises(OptionError, match="COLUMN=CHANNEL"):
            parse_pairs([wrong], "--channel", "COLUMN=CHANNEL")


def test_a_moment_needs_an_offset_and_a_date_is_its_midnight_in_utc() -> None:
    assert parse_moment("2025-01-01T02:00:00+02:00", "--start") == datetime(2025, 1, 1, tzinfo=UTC)
    assert parse_moment("2025-01-01", "--start") == datetime(2025, 1, 1, tzinfo=UTC)
    for wrong in ("2025-01-01T00:00:00", "yesterday", "2025-13-01", "9999-12-31T23:59:00-01:00"):
        with pytest.raises(OptionError, match="--start"):
            parse_moment(wrong, "--start")
