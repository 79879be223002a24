"""Times as files write them: text, date-times and numbers, with and without an offset."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, strategies as st

from mlops_core.errors import InvalidArgumentError
from mlops_core.files import FileLayout, read_instants
from mlops_core.telemetry import TIMESTAMP


def mapping(**options: object) -> FileLayout:
    return FileLayout(time_column="t", machine="A", **options)


def read(values: list[object], **options: object) -> list[datetime | None]:
    read = read_instants(pl.Series("t", values), mapping(**options))
    assert read.dtype == TIMESTAMP
    return read.to_list()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-04T05:06:07Z", datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2025-03-04 05:06:07+00:00", datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2025-03-04T05:06:07.123456-03:00", datetime(2025, 3, 4, 8, 6, 7, 123456, tzinfo=UTC)),
        ("2025-03-04T05:06-0300", datetime(2025, 3, 4, 8, 6, tzinfo=UTC)),
        (" 2025-03-04T05:06:07.5Z ", datetime(2025, 3, 4, 5, 6, 7, 500000, tzinfo=UTC)),
    ],
)
def test_iso_text_with_an_offset_needs_nothing_more(text: str, moment: datetime) -> None:
    assert read([text]) == [moment]


@pytest.mark.parametrize("text", ["2025-03-04 05:06:07", "2025-03-04T05:06:07.0", "2025-03-04T05:06", "2025-03-04"])
def test_a_time_without_an_offset_is_of_the_zone_that_is_named_and_of_none_by_itself(text: str) -> None:
    local = datetime.fromisoformat(text)
    assert read([text], time_zone="America/Sao_Paulo") == [(local + timedelta(hours=3)).replace(tzinfo=UTC)]
    with pytest.raises(InvalidArgumentError, match="time_zone"):
        read([text])


def test_an_offset_in_the_text_wins_over_the_zone() -> None:
    assert read(["2025-01-01T00:00:00Z", "2025-01-01T00:00:00"], time_zone="Asia/Tokyo") == [
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2024, 12, 31, 15, tzinfo=UTC),
    ]


def test_an_hour_that_is_skipped_or_comes_twice_is_no_time() -> None:
    assert read(["2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-10-27 03:30:00"], time_zone="Europe/Berlin") == [
        None,
        None,
        datetime(2024, 10, 27, 2, 30, tzinfo=UTC),
    ]


def test_what_is_no_time_is_null_and_its_neighbours_stand() -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    assert read(["2025-01-01T00:00:00Z", "soon", None, "2025-02-30T00:00:00Z"]) == [moment, None, None, None]
    assert read(["soon", None], time_zone="UTC") == [None, None]


def test_a_format_reads_what_iso_does_not() -> None:
    assert read(["01/02/2025 03h04"], time_format="%d/%m/%Y %Hh%M", time_zone="UTC") == [
        datetime(2025, 2, 1, 3, 4, tzinfo=UTC)
    ]
    assert read(["01/02/2025 03:04 +0100"], time_format="%d/%m/%Y %H:%M %z") == [datetime(2025, 2, 1, 2, 4, tzinfo=UTC)]
    assert read(["01/02/2025"], time_format="%d/%m/%Y", time_zone="UTC") == [datetime(2025, 2, 1, tzinfo=UTC)]


@pytest.mark.parametrize("unit", ["us", "ms", "ns"])
def test_date_times_of_any_unit_and_zone_are_moments(unit: str) -> None:
    aware = pl.Series("t", [datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=2)))]).dt.cast_time_unit(unit)
    assert read_instants(aware, mapping()).to_list() == [datetime(2024, 12, 31, 22, tzinfo=UTC)]
    naive = pl.Series("t", [datetime(2025, 1, 1)]).dt.cast_time_unit(unit)  # noqa: DTZ001
    assert read_instants(naive, mapping(time_zone="UTC")).to_list() == [datetime(2025, 1, 1, tzinfo=UTC)]
    with pytest.raises(InvalidArgumentError, match="time_zone"):
        read_instants(naive, mapping())


def test_dates_are_midnights_of_the_zone() -> None:
    assert read([date(2025, 1, 1)], time_zone="UTC") == [datetime(2025, 1, 1, tzinfo=UTC)]


def test_numbers_are_times_only_with_an_origin() -> None:
    for values in ([1, 2], [1.5], ["1", "2"], ["1", None]):
        with pytest.raises(InvalidArgumentError, match="time_origin"):
            read(values, time_zone="UTC")


@given(st.lists(st.integers(-10_000, 10_000), min_size=1))
def test_a_cycle_n_is_n_steps_after_the_origin(cycles: list[int]) -> None:
    origin = datetime(2020, 1, 1, tzinfo=UTC)
    expected = [origin + n * timedelta(minutes=10) for n in cycles]
    assert read(cycles, time_origin=origin, time_unit="10m") == expected
    assert read([str(n) for n in cycles], time_origin=origin, time_unit="10m") == expected


@pytest.mark.parametrize(
    ("unit", "number"), [("s", 1735689600), ("ms", 1735689600000), ("us", 1735689600000000), ("d", 20089)]
)
def test_epochs_are_read_in_their_unit(unit: str, number: int) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for values in ([number], [float(number)], [str(number)]):
        assert read(values, time_origin=epoch, time_unit=unit) == [datetime(2025, 1, 1, tzinfo=UTC)]


def test_a_number_beyond_the_calendar_is_no_time() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert read([1e18, -1e18, float("nan"), None], time_origin=epoch, time_unit="s") == [None] * 4
    assert read(["1e18", "soon"], time_origin=epoch, time_unit="s") == [None, None]


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match="Atlantis"):
        read(["2025-01-01 00:00:00"], time_zone="Atlantis")
