"""A stored table says what it holds, how many rows and the hash of their content, so that a changed one is noticed.

Parquet itself notices a file that was cut off, not a row that is missing or a value that was changed. The hash is of
values and not of bytes: another release of polars, or another compression, gives the same.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

ROWS: Final = "rows"
CONTENT: Final = "content_sha256"


def seal_of(frame: pl.DataFrame) -> dict[str, str]:
    """Return the metadata that a table is to be stored with."""
    return {ROWS: str(frame.height), CONTENT: _content_hash(frame)}


def seal_problem(frame: pl.DataFrame, metadata: Mapping[str, str]) -> str | None:
    """Return what is wrong with a table that was read with its metadata; None where nothing is.

    Tables of earlier releases have no seal, and pass.
    """
    if CONTENT not in metadata:
        return None
    if metadata.get(ROWS) != str(frame.height):
        return f"holds {frame.height} rows and was written with {metadata.get(ROWS)}"
    if metadata[CONTENT] != _content_hash(frame):
        return "holds other values than it was written with"
    return None


def _content_hash(frame: pl.DataFrame) -> str:
    # A partition has many columns and few rows: an expression costs more than what it computes, so numbers and moments
    # without nulls are taken as they lie in memory.
    digest = hashlib.sha256()
    without_nulls = bytes(frame.height)
    for column in frame.iter_columns():
        digest.update(f"{column.name}:{column.dtype}\n".encode())
        has_nulls = column.null_count() > 0
        digest.update(column.is_null().cast(pl.UInt8).to_numpy().data if has_nulls else without_nulls)
        for part in _values(column, has_nulls=has_nulls):
            digest.update(part)
    return digest.hexdigest()


def _values(column: pl.Series, *, has_nulls: bool) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a column's values, nulls as nothing or zero."""
    kind = column.dtype
    if kind == pl.String:
        texts = column.fill_null("") if has_nulls else column
        yield texts.str.len_bytes().cast(pl.UInt32).to_numpy().data
        yield texts.str.join("")[0].encode()
    elif kind.is_numeric():
        yield (column.fill_null(0) if has_nulls else column).to_numpy().data
    elif kind == pl.Boolean:
        yield column.cast(pl.UInt8).fill_null(0).to_numpy().data
    elif kind == pl.Datetime and not has_nulls:
        yield column.to_numpy().view("i8").data
    elif kind.is_temporal():
        yield column.to_physical().fill_null(0).to_numpy().data
    else:
        yield repr(column.to_list()).encode()
