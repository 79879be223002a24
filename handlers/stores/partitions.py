"""Frames of the lake as Parquet, one object a partition: read as a whole, replaced as a whole and only as it was seen.

A run looks at the versions of the partitions before it looks at the raw data. What it writes was then computed from at
least the data that any version it saw was computed from. A run that others have overtaken since is refused by S3, so an
older result never replaces a newer one, however late it comes.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import polars as pl

from handlers.stores.clients import THREADS
from handlers.stores.held_frames import HeldFrames
from handlers.stores.lake import DataLake
from mlops_core.errors import MalformedObjectError, MlopsError
from mlops_core.lake import BLANK_SEAL, is_as_sealed, sealed, values_problem


def encode_parquet(frame: pl.DataFrame, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a frame as sealed Parquet; equal frames give equal bytes, since every option is fixed."""
    sink, frame = BytesIO(), frame.rechunk()
    frame.write_parquet(
        sink,
        compression="zstd",
        compression_level=3,
        statistics=True,
        row_group_size=131_072,
        use_pyarrow=False,
        metadata={**BLANK_SEAL, **(metadata or {})},
    )
    return sealed(sink)


UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""How polars says that bytes are no Parquet, or not whole."""


def decode_parquet(body: bytes) -> pl.DataFrame:
    """Return the frame of an object. Raises MalformedObjectError where it is not whole, or not what was written."""
    is_sealed = _has_seal(body)
    try:
        frame = pl.read_parquet(BytesIO(body))
        problem = None if is_sealed else values_problem(frame, pl.read_parquet_metadata(BytesIO(body)))
    except UNREADABLE as error:
        raise MalformedObjectError("object", str(error)) from error
    if problem is not None:
        raise MalformedObjectError("object", problem)
    return frame


def decode_each(bodies: Sequence[bytes], where: pl.Expr | None = None) -> Sequence[pl.DataFrame | MalformedObjectError]:
    """Return the frame of each object, or its error. `where` selects rows.

    Decoding small objects together costs half of what it costs one by one.
    """
    try:
        if all(map(_has_seal, bodies)):
            tables = [pl.scan_parquet(BytesIO(body)) for body in bodies]
            return pl.collect_all(tables if where is None else [table.filter(where) for table in tables])
    except (MalformedObjectError, *UNREADABLE):
        pass  # the next lines find out which of them it is
    found: list[pl.DataFrame | MalformedObjectError] = []
    for body in bodies:
        try:
            frame = decode_parquet(body)
            found.append(frame if where is None else frame.filter(where))
        except MalformedObjectError as error:
            found.append(error)
    return found


def _has_seal(body: bytes) -> bool:
    """Whether an object has a seal of its bytes. Raises MalformedObjectError where its bytes differ from the seal."""
    is_intact = is_as_sealed(body)
    if is_intact is False:
        raise MalformedObjectError("object", "holds other bytes than it was written with")
    return is_intact is True


def rows_of(body: bytes) -> int:
    """Return how many rows an object says it holds, without reading them. Raises MalformedObjectError."""
    try:
        return pl.scan_parquet(BytesIO(body)).select(pl.len()).collect().item()
    except UNREADABLE as error:
        raise MalformedObjectError("object", str(error)) from error


def slices_of(body: bytes, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of an object in order, `rows` at a time. A seal of values (earlier releases) is not checked.

    Raises MalformedObjectError.
    """
    _has_seal(body)
    height = rows_of(body)
    try:
        for first in range(0, height, rows):
            yield pl.scan_parquet(BytesIO(body)).slice(first, rows).collect()
    except UNREADABLE as error:
        raise MalformedObjectError("object", str(error)) from error


_READ_AT_ONCE = 24
"""Partitions whose bytes are held beside their frames: a week of hours is not held twice."""


class DamagedPartitionError(MlopsError):
    """A partition that cannot be read, or that was committed and is gone (`version` is "" then)."""

    def __init__(self, key: str, version: str, problem: str) -> None:
        super().__init__(f"{key} cannot be read: {problem}", "See what can be done: mlops doctor")
        self.key = key
        self.version = version
        self.problem = problem


class OutdatedPartitionError(MlopsError):
    """Buckets of another hop than that of today."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} holds buckets of another hop", "Compute it again: mlops backfill")
        self.key = key


class Partitions:
    """The partitions under some prefixes, as they were when this run looked and as it has left them since.

    held: the prefix of those whose frames are held, once read or written, where they are small.
    """

    def __init__(self, lake: DataLake, prefixes: Iterable[str], *, held: str | None = None) -> None:
        self._lake = lake
        self._held = HeldFrames(held)
        self._prefixes = tuple(prefixes)
        self._seen = lake.versions_under(self._prefixes)

    def under(self, prefix: str) -> list[str]:
        """Return the keys of the partitions under a prefix, in their order."""
        return sorted(key for key in self._seen if key.startswith(prefix))

    def under_any(self, keys: Iterable[str]) -> list[str]:
        """Return those of `keys` that exist."""
        return [key for key in keys if self._version(key) is not None]

    def read(
        self, keys: Collection[str], *, committed: Container[str] = (), schema: Mapping[str, pl.DataType] | None = None
    ) -> dict[str, pl.DataFrame]:
        """Return the frames of those partitions of `keys` that exist, by key; the `committed` ones of them must.

        schema: the columns that each must have. Raises DamagedPartitionError where one cannot be read, or is gone.
        """
        for key in keys:
            if key in committed and self._version(key) is None:
                raise DamagedPartitionError(key, "", "it was written and is gone")
        frames, damaged = self.read_undamaged(keys)
        if damaged:
            raise damaged[0]
        for key, frame in frames.items():
            if schema is not None and frame.schema != schema:
                raise DamagedPartitionError(key, self._version(key) or "", "its columns are others")
        return frames

    def earlier(self, key: str) -> pl.DataFrame | None:
        """Return the latest earlier version of a partition that can be read; None where the bucket keeps none."""
        return self._lake.earlier(key, decode_parquet)

    def read_undamaged(self, keys: Iterable[str]) -> tuple[dict[str, pl.DataFrame], list[DamagedPartitionError]]:
        """Return the frames of the existing partitions among `keys`, by key, and an error for each damaged one."""
        frames: dict[str, pl.DataFrame] = {}
        damaged: list[DamagedPartitionError] = []
        existing = self.under_any(keys)
        for first in range(0, len(existing), _READ_AT_ONCE):
            portion = existing[first : first + _READ_AT_ONCE]
            held = {key: frame for key in portion if (frame := self._held.get(key)) is not None}
            read = [key for key in portion if key not in held]
            decoded = dict(zip(read, decode_each(self._lake.read_all(read)), strict=True))
            for key in portion:
                found = held[key] if key in held else decoded[key]
                if isinstance(found, MalformedObjectError):
                    damaged.append(DamagedPartitionError(key, self._version(key) or "", found.problem))
                else:
                    self._held.put(key, found)
                    frames[key] = found
        return frames, damaged

    def write(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Replace partitions, in parallel. Raises ObjectMovedError where another run has written one since."""
        with ThreadPoolExecutor(THREADS) as pool:
            for key, seen in zip(frames, pool.map(self._replace, frames, frames.values()), strict=True):
                self._seen[key] = seen
                self._held.put(key, frames[key])

    def _replace(self, key: str, frame: pl.DataFrame) -> str:
        return self._lake.replace(key, encode_parquet(frame), seen=self._version(key))

    def _version(self, key: str) -> str | None:
        if not key.startswith(self._prefixes):
            raise ValueError(f"{key} was not looked at: it lies under none of {', '.join(self._prefixes)}")
        return self._seen.get(key)
