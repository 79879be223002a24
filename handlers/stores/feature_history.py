"""The offline store of features over a span of time, read some hours at once: never more than those are in memory."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO

import polars as pl

from handlers.stores.lake import DataLake
from mlops_core.lake import FEATURES_PREFIX, day_paths

_OBJECTS_AT_ONCE = 96


class FeatureHistory:
    """Feature rows whose window ends lie between `since` and `until`, both included."""

    def __init__(self, lake: DataLake, *, since: datetime, until: datetime) -> None:
        self._lake = lake
        self._since, self._until = since, until
        self._keys = sorted(lake.versions_under(f"{FEATURES_PREFIX}{day}/" for day in day_paths(since, until)))
        self._newest = pl.read_parquet(BytesIO(lake.read(self._keys[-1]))) if self._keys else pl.DataFrame()

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
        """How many machines have rows in the newest partition."""
        return self._newest["machine_id"].n_unique()

    @property
    def objects(self) -> int:
        """How many objects hold the rows."""
        return len(self._keys)

    @property
    def batches_in_all(self) -> int:
        """How many batches those are read in."""
        return -(-len(self._keys) // _OBJECTS_AT_ONCE)

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the rows in order of the partitions; a column that an older one lacks is null there."""
        schema = {name: self._newest.schema[name] for name in columns}
        for first in range(0, len(self._keys), _OBJECTS_AT_ONCE):
            bodies = self._lake.read_all(self._keys[first : first + _OBJECTS_AT_ONCE])
            frames = [pl.DataFrame(schema=schema), *(_read(body, columns) for body in bodies)]
            rows = pl.concat(frames, how="diagonal_relaxed").select(columns)
            yield rows.filter(pl.col("window_end").is_between(self._since, self._until))


def _read(body: bytes, columns: Sequence[str]) -> pl.DataFrame:
    stored = pl.read_parquet_schema(BytesIO(body))
    return pl.read_parquet(BytesIO(body), columns=[name for name in columns if name in stored])
