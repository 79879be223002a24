"""Text that came from outside, made safe to show: a machine, a file or a colleague chose its characters."""

from collections.abc import Mapping
from typing import Final

_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def printable(text: str, *, keep: str = "") -> str:
    r"""Return `text` with every character that cannot be printed written as its escape (`\x1b`, `\u202e`).

    Control characters move a terminal's cursor or set its title; bidirectional ones make a page show something else
    than it says; line breaks forge further lines of a log. Spaces, and the characters in `keep`, stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else ascii(character)[1:-1] for character in text
    )


def html_table(title: str, rows: Mapping[str, object]) -> str:
    """A heading and a table of two columns as HTML, for notebooks. Numbers have four digits, None is a dash."""
    cells = "".join(
        f"<tr><td style='text-align:left'>{_cell(name)}</td><td style='text-align:right'>{_cell(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<strong>{_cell(title)}</strong><table>{cells}</table>"


def _cell(value: object) -> str:
    match value:
        case None:
            shown = "-"
        case float():
            shown = f"{value:.4g}"
        case int():
            shown = f"{value:,}"
        case _:
            shown = str(value)
    return printable(shown).translate(_HTML)
