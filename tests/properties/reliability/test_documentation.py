"""The pages on reliability and security speak of every invariant, every fault and every threat."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()


@pytest.mark.parametrize("row", [*(f"I{number}" for number in range(1, 19)), *map(str, range(1, 30))])
def test_every_invariant_and_every_fault_has_a_row_with_its_tests_or_says_that_it_has_none(row):
    [cells] = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    assert re.search(r"`tests/|not yet covered", cells.rsplit(" | ", 1)[1])


def rows_below(heading: str) -> list[str]:
    """The rows of the table in a section of the page on security."""
    section = re.split(r"^## ", SECURITY, flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(f"{heading}\n")]
    return [line for line in text.splitlines() if line.startswith("| ")][2:]


def test_every_threat_has_its_tests_or_says_that_it_has_none():
    threats = rows_below("Threats")
    assert len(threats) > 10
    assert [row for row in threats if not re.search(r"`tests/|not covered", row.rsplit(" | ", 1)[1])] == []


def test_there_are_at_most_six_exceptions_each_with_its_reason():
    exceptions = rows_below("Exceptions")
    assert 0 < len(exceptions) <= 6
    rule = r"\| (?:CKV_AWS_\d+|[a-z].+ \(a rule of ours.*\)) \| .+ \| .{40,} \|"
    assert all(re.fullmatch(rule, row) for row in exceptions)
