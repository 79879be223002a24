"""Pieces of work are as long as the time that is left allows, and the first is begun whatever the time."""

from types import SimpleNamespace

from handlers.deadline import Pace


class Clock:
    def __init__(self, left):
        self.left = left

    def pace(self):
        return Pace(SimpleNamespace(get_remaining_time_in_millis=lambda: self.left))


def test_the_first_piece_is_one_unit_however_little_time_is_left():
    assert Clock(300_000).pace().room(6) == 1
    assert Clock(1).pace().room(6) == 1


def test_later_pieces_take_half_of_the_time_that_is_left_by_what_a_unit_took():
    clock = Clock(100_000)
    pace = clock.pace()
    pace.room(6)
    clock.left -= 10_000
    pace.ended(1)
    assert (pace.room(6), pace.room(2)) == (4, 2)
    clock.left -= 60_000  # 15 s a unit
    pace.ended(4)
    assert pace.room(6) == 1
    clock.left -= 15_000
    pace.ended(1)
    assert pace.room(6) == 0


def test_time_between_two_pieces_is_no_measure_of_a_unit():
    clock = Clock(100_000)
    pace = clock.pace()
    clock.left -= 50_000
    pace.room(6)
    clock.left -= 1000
    pace.ended(1)
    assert pace.room(100) == 24


def test_work_that_takes_no_time_is_bounded_by_what_was_asked_for():
    pace = Clock(1000).pace()
    pace.room(6)
    pace.ended(1)
    assert pace.room(6) == 6
