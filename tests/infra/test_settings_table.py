"""The table of settings names every key of the project file, once, with its default."""

import re
from pathlib import Path

from infra.settings import key_schemas

TABLE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")


def rows() -> list[tuple[list[str], str]]:
    found = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", TABLE, re.MULTILINE)
    return [(re.findall(r"`(\w+)`", keys), defaults.strip()) for keys, defaults in found]


def test_the_table_names_every_key_once():
    named = [key for keys, _ in rows() for key in keys]
    assert sorted(named) == sorted(key_schemas())


def test_numbers_in_the_column_of_defaults_are_those_of_the_project_file():
    schemas = key_schemas()
    for keys, text in rows():
        for key, default in zip(keys, text.split(", "), strict=False):
            if schemas[key].get("type") in {"integer", "number"} and len(keys) == len(text.split(", ")):
                assert float(default) == schemas[key]["default"], key
