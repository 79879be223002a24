"""Stored records: canonical bytes, strict types, and room for the fields of a newer release."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from mlops_core.records import Number, UtcInstant, canonical_json, record_from_json


@dataclass(frozen=True)
class Part:
    name: str
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Whole:
    rows: int
    at: UtcInstant
    settings: Mapping[str, Number]
    part: Part
    note: str | None = None


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
WHOLE = Whole(3, NOON, {"leaves": 31, "rate": 0.1}, Part("a", (0.5, 1.0)))


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(canonical_json(WHOLE)), **fields}).encode()


def test_a_record_is_read_as_it_was_written_and_written_as_it_was_read():
    content = canonical_json(WHOLE)
    assert record_from_json(Whole, content) == WHOLE
    assert canonical_json(record_from_json(Whole, content)) == content


def test_bytes_are_canonical():
    assert canonical_json({"b": (1, 2.0), "a": NOON}) == b'{"a":"2026-01-31T12:00:00.000000Z","b":[1,2.0]}\n'
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"a": float("nan")})


@pytest.mark.parametrize(
    "wrong",
    [{"rows": "3"}, {"rows": 3.5}, {"rows": None}, {"at": "2026-01-31T12:00:00"}, {"part": []}, {"note": 5}],
    ids=str,
)
def test_a_field_of_another_type_is_refused(wrong):
    with pytest.raises(ValidationError):
        record_from_json(Whole, changed(**wrong))


def test_a_missing_field_is_refused_and_an_unknown_one_ignored_at_every_depth():
    with pytest.raises(ValidationError):
        record_from_json(Whole, b"{}")
    newer = changed(invented=1, part={"name": "a", "shares": [0.5, 1.0], "invented": 2})
    assert record_from_json(Whole, newer) == WHOLE


def test_an_instant_of_another_offset_is_the_same_instant_in_utc():
    read = record_from_json(Whole, changed(at=NOON.astimezone(timezone(timedelta(hours=-3))).isoformat()))
    assert read.at == NOON
    assert read.at.tzinfo is UTC
