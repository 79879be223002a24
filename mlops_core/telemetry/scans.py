"""Frames larger than memory: a scan is taken by machines, as many at once as hold a bounded number of rows."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

import polars as pl

from mlops_core.errors import require_columns

ROWS_AT_A_TIME: Final = 2_000_000


def machine_batches(scan: pl.LazyFrame, rows_at_a_time: int | None = None) -> Iterator[pl.DataFrame]:
    """Collect a scan by whole machines in the order of their ids; one without rows as one empty frame.

    A batch ends with the machine that reaches `rows_at_a_time`. Parquet sorted by machine is read about once;
    in any other order, the ids are looked through for each batch.

    Raises:
        MissingColumnError: there is no column `machine_id`.

    """
    names = scan.collect_schema().names()
    require_columns("readings", names, "machine_id")
    counts = scan.group_by("machine_id").len().collect(engine="streaming").sort("machine_id")
    if counts.is_empty():
        yield scan.collect()
        return
    batch = ((counts["len"].cum_sum() - counts["len"]) // (rows_at_a_time or ROWS_AT_A_TIME)).to_list()
    ids = counts["machine_id"].to_list()
    for _, group in groupby(zip(batch, ids, strict=True), key=lambda pair: pair[0]):
        machines = [id_ for _, id_ in group]
        # The ids of a batch follow each other, so a range is enough: Parquet skips what lies outside by its statistics.
        yield scan.filter(pl.col("machine_id").is_between(pl.lit(machines[0]), pl.lit(machines[-1]))).collect(
            engine="streaming"
        )


def by_machines(frame: pl.DataFrame | pl.LazyFrame, compute: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Return what `compute` gives of a frame; of a scan, what it gives of its machines, one batch below the other."""
    if not isinstance(frame, pl.LazyFrame):
        return compute(frame)
    return pl.concat([compute(batch) for batch in machine_batches(frame)], how="diagonal")
