"""The offline store of features over a span of time, read some hours at once: never more than those are in memory."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO

import polars as pl
from aws_lambda_powertools import Logger

from handlers.stores.lake import DataLake
from handlers.stores.partitions import UNREADABLE, decode_parquet
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import FEATURES_PREFIX, day_paths

logger = Logger(child=True)

_OBJECTS_AT_ONCE = 96
_ROWS_AT_ONCE = 500_000


class FeatureHistory:
    """Feature rows whose window ends lie between `since` and `until`, both included."""

    def __init__(self, lake: DataLake, *, since: datetime, until: datetime) -> None:
        self._lake = lake
        self._since, self._until = since, until
        self._keys = sorted(lake.versions_under(f"{FEATURES_PREFIX}{day}/" for day in day_paths(since, until)))
        self._newest = self._newest_readable()

    def _newest_readable(self) -> pl.DataFrame:
        """Return the newest partition that is not damaged, and forget those behind it."""
        while self._keys:
            try:
                return decode_parquet(self._lake.read(self._keys[-1]))
            except MalformedObjectError as error:
                _log(self._keys.pop(), error)
        return pl.DataFrame()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored of that time."""
        return not self._keys

    @property
    def columns(self) -> list[str]:
        """The columns of the newest partition: what it lacks is no longer computed, so no model could be served it."""
        return self._newest.columns

    @property
    def machines(self) -> int:
        """About how many machines have rows in the newest hour: those of its last shard, times its shards."""
        hour, _, _ = self._keys[-1].rpartition("/")
        shards = sum(key.startswith(f"{hour}/") for key in self._keys)
        return shards * self._newest["machine_id"].n_unique()

    @property
    def objects(self) -> int:
        """How many objects hold the rows."""
        return len(self._keys)

    @property
    def batches_in_all(self) -> int:
        """How many batches those are read in."""
        return -(-len(self._keys) // self._objects_at_once)

    @property
    def _objects_at_once(self) -> int:
        """As many objects as hold some 500,000 rows, by the newest: memory does not grow with the fleet."""
        return max(1, min(_OBJECTS_AT_ONCE, _ROWS_AT_ONCE // max(1, self._newest.height)))

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the rows in order of the partitions; a column that an older one lacks is null there.

        A damaged partition is named in the log and passed over: its rows are few among all.
        """
        schema = {name: self._newest.schema[name] for name in columns}
        for first in range(0, len(self._keys), self._objects_at_once):
            keys = self._keys[first : first + self._objects_at_once]
            frames = [pl.DataFrame(schema=schema)]
            for key, body in zip(keys, self._lake.read_all(keys), strict=True):
                try:
                    frames.append(_read(body, columns))
                except UNREADABLE as error:
                    _log(key, error)
            rows = pl.concat(frames, how="diagonal_relaxed").select(columns)
            yield rows.filter(pl.col("window_end").is_between(self._since, self._until))


def _log(key: str, error: BaseException) -> None:
    logger.error("A damaged partition is passed over: mlops doctor", extra={"key": key, "problem": str(error)[:500]})


def _read(body: bytes, columns: Sequence[str]) -> pl.DataFrame:
    stored = pl.read_parquet_schema(BytesIO(body))
    return pl.read_parquet(BytesIO(body), columns=[name for name in columns if name in stored])
