"""A channel is silent once its windows say that nothing came for so long; it is missed only if it was heard before."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from mlops_core.alerting import ChannelOfMachine, LastSeen, NewestWindows, silence_notice, transitions, update_last_seen

HOUR = timedelta(hours=1)
LENGTHS = [HOUR, 6 * HOUR, 24 * HOUR]
END = datetime(2026, 11, 21, 12, tzinfo=UTC)
PUMP = ChannelOfMachine("PUMP-1", "vibration")


def windows(last_reading: datetime | None, end: datetime = END) -> NewestWindows:
    """A machine's windows at `end` where a channel spoke every minute and then no more."""
    counts = {
        f"vibration_count_{length // HOUR}h": 0.0
        if last_reading is None
        else float(max(timedelta(), min(last_reading, end) - (end - length)) // timedelta(minutes=1))
        for length in LENGTHS
    }
    return NewestWindows("PUMP-1", end, counts)


def seen(known, *fleet, at=END, after=HOUR):
    return update_last_seen(known, fleet, at=at, silent_after=after, lengths=LENGTHS, channels=["vibration"])


@pytest.mark.parametrize(
    ("hours_ago", "not_after", "is_silent"), [(0.0, 0, False), (0.5, 0, False), (1.0, 1, True), (7.0, 6, True)]
)
def test_a_channel_is_silent_as_long_as_its_windows_are_empty(hours_ago, not_after, is_silent):
    now = seen({}, windows(END - hours_ago * HOUR))
    assert now == {PUMP: LastSeen(END - not_after * HOUR, END, is_silent)}


def test_silence_grows_while_the_machine_speaks_through_its_other_channel():
    known = seen({}, windows(END))
    for hours in range(1, 72):
        end = END + hours * HOUR
        known = seen(known, windows(END, end), at=end)
        assert known[PUMP].is_silent
        assert hours < 24 or known[PUMP].not_after == END, "and not since the longest window began"


def test_a_machine_that_has_left_keeps_its_newest_row_and_falls_silent_by_the_checkpoint():
    known = seen({}, windows(END))
    assert seen(known, windows(END), at=END + 2 * HOUR, after=3 * HOUR)[PUMP].is_silent is False
    assert seen(known, windows(END), at=END + 3 * HOUR, after=3 * HOUR)[PUMP].is_silent is True
    assert seen(known, at=END + 3 * HOUR, after=3 * HOUR)[PUMP].is_silent is True, "even where its row is gone"


def test_a_machine_that_has_left_for_a_month_is_forgotten_and_not_found_again_by_its_old_row():
    known = seen({}, windows(END))
    assert seen(known, windows(END), at=END + timedelta(days=30)) == {}
    assert seen({}, windows(END), at=END + timedelta(days=30)) == {}, "as is a history that was replayed"


def test_a_channel_that_was_never_heard_is_not_missed():
    assert seen({}, windows(None)) == {}


def test_a_row_of_other_lengths_makes_no_channel_silent():
    known = seen({}, windows(END))
    for changed in ([2 * HOUR, 12 * HOUR], [3 * HOUR, 6 * HOUR]):
        now = update_last_seen(
            known, [windows(END)], at=END, silent_after=HOUR, lengths=changed, channels=["vibration", "current"]
        )
        assert now == known
    gone = update_last_seen(
        known, [windows(END)], at=END + HOUR, silent_after=HOUR, lengths=[2 * HOUR], channels=["vibration"]
    )
    assert gone[PUMP].is_silent, "and a machine that is gone is still missed"


def test_each_channel_turns_once_each_way():
    silent, speaking = {PUMP: LastSeen(END, END, is_silent=True)}, {PUMP: LastSeen(END, END, is_silent=False)}
    assert transitions(speaking, silent) == ([PUMP], [])
    assert transitions(silent, silent) == ([], [])
    assert transitions(silent, speaking) == ([], [PUMP])
    assert transitions({}, silent) == ([PUMP], [])
    assert transitions(silent, {}) == ([], []), "one that is forgotten is not heard again"


@given(
    spoken=st.lists(st.integers(0, 60 * 60), min_size=1, max_size=5).map(sorted),
    looks=st.lists(st.integers(1, 60), min_size=1, max_size=8, unique=True).map(sorted),
)
def test_no_reading_ever_comes_after_the_moment_that_is_said_to_bound_it(spoken, looks):
    """Readings at any minutes of 60 hours, looked at after any hours: what is reported is true, and silence is seen."""
    begin, known = END - 60 * HOUR, {}
    readings = [begin + timedelta(minutes=minute) for minute in spoken]
    for hours in looks:
        end = begin + hours * HOUR
        counts = {
            f"vibration_count_{length // HOUR}h": float(sum(end - length <= at < end for at in readings))
            for length in LENGTHS
        }
        known = seen(known, NewestWindows("PUMP-1", end, counts), at=end)
        last = max((at for at in readings if at < end), default=None)
        if PUMP in known:
            assert last < known[PUMP].not_after or (last == begin and known[PUMP].not_after == begin)
            assert known[PUMP].is_silent <= (end - last >= HOUR)
            assert known[PUMP].is_silent or counts["vibration_count_1h"] > 0


def test_people_get_one_message_that_names_at_most_fifty():
    names = [ChannelOfMachine(f"M-{number:03}", "vibration") for number in range(60)]
    now = dict.fromkeys(names, LastSeen(END, END, is_silent=True)) | {PUMP: LastSeen(END, END, is_silent=False)}
    notice = silence_notice(names, [PUMP], now)
    assert notice.subject == "Sensors: 60 silent, 1 heard again"
    lines = notice.text.splitlines()
    assert lines[0] == "M-000 vibration: silent since before 2026-11-21 12:00 UTC"
    assert lines[50:] == ["and 11 more", "Silent in all: 60."]
    assert silence_notice([], [PUMP], now).text.startswith("PUMP-1 vibration: heard again")
