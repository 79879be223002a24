"""A stored table carries a seal, the hash of its file, so that a changed one is noticed without being decoded.

Parquet itself notices a file that was cut off, not a row that is missing or a value that was changed. The seal is an
entry of the file's own metadata, which is why it is the hash of all other bytes: the file is encoded with a blank seal,
and the blank is filled in. Tables of earlier releases have a hash of their values instead, or none.
"""

import hashlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Final

import polars as pl

from mlops_core.errors import MalformedObjectError

SEAL: Final = "sha256 of the other bytes"
ROWS: Final = "rows"
CONTENT: Final = "content_sha256"

_BLANK: Final = "0" * 64
BLANK_SEAL: Final = {SEAL: _BLANK}
"""The metadata that a table is to be encoded with."""


def sealed(file: BytesIO) -> bytes:
    """Return an encoded table with its blank seal filled in, where it lies: a large one is not held twice.

    Raises:
        MalformedObjectError: it has no blank seal.

    """
    start = _seal_start(file.getvalue())
    if start is None or file.getvalue()[start : start + len(_BLANK)] != _BLANK.encode():
        raise MalformedObjectError("table", "was encoded without a blank seal")
    seal = _hash(file.getvalue(), start)
    file.seek(start)
    file.write(seal)
    return file.getvalue()


def is_as_sealed(file: bytes) -> bool | None:
    """Whether a table's file holds what it was written with; None: it has no seal, or is none."""
    start = _seal_start(file)
    return None if start is None else file[start : start + len(_BLANK)] == _hash(file, start)


def _seal_start(file: bytes) -> int | None:
    """Return where a seal begins: behind its name, the type of a field and a length of one byte each (Thrift)."""
    found = file.rfind(SEAL.encode())
    return None if found < 0 else found + len(SEAL) + 2


def _hash(file: bytes, start: int) -> bytes:
    view = memoryview(file)
    digest = hashlib.sha256(view[:start])
    digest.update(view[start + len(_BLANK) :])
    return digest.hexdigest().encode()


def values_problem(frame: pl.DataFrame, metadata: Mapping[str, str]) -> str | None:
    """Return what is wrong with a table of an earlier release, whose seal is a hash of its values, by its metadata.

    None where nothing is, and where it has no seal. Another release of polars, or another compression, gives the same.
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
