"""The one way by which verbs print: tables, lines or one JSON document on standard output, the rest on standard error.

Whatever is printed may hold text from outside (payloads, event codes, notes, file names): nothing of it reaches the
terminal as a control character, as markup or as a link. A test holds that no other module of `ops` prints.
"""

import csv
import json
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from mlops_core.text import printable
from ops.options import TABLES_AS_CSV

_ANY_WIDTH = 10_000


class Advance(Protocol):
    """Moves a progress bar by a number of items."""

    def __call__(self, items: int, /) -> None: ...  # noqa: D102 - the class says it


def print_json(document: Mapping[str, object]) -> None:
    """Print ``document`` as indented JSON, times as ISO 8601, keys as given."""
    print(json.dumps(document, indent=2, default=_plain, allow_nan=False))  # ASCII only, by the encoder's default


def print_answer(document: Mapping[str, object], *lines: str, as_json: bool) -> None:
    """Print what a command did: ``document`` where JSON is asked for, otherwise ``lines``."""
    if as_json:
        print_json(document)
        return
    for line in lines:
        print_line(line)


def print_listing(
    document: Mapping[str, object],
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    as_json: bool,
    unbroken: Sequence[str] = (),
    if_empty: str | None = None,
) -> None:
    """Print what a command lists: ``document`` where JSON is asked for, otherwise a table, as `print_table` does."""
    if as_json:
        print_json(document)
    else:
        print_table(title, columns, rows, unbroken=unbroken, if_empty=if_empty)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    unbroken: Sequence[str] = (),
    if_empty: str | None = None,
) -> None:
    """Print rows under their column names; None shows as a dash, times to the second in UTC.

    unbroken: columns whose text stays on one line however narrow the terminal is: what is there to be copied.
    if_empty: the line that is printed in place of a table without rows.
    """
    if if_empty is not None and not rows:
        print_line(if_empty)
        return
    if TABLES_AS_CSV.get():
        _print_csv(columns, rows)
        return
    table, console = table_of(title, columns, rows, unbroken=unbroken), Console()
    if not console.is_terminal:  # who reads a pipe or a file has all the width there is: no word is broken
        widest = console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).maximum
        console = Console(width=widest)
    console.print(table)


def table_of(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, unbroken: Sequence[str] = ()
) -> Table:
    """Return the table that `print_table` prints."""
    table = Table(title=_text(title), title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        justify = "right" if any(isinstance(row[index], int | float) for row in rows) else "left"
        table.add_column(_text(column), justify=justify, overflow="fold", no_wrap=column in unbroken)
    for row in rows:
        table.add_row(*(_text(_cell(value)) for value in row))
    return table


def print_line(line: str) -> None:
    """Print one line of the report as it is: no markup, and what cannot be printed as its escape.

    Beside tables as CSV it goes to standard error.
    """
    Console(stderr=TABLES_AS_CSV.get()).print(_text(line), soft_wrap=True)


def print_error(problem: str) -> None:
    """Print one line about what went wrong on standard error."""
    print(f"error: {printable(problem)}", file=sys.stderr)


def print_markdown(text: str) -> None:
    """Print Markdown as a terminal shows it, with the addresses of its links written out."""
    Console().print(Markdown(printable(text, keep="\n"), hyperlinks=False))


@contextmanager
def progress_bar(description: str, total: int, *, unit: str, quiet: bool = False) -> Generator[Advance]:
    """A bar with the rate in ``unit`` a second and the time left, on standard error where that is a terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(description, total=total)
        yield lambda items: progress.advance(task, items)


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} {self._unit}/s")


def _print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)


def _csv_cell(value: object) -> object:
    """Return a value as it is, times as ISO 8601; text that a spreadsheet would take for a formula is quoted."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return _plain(value)
    text = printable(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _text(value: str) -> Text:
    return Text(printable(value))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    message = f"{type(value).__name__} is not part of a report"
    raise TypeError(message)
