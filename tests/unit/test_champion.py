"""The champion's record adds promotions and never loses one."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.errors import MalformedObjectError, NothingToRollBackError
from mlops_core.prognosis import Champion, promoted

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def champion_of(*versions: str) -> Champion:
    champion = None
    for number, version in enumerate(versions):
        champion = promoted(champion, version, at=AT + timedelta(hours=number), reason=f"move {number + 1}")
    return champion


def test_each_promotion_names_what_it_replaces_and_keeps_all_that_came_before():
    champion = champion_of("a", "b", "a")
    assert [(move.sequence, move.version, move.previous) for move in champion.promotions] == [
        (1, "a", None),
        (2, "b", "a"),
        (3, "a", "b"),
    ]
    assert champion.version == "a"
    assert champion.recent == ("a", "b")


def test_what_is_encoded_is_decoded_and_says_at_its_top_what_serves():
    champion = champion_of("a", "b")
    assert Champion.decode(champion.encode()) == champion
    top = json.loads(champion.encode())
    assert (top["version"], top["previous"], top["reason"]) == ("b", "a", "move 2")
    assert top["promoted_at"] == "2026-11-21T09:30:00.000000Z"


@pytest.mark.parametrize("versions", [("a",), ("a", "a")])
def test_the_only_model_there_ever_was_has_none_to_go_back_to(versions):
    with pytest.raises(NothingToRollBackError):
        _ = champion_of(*versions).previous


def test_a_rollback_goes_to_the_other_model_that_served_last():
    assert champion_of("a", "b", "c", "c").previous == "b"
    assert champion_of("a", "b", "a").previous == "b"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"history":[]}', b'{"history":[{"version":"a"}]}'])
def test_anything_else_is_refused(content):
    with pytest.raises(MalformedObjectError):
        Champion.decode(content)
