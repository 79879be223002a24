"""The checkpoint as it is stored."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.errors import MalformedObjectError
from mlops_core.lake import Built, Checkpoint


def at(hour: int) -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC) + timedelta(hours=hour)


def test_a_checkpoint_survives_storage_and_equal_ones_are_equal_bytes():
    checkpoint = Checkpoint(
        version=7,
        processed_from=at(0),
        processed_until=at(5),
        hours={"2026-11-21T04": Built("ab", "cd", 5).text},
        due={"2026-11-21T03": ("A", "B"), "2026-11-21T04": None},
        unoffered_from=at(4),
        made_with={"hop": "60m", "features": "1h,6h"},
    )
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint
    assert Checkpoint.decode(checkpoint.encode()).encode() == checkpoint.encode()
    assert checkpoint.built("2026-11-21T04") == Built("ab", "cd", 5)


def test_a_checkpoint_of_the_first_release_says_what_is_due_and_of_no_hour_what_it_was_built_from():
    body = b"""{"version": 3, "processed_from": "2026-11-21T00:00:00Z", "processed_until": "2026-11-21T05:00:00Z",
        "hours": {"2026-11-21T04/00": "ab", "2026-11-21T04/01": "cd"}, "due": ["2026-11-21T03/01"]}"""
    checkpoint = Checkpoint.decode(body)
    assert (checkpoint.hours, checkpoint.due, checkpoint.made_with) == ({}, {"2026-11-21T03": None}, None)
    assert checkpoint.processed_until == at(5)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'{"version": 1, "hours": {}}'])
def test_anything_else_is_no_checkpoint(body):
    with pytest.raises(MalformedObjectError, match="checkpoint"):
        Checkpoint.decode(body)


def test_a_checkpoint_with_an_hour_that_cannot_be_is_refused():
    checkpoint = Checkpoint(version=1, processed_from=at(0), processed_until=at(5), hours={"2026-11-21T04": "a/b/1"})
    with pytest.raises(MalformedObjectError, match="2026-13-21"):
        Checkpoint.decode(checkpoint.encode().replace(b'"2026-11-21T04"', b'"2026-13-21T04"'))
