"""CSV and Parquet as columns, before they are interpreted: cells of CSV stay text."""

import codecs
import csv
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO, StringIO
from pathlib import Path
from typing import Final

import polars as pl

from mlops_core.errors import InvalidArgumentError, UnreadableFileError
from mlops_core.files.layout import FileLayout

_PARQUET: Final = frozenset({".parquet", ".pq"})
_SEPARATORS: Final = ",;\t|"
_HEADER_BYTES: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_QUOTED: Final = re.compile(r'"[^"]*"')
_ZIP: Final = b"PK\x03\x04"
_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What Windows writes where a system's owner chose nothing. Times and numbers read the same in all of its siblings.
_ASSUMED: Final = "cp1252"

ROW: Final = "row of the file"
"""The column of a table that counts its rows; a file may have columns called `row`."""


@dataclass(frozen=True)
class Table:
    """A file that was opened: the names of its columns, and of CSV its encoding, separator and lines above the data."""

    path: Path
    names: tuple[str, ...]
    encoding: str | None = None
    separator: str | None = None
    header_lines: int = 0

    def read(self, columns: list[str]) -> pl.DataFrame:
        """Return these columns, each once, and `ROW` (1 is the first of the data). Empty lines are left out.

        A row with more fields than the header has their number in each cell: nothing can be read of it.

        Raises:
            UnreadableFileError: it is damaged, or a column holds lists.

        """
        wanted = list(dict.fromkeys(columns))
        try:
            if self.encoding is None:
                cells = pl.read_parquet(self.path, columns=wanted)
            else:
                cells = self._read_csv(wanted, self.encoding, self.separator or ",")
        except (pl.exceptions.PolarsError, OSError, UnicodeError, EOFError, csv.Error) as error:
            raise _unreadable(self.path, error) from None
        for name, kind in cells.schema.items():
            if kind.is_nested():
                raise UnreadableFileError(
                    str(self.path), f"column {name!r} holds {kind}, not one value a row",
                    "Waveforms become readings by mlops_core.waveform_features",
                )  # fmt: skip
        numbered = cells.with_columns(pl.int_range(1, pl.len() + 1).alias(ROW))
        return numbered.filter(~pl.all_horizontal(pl.col(wanted).is_null()))

    def _read_csv(self, wanted: list[str], encoding: str, separator: str) -> pl.DataFrame:
        places = [self.names.index(name) for name in wanted]
        schema = {f"column_{place}": pl.String for place in range(len(self.names))}
        # polars reads UTF-8; of anything else it is handed the text.
        source = self.path if encoding in {"utf-8", "utf-8-sig"} else BytesIO(self._text(encoding).encode())
        try:
            # Everything as text: how it is to be read is the layout's to say, not guessed from the first rows. And all
            # columns: of some of them polars takes the first fields of a row that has too many, without an error.
            cells = pl.read_csv(
                source,
                has_header=False,
                skip_lines=self.header_lines,
                schema=schema,
                separator=separator,
                raise_if_empty=False,
                missing_columns="insert",
            )
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
            return self._row_by_row(places, encoding, separator)
        return cells.select(pl.col(f"column_{place}").alias(self.names[place]) for place in places)

    def _row_by_row(self, places: list[int], encoding: str, separator: str) -> pl.DataFrame:
        """Read what polars refuses: rows with too many fields, a quote within a field."""
        lines = StringIO("\n".join(_lines(self._text(encoding))[self.header_lines :]))
        fields = len(self.names)
        cells = [
            [row[place] or None if place < len(row) else None for place in places]
            if len(row) <= fields
            else [f"{len(row)} fields, not {fields}"] * len(places)
            for row in csv.reader(lines, delimiter=separator, strict=True)
        ]
        return pl.DataFrame(cells, schema=[(self.names[place], pl.String()) for place in places], orient="row")

    def _text(self, encoding: str) -> str:
        with _opened(self.path) as stream:
            return stream.read().decode(encoding)


def open_file(path: str | Path, chosen: FileLayout, *, roles: Sequence[str]) -> tuple[Table, FileLayout]:
    """Return an opened file, and the layout with the columns that were found for `roles`.

    Raises:
        UnreadableFileError: as `open_table`, or no column is known to hold times, or machines.
        InvalidArgumentError: as `open_table`.

    """
    table = open_table(Path(path), chosen)
    found = chosen.found_in(str(path), table.names, roles=roles)
    has = f"It has: {', '.join(table.names)}"
    if found.time_column is None:
        raise UnreadableFileError(
            str(path), "has no column that is known to hold times", f"{has}. Name it: time_column="
        )
    if found.machine is None and found.machine_column is None:
        raise UnreadableFileError(
            str(path),
            "does not say of which machine its rows are",
            f'{has}. Give machine="PUMP-A01", or machine_column=',
        )
    return table, found


def open_table(path: Path, layout: FileLayout) -> Table:
    """Open a file, to read columns of it.

    Raises:
        UnreadableFileError: it cannot be read, or has no header.
        InvalidArgumentError: there is no such encoding.

    """
    try:
        if path.suffix.lower() in _PARQUET:
            return Table(path, tuple(pl.read_parquet_schema(path)))
        with _opened(path) as stream:
            head = stream.read(_HEADER_BYTES)
            encoding = _encoding(head, stream, layout)
        if head.startswith(_ZIP):
            raise UnreadableFileError(str(path), "is a workbook or an archive", "Save it as CSV in UTF-8")
        lines = _lines(head.decode(encoding, errors="replace"))[layout.skip_lines :]
        if not lines or not lines[0].strip():
            raise UnreadableFileError(str(path), "is empty", "The first line must name the columns")
        text = "\n".join(lines)
        # A quoted name may have several lines, as in a cell of Excel.
        separator = layout.separator or max(_SEPARATORS, key=_QUOTED.sub("", text).partition("\n")[0].count)
        header = csv.reader(StringIO(text), delimiter=separator, strict=True)
        names = tuple(next(header))
    except LookupError:
        raise InvalidArgumentError(
            "encoding", layout.encoding, "There is no encoding of this name", 'Give "cp1252" or "shift_jis", say'
        ) from None
    except (pl.exceptions.PolarsError, OSError, UnicodeError, EOFError, csv.Error) as error:
        raise _unreadable(path, error) from None
    return Table(path, names, encoding, separator, layout.skip_lines + header.line_num)


def _opened(path: Path) -> BufferedIOBase:
    """Open a file for its bytes; what begins as gzip is unpacked, whatever its name."""
    with path.open("rb") as stream:
        is_packed = stream.read(2) == _GZIP
    return gzip.open(path, "rb") if is_packed else path.open("rb")


def _lines(text: str) -> list[str]:
    """Lines as CSV has them: a cell may hold other characters at which Unicode breaks lines."""
    return text.replace("\r\n", "\n").split("\n")


def _encoding(head: bytes, rest: BufferedIOBase, layout: FileLayout) -> str:
    if layout.encoding is not None:
        return codecs.lookup(layout.encoding).name
    marked = next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)
    if marked is not None:
        return marked
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
        while more := rest.read(_HEADER_BYTES):
            decoder.decode(more)
    except UnicodeDecodeError:
        return _ASSUMED
    return "utf-8"


def _unreadable(path: Path, error: Exception) -> UnreadableFileError:
    why = (str(getattr(error, "strerror", None) or error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    hint = (
        "Say what it is written in: encoding=NAME"
        if isinstance(error, UnicodeError)
        else "It must be CSV with a header line (gzip allowed), or Parquet named *.parquet"
    )
    return UnreadableFileError(str(path), f"cannot be read: {why}", hint)
