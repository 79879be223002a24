"""Every command in the documents can be typed: verbs, options, targets, keys and outputs that exist."""

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from contract.outputs import StackOutputs
from infra.settings import key_schemas
from ops.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"(?:^|`|\s)(?:\.venv/bin/)?mlops ([a-z][^`#\n]*(?:\\\n[^`#\n]*)*)", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    return [(file.name, command) for file in DOCUMENTS for command in COMMAND.findall(file.read_text())]


@cache
def commands_of_app() -> Any:
    return typer.main.get_command(app)


def options(words: list[str]) -> set[str] | None:
    """The options of the verb that the words begin with; None where there is no such verb."""
    command = commands_of_app()
    for word in (alternatives.split("|")[0] for alternatives in words):
        below = getattr(command, "commands", {})
        if word not in below:
            break
        command = below[word]
    if hasattr(command, "commands") and not getattr(command, "invoke_without_command", False):
        return None
    return {option for parameter in command.params for option in parameter.opts}


def test_the_documents_show_commands() -> None:
    assert {"README.md", "tutorial.md", "commands.md", "your-data.md", "runbook.md"} <= {name for name, _ in commands()}


@pytest.mark.parametrize(("document", "command"), commands())
def test_a_command_in_a_document_can_be_typed(document: str, command: str) -> None:
    known = options(command.split())
    assert known is not None, f"{document}: no verb in {command!r}"
    assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", command)) <= known


def found(pattern: str) -> set[tuple[str, str]]:
    """What a pattern captures in code of the documents, beside the name of the document."""
    code = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
    return {
        (file.name, name)
        for file in DOCUMENTS
        for part in code.findall(file.read_text())
        for name in re.findall(pattern, part)
    }


def unknown(names: set[tuple[str, str]], known: set[str]) -> set[tuple[str, str]]:
    assert names
    return {(document, name) for document, name in names if name not in known}


def test_a_make_target_in_a_document_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert not unknown(found(r"(?:^|`)make ([a-z]+)"), targets)


def test_a_configuration_key_in_a_document_exists() -> None:
    assert not unknown(found(r"pulumi config (?:set|get|rm) (?:--path )?'?([A-Za-z]+)"), {*key_schemas(), "KEY"})
    assert not unknown(found(r"mlops-industrial:([A-Za-z]+)"), set(key_schemas()))


def test_a_stack_output_in_a_document_exists() -> None:
    names = {field.name for field in dataclasses.fields(StackOutputs)}
    assert not unknown(found(r"pulumi stack output ([a-z_]+)"), names)
