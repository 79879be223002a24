"""Frames of partitions are held while they are small and few, so that a run's memory does not grow with the fleet."""

import polars as pl

from handlers.stores.held_frames import HeldFrames


def frame(megabytes: float) -> pl.DataFrame:
    return pl.DataFrame({"value": [0.0] * int(megabytes * 2**20 / 8)})


def test_what_was_put_last_under_a_key_is_held():
    held, second = HeldFrames("buckets/"), frame(0.2)
    held.put("buckets/1", frame(0.1))
    held.put("buckets/1", second)
    assert held.get("buckets/1") is second


def test_a_frame_that_grew_too_large_is_no_longer_held_as_it_was():
    held = HeldFrames("buckets/")
    held.put("buckets/1", frame(0.1))
    held.put("buckets/1", frame(1))
    assert held.get("buckets/1") is None


def test_frames_of_other_prefixes_are_not_held_and_without_a_prefix_none_is():
    held, nothing = HeldFrames("buckets/"), HeldFrames(None)
    held.put("features/1", frame(0.1))
    nothing.put("buckets/1", frame(0.1))
    assert held.get("features/1") is nothing.get("buckets/1") is None


def test_the_oldest_make_room_for_the_newest():
    held = HeldFrames("buckets/")
    for number in range(100):
        held.put(f"buckets/{number}", frame(0.4))
    kept = [number for number in range(100) if held.get(f"buckets/{number}") is not None]
    assert kept == list(range(100 - len(kept), 100))
    assert 20 <= len(kept) * 0.4 <= 24
