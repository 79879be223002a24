"""Frames of the lake as Parquet, one object a partition: read as a whole, replaced as a whole and only as it was seen.

A run looks at the versions of the partitions before it looks at the raw data. What it writes was then computed from at
least the data that any version it saw was computed from. A run that others have overtaken since is refused by S3, so an
older result never replaces a newer one, however late it comes.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import polars as pl

from handlers.stores.clients import THREADS
from handlers.stores.held_frames import HeldFrames
from handlers.stores.lake import DataLake
from mlops_core.errors import MalformedObjectError, MlopsError
from mlops_core.lake import seal_of, seal_problem


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
        metadata={**seal_of(frame), **(metadata or {})},
    )
    return sink.getvalue()


UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""How polars says that bytes are no Parquet, or not whole."""


def decode_parquet(body: bytes) -> pl.DataFrame:
    """Return the frame of an object. Raises MalformedObjectError where it is not whole, or not what was written."""
    try:
        frame = pl.read_parquet(BytesIO(body))
        problem = seal_problem(frame, pl.read_parquet_metadata(BytesIO(body)))
    except UNREADABLE as error:
        raise MalformedObjectError("object", str(error)) from error
    if problem is not None:
        raise MalformedObjectError("object", problem)
    return frame


def rows_of(body: bytes) -> int:
    """Return how many rows an object says it holds, without reading them. Raises MalformedObjectError."""
    try:
        return pl.scan_parquet(BytesIO(body)).select(pl.len()).collect().item()
    except UNREADABLE as error:
        raise MalformedObjectError("object", str(error)) from error


def slices_of(body: bytes, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of an object in order, so many at a time; of their seal only the number of rows is compared.

    Raises MalformedObjectError.
    """
    height = rows_of(body)
    try:
        if (sealed := pl.read_parquet_metadata(BytesIO(body)).get("rows")) not in {None, str(height)}:
            raise MalformedObjectError("object", f"holds {height} rows and was written with {sealed}")
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
        self, keys: Iterable[str], *, committed: Container[str], schema: Mapping[str, pl.DataType] | None = None
    ) -> list[pl.DataFrame]:
        """Return the frames of those partitions of `keys` that exist; the `committed` ones of them must.

        schema: the columns that each must have. Raises DamagedPartitionError where one cannot be read, or is gone.
        """
        existing: list[str] = []
        for key in keys:
            if self._version(key) is not None:
                existing.append(key)
            elif key in committed:
                raise DamagedPartitionError(key, "", "it was written and is gone")
        frames = [self._decoded(key, found) for key, found in self._found(existing)]
        for key, frame in zip(existing, frames, strict=True):
            if schema is not None and frame.schema != schema:
                raise DamagedPartitionError(key, self._version(key) or "", "its columns are others")
        return frames

    def earlier(self, key: str) -> pl.DataFrame | None:
        """Return the latest earlier version of a partition that can be read; None where the bucket keeps none."""
        for body in self._lake.earlier(key):
            try:
                return self._decoded(key, body)
            except DamagedPartitionError:
                continue
        return None

    def read_undamaged(self, keys: Iterable[str]) -> tuple[dict[str, pl.DataFrame], list[DamagedPartitionError]]:
        """Return the frames of those partitions of `keys` that exist, by key, and apart from them the damaged ones."""
        frames: dict[str, pl.DataFrame] = {}
        damaged: list[DamagedPartitionError] = []
        for key, found in self._found(self.under_any(keys)):
            try:
                frames[key] = self._decoded(key, found)
            except DamagedPartitionError as error:
                damaged.append(error)
        return frames, damaged

    def _found(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes | pl.DataFrame]]:
        for first in range(0, len(keys), _READ_AT_ONCE):
            portion = keys[first : first + _READ_AT_ONCE]
            held = {key: frame for key in portion if (frame := self._held.get(key)) is not None}
            read = [key for key in portion if key not in held]
            found = held | dict(zip(read, self._lake.read_all(read), strict=True))
            yield from ((key, found[key]) for key in portion)

    def _decoded(self, key: str, found: bytes | pl.DataFrame) -> pl.DataFrame:
        if isinstance(found, pl.DataFrame):
            return found
        try:
            frame = decode_parquet(found)
        except MalformedObjectError as error:
            problem = error.message.partition(": ")[2]
            raise DamagedPartitionError(key, self._version(key) or "", problem) from None
        self._held.put(key, frame)
        return frame

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
