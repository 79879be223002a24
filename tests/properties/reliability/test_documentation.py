"""The page on reliability speaks of tests that exist, and of every invariant and every fault."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", PAGE)))


@cache
def functions(file: Path) -> frozenset[str]:
    return frozenset(node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("test", TESTS)
def test_a_test_that_the_page_names_exists(test):
    file, _, name = test.partition("::")
    assert (ROOT / file).is_file()
    assert not name or name in functions(ROOT / file)


@pytest.mark.parametrize("row", [*(f"I{number}" for number in range(1, 19)), *map(str, range(1, 30))])
def test_every_invariant_and_every_fault_has_a_row_with_its_tests_or_says_that_it_has_none(row):
    [cells] = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    assert re.search(r"`tests/|not yet covered", cells.rsplit(" | ", 1)[1])
