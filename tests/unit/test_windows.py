import gc
import weakref
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mlops_core.errors import DurationError, NaiveTimeError, WindowError
from mlops_core.features import Windows, first_window_end, length_name
from mlops_core.features.kernel import empty_moments, trailing_windows
from mlops_core.features.windows import bucket_start
from mlops_core.time import parse_duration


def at(hour, minute=0, *, day=1):
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
        ("90s", timedelta(seconds=90)),
        ("1d12h", timedelta(hours=36)),
        ("1h1h", timedelta(hours=2)),
        (timedelta(hours=6), timedelta(hours=6)),
    ],
)
def test_durations_are_read_in_both_forms(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "1",
        "1.5h",
        "-1h",
        "1h ",
        "0h",
        "1y",
        "99999999999d",
        "1" * 5000 + "h",
        timedelta(0),
        timedelta(hours=-1),
    ],
)
def test_what_is_no_positive_duration_is_refused(text):
    with pytest.raises(DurationError, match="positive duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("length", "name"),
    [
        ("1h", "1h"),
        ("60m", "1h"),
        ("1d", "24h"),
        ("7d", "168h"),
        ("30m", "30m"),
        ("90m", "90m"),
        ("3600s", "1h"),
        ("90s", "90s"),
        ("1s", "1s"),
        ("120s", "2m"),
    ],
)
def test_a_length_is_named_in_the_largest_unit_of_which_it_is_whole(length, name):
    assert length_name(length) == name


def test_a_length_of_fractions_of_a_second_has_no_name():
    with pytest.raises(WindowError, match="whole seconds"):
        length_name(timedelta(seconds=1.5))


def test_lengths_are_counted_in_hops():
    windows = Windows.of(("1h", "6h", "1d"), "30m")
    assert windows.hops == (2, 12, 48)
    assert windows.names == ("1h", "6h", "24h")
    assert windows.longest == timedelta(days=1)


@pytest.mark.parametrize(
    ("lengths", "hop", "remedy"),
    [
        (("90m",), "1h", "divides every length"),
        (("30m",), "1h", "divides every length"),
        (("1h", "60m"), "1h", "once"),
        ((), "1h", "at least one"),
        (("99999999d",), "1h", "a shorter length"),
    ],
)
def test_lengths_and_hop_that_do_not_fit_are_refused_with_the_remedy(lengths, hop, remedy):
    with pytest.raises(WindowError, match=remedy):
        Windows.of(lengths, hop)


# 00:00     01:00     02:00
#   [---------[---------[
#   a    b    c              a, b -> first window that holds them ends at 01:00; c, on the edge, at 02:00
@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [(at(0), at(0), at(1)), (at(0, 59), at(0), at(1)), (at(1), at(1), at(2))],
)
def test_a_moment_on_an_edge_belongs_to_what_begins_there(moment, start, end):
    assert bucket_start(moment, "1h") == start
    assert first_window_end(moment, "1h") == end


def test_other_offsets_mean_the_same_instant():
    moment = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert bucket_start(moment, "1h") == datetime(2025, 12, 31, 19, tzinfo=UTC)


def test_times_before_the_epoch_lie_on_the_same_grid():
    assert bucket_start(datetime(1969, 12, 31, 23, 30, tzinfo=UTC), "1h") == datetime(1969, 12, 31, 23, tzinfo=UTC)


def test_a_naive_time_is_refused():
    with pytest.raises(NaiveTimeError, match="time zone"):
        bucket_start(datetime(2026, 1, 1), "1h")  # noqa: DTZ001


def test_shorter_windows_are_freed_once_the_longer_are_made_without_a_garbage_collection():
    gc.disable()
    try:
        made = [weakref.ref(window.mean_offset.base) for window in trailing_windows(empty_moments(500), (7, 168), 1)]
        assert [ref() for ref in made] == [None, None]
    finally:
        gc.enable()
