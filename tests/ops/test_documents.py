"""Every ``mlops`` command in the documents names a verb and options that exist."""

import re
from pathlib import Path

import pytest
import typer

from ops.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|`|\s)(?:\.venv/bin/)?mlops ([a-z][^`#\n]*(?:\\\n[^`#\n]*)*)", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    return [(file.name, command) for file in DOCUMENTS for command in COMMAND.findall(file.read_text())]


def options(words: list[str]) -> set[str] | None:
    """The options of the verb that the words begin with; None where there is no such verb."""
    command = typer.main.get_command(app)
    for word in words:
        below = getattr(command, "commands", {})
        if word not in below:
            break
        command = below[word]
    if hasattr(command, "commands"):
        return None
    return {option for parameter in command.params for option in parameter.opts}


def test_the_documents_show_commands() -> None:
    assert {"README.md", "your-data.md", "runbook.md"} <= {name for name, _ in commands()}


@pytest.mark.parametrize(("document", "command"), commands())
def test_a_command_in_a_document_can_be_typed(document: str, command: str) -> None:
    known = options(command.split())
    assert known is not None, f"{document}: no verb in {command!r}"
    assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", command)) <= known
