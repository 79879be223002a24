"""The examples in the docstrings of the public functions, run in the order of a day's work."""

import doctest
import inspect
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import mlops_core as mc

NAMES = [name for name in mc.__all__ if inspect.isfunction(getattr(mc, name))]


@pytest.fixture(scope="module")
def elsewhere():
    """What the examples take for granted: a fleet's history and what earlier examples make of it."""
    history = mc.simulate_fleet(
        [f"PUMP-{number}" for number in range(8)],
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 3, 1, tzinfo=UTC),
        interval="30m",
        seed=7,
    )
    features = mc.compute_features(history.readings)
    labelled = mc.label_features(features, history.failures).gather_every(3)  # a third of the rows to learn from
    return {
        "mc": mc,
        "pl": pl,
        "datetime": datetime,
        "UTC": UTC,
        "Path": Path,
        "history": history,
        "features": features,
        "labelled": labelled,
        "model": mc.train(labelled, seed=7),
        "baseline": mc.fit_baseline(features),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_public_function_documents_each_argument_and_its_result(name):
    words = inspect.cleandoc(getattr(mc, name).__doc__)
    sections = dict(re.findall(r"^(\w+):\n(.*?)(?=^\S|\Z)", words, re.MULTILINE | re.DOTALL))
    documented = {
        each.lstrip("*")
        for names in re.findall(r"^ {4}(\*{0,2}\w[\w*, ]*):", sections["Args"], re.MULTILINE)
        for each in names.split(", ")
    }
    assert documented == set(inspect.signature(getattr(mc, name)).parameters)
    assert sections["Returns"]


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_public_function_gives_what_it_says(name, elsewhere, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(mc, name), name, globs=dict(elsewhere))
    assert found.examples, f"{name} has no example"
    report: list[str] = []
    assert doctest.DocTestRunner().run(found, out=report.append).failed == 0, "".join(report)
