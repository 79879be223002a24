"""What reading a file found: what each column was taken for, what was refused and why, with counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import polars as pl

from mlops_core.files.layout import FileLayout
from mlops_core.files.tables import Table
from mlops_core.text import html_table, printable

REJECTS: Final = pl.Schema(
    {
        "row": pl.Int64(),
        "machine_id": pl.String(),
        "channel": pl.String(),
        "time": pl.String(),
        "value": pl.String(),
        "reason": pl.String(),
    }
)
"""One row for each refused value: `row` counts the data from 1, `time` and `value` are as the file has them."""


def in_schema(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return a frame with exactly the columns of a schema; a column that it lacks is null."""
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
    )


def rejects_of(judged: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that have a `reason` to refuse them, as frame REJECTS."""
    return in_schema(judged.filter(pl.col("reason").is_not_null()), REJECTS).sort("row", "channel")


def conflicts_in(readings: pl.DataFrame) -> int:
    """Return how many of the distinct rows of a frame READINGS repeat the identity of another."""
    return readings.height - readings.select(pl.struct("machine_id", "channel", "event_timestamp").n_unique()).item()


@dataclass(frozen=True)
class FileReport:
    """What became of a file.

    Attributes:
        path: the file.
        columns: what was read from which column (`time`, `machine`, `channel`, `value` ...; in wide data the channel).
        ignored: columns that hold nothing of these.
        encoding, separator: of CSV, as given or found; None of Parquet.
        values: how many values were seen; `empty` cells of wide data hold none.
        accepted: rows of the frame; `not_measured` of them are null, for their quality was BAD.
        repeated: values equal to another in identity and value: counted once.
        conflicting: identities with several values; all are kept, and the larger counts wherever readings are used.
        rejects: frame REJECTS.

    """

    path: str
    columns: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    encoding: str | None = None
    separator: str | None = None
    values: int = 0
    accepted: int = 0
    empty: int = 0
    not_measured: int = 0
    repeated: int = 0
    conflicting: int = 0
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTS), repr=False)

    @classmethod
    def of(cls, table: Table, layout: FileLayout, channels: Mapping[str, str]) -> Self:
        """Return a report of a file that was opened, before its rows are counted."""
        columns = layout.columns() | {channel: column for column, channel in channels.items()}
        ignored = tuple(name for name in table.names if name not in columns.values())
        return cls(str(table.path), columns, ignored, table.encoding, table.separator)

    @property
    def refused(self) -> dict[str, int]:
        """How many values were refused for each reason, the most frequent first."""
        counts = self.rejects.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
        return dict(counts.iter_rows())

    def __str__(self) -> str:
        """Say it in sentences."""
        taken = ", ".join(f"{role} from {column!r}" for role, column in self.columns.items())
        refused = ", ".join(f"{reason} {count:,}" for reason, count in self.refused.items())
        counts = (
            (self.repeated, "repeated"), (self.conflicting, "conflicting"), (self.empty, "empty cells"),
            (self.not_measured, "of BAD quality"),
        )  # fmt: skip
        also = "".join(f", {count:,} {what}" for count, what in counts if count)
        return printable(
            f"{self.path}: {self.values:,} values, {self.accepted:,} accepted{also}, {self.rejects.height:,} refused"
            f"{f' ({refused})' if refused else ''}. Read: {taken or 'nothing'}."
        )

    def _repr_html_(self) -> str:
        counts = {
            name: getattr(self, name)
            for name in ("values", "accepted", "empty", "not_measured", "repeated", "conflicting")
        }
        refused = {f"refused: {reason}": count for reason, count in self.refused.items()}
        return html_table(
            self.path, {**counts, **refused, **{f"{role} from": name for role, name in self.columns.items()}}
        )
