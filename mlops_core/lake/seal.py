"""A stored table says what it holds, how many rows and the hash of their content, so that a changed one is noticed.

Parquet itself notices a file that was cut off, not a row that is missing or a value that was changed. The hash is of
values and not of bytes: another release of polars, or another compression, gives the same.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import polars as pl
from polars import selectors

__all__ = ["seal_of", "seal_problem"]

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
    # Few expressions over all columns: one a column costs several times as much in a partition of few thousand rows.
    texts = frame.select_seq(selectors.string().fill_null(""))
    joined = texts.select_seq(pl.all().str.join(""))
    lengths = texts.select_seq(pl.all().str.len_bytes().cast(pl.UInt32))
    fixed = frame.select_seq(
        selectors.numeric().fill_null(0),
        selectors.temporal().to_physical().fill_null(0),
        selectors.boolean().cast(pl.UInt8).fill_null(0),
    )
    values = {column.name: column for column in (*lengths.iter_columns(), *fixed.iter_columns())}
    without_nulls = bytes(frame.height)
    digest = hashlib.sha256()
    for column in frame.iter_columns():
        name = column.name
        digest.update(f"{name}:{column.dtype}\n".encode())
        digest.update(column.is_null().cast(pl.UInt8).to_numpy().tobytes() if column.null_count() else without_nulls)
        if name in values:
            digest.update(values[name].to_numpy().tobytes())
        else:
            digest.update(repr(column.to_list()).encode())
        if name in joined:
            digest.update(joined[name][0].encode())
    return digest.hexdigest()
