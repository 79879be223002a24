"""What logs of failures and of events have in common: one row a record of a machine at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from mlops_core.errors import UnreadableFileError
from mlops_core.files.judge import trimmed
from mlops_core.files.layout import FileLayout
from mlops_core.files.report import FileReport, rejects_of
from mlops_core.files.tables import Table, open_table


def open_log(path: str | Path, chosen: FileLayout, *, roles: Sequence[str]) -> tuple[Table, FileLayout]:
    """Return an opened log, and the layout with the columns that were found for `roles`.

    Raises UnreadableFileError where no column is known to hold times, or machines.
    """
    table = open_table(Path(path), chosen)
    layout = chosen.found_in(str(path), table.names, roles=roles)
    if layout.time_column is None or (layout.machine is None and layout.machine_column is None):
        missing = "times" if layout.time_column is None else "machines"
        raise UnreadableFileError(
            str(path), f"has no column that is known to hold {missing}",
            f"It has: {', '.join(table.names)}. Name it: {'time' if missing == 'times' else 'machine'}_column=",
        )  # fmt: skip
    return table, layout


def machine_ids(layout: FileLayout) -> pl.Expr:
    """Return the machine of each row, by its id in the fleet."""
    machine = pl.lit(layout.machine) if layout.machine_column is None else trimmed(pl.col(layout.machine_column))
    return machine.replace(layout.machine_names).alias("machine_id")


def log_report(
    table: Table, layout: FileLayout, judged: pl.DataFrame, distinct: pl.DataFrame, columns: Mapping[str, str]
) -> FileReport:
    """Return the report of a log.

    Args:
        table: the file.
        layout: which column holds what, and `columns` what is read beside it.
        judged: one row a record, with the reason to refuse it where there is one, and what REJECTS says of it.
        distinct: those that were accepted, each once.
        columns: by what they hold.

    """
    return replace(
        FileReport.of(table, layout, columns),
        values=judged.height,
        accepted=distinct.height,
        repeated=judged["reason"].null_count() - distinct.height,
        rejects=rejects_of(judged),
    )
