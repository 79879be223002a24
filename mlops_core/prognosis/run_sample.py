"""What is learned from: every run that fails, and enough of the others, within a number of rows; no planned work.

Alarms are replayed and lives are measured run by run, so runs are taken whole where there is room. Of failing runs that
do not fit, the hours before the end are kept, and each run's first row, by which its length and its mark are known.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import polars as pl

from mlops_core.condition import MachineRecord
from mlops_core.errors import InvalidArgumentError
from mlops_core.telemetry import TIMESTAMP

STANDS_FOR: Final = "stands_for"
"""Weight column: the number of rows without failure that a row represents; 1 where it is absent."""

_FAILING_SHARE: Final = 2 / 3


def sample_runs(labelled: pl.DataFrame, *, most_rows: int) -> pl.DataFrame:
    """Return labelled rows, at most about `most_rows`, with `stands_for`; all, as they are, where they fit.

    Args:
        labelled: keys and labels, as `label_features` gives them; with `stands_for` where they are a sample already.
        most_rows: failing runs take two thirds of these at most, the others what is left, whole and by a hash of their
            id: the same runs for the same rows, in any order.

    Raises:
        InvalidArgumentError: `most_rows` is below 1.

    """
    if most_rows < 1:
        raise InvalidArgumentError("most_rows", most_rows, "is below 1")
    if labelled.height <= most_rows:
        return labelled
    rows = labelled if STANDS_FOR in labelled.columns else labelled.with_columns(pl.lit(1.0).alias(STANDS_FOR))
    is_failing = (~pl.col("is_censored")).any().over("run_id")
    failing, others = rows.filter(is_failing), rows.filter(~is_failing)
    kept = _ends(failing, most_rows if others.is_empty() else int(most_rows * _FAILING_SHARE))
    drawn = _drawn_runs(others, most_rows - kept.height)
    parts = [_standing_for(kept, failing), _standing_for(drawn, others)]
    return pl.concat(parts).sort("machine_id", "window_end")


def is_drawn(name: str, share: float) -> bool:
    """Whether a name belongs to that share of all names, by its hash: a larger share holds a smaller one."""
    return _place(name) < share


def _place(name: str) -> float:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) / 2**64


def _ends(failing: pl.DataFrame, most: int) -> pl.DataFrame:
    """The last rows of each failing run, as many of each as fit together, and its first."""
    if failing.height <= most:
        return failing
    from_end = pl.col("window_end").rank("ordinal", descending=True).over("run_id")
    heights = failing.group_by("run_id").len()["len"]
    low, high = 1, int(failing.height)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if heights.clip(0, middle).sum() <= most else (low, middle - 1)
    is_first = pl.col("window_end") == pl.col("window_end").min().over("run_id")
    return failing.filter((from_end <= low) | is_first)


def _drawn_runs(others: pl.DataFrame, room: int) -> pl.DataFrame:
    """Whole runs in the order of their hashes, up to the last that fits; one, in any case."""
    runs = others.group_by("run_id").len()
    order = runs.with_columns(place=pl.Series([_place(name) for name in runs["run_id"]], dtype=pl.Float64))
    order = order.sort("place").with_columns(taken=pl.col("len").cum_sum())
    chosen = order.filter((pl.col("taken") <= room) | (pl.int_range(pl.len()) == 0))
    return others.filter(pl.col("run_id").is_in(chosen["run_id"].implode()))


def _standing_for(kept: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Weight the kept rows without failure to represent all of theirs; a row that fails has weight 1."""
    fails = pl.col("fails_within_horizon").fill_null(value=False)
    all_of_them, of_kept = (float(frame.filter(~fails)[STANDS_FOR].sum()) for frame in (rows, kept))
    factor = all_of_them / of_kept if of_kept else 1.0
    return kept.with_columns(pl.when(fails).then(1.0).otherwise(pl.col(STANDS_FOR) * factor).alias(STANDS_FOR))


def without_planned_maintenance(features: pl.DataFrame, machines: Iterable[MachineRecord]) -> pl.DataFrame:
    """Return the feature rows whose `window_end` lies in no planned maintenance of their machine.

    Args:
        features: with `machine_id` and `window_end`.
        machines: the records of machines.

    """
    plans = pl.DataFrame(
        [(each.machine_id, plan.begins, plan.ends) for each in machines for plan in each.plans],
        schema={"machine_id": pl.String(), "begins": TIMESTAMP, "ends": TIMESTAMP},
        orient="row",
    )
    if plans.is_empty():
        return features
    rows = features.with_row_index("_row")
    planned = (
        rows.select("_row", "machine_id", "window_end")
        .join(plans, on="machine_id")
        .filter(pl.col("window_end").is_between("begins", "ends", closed="left"))
    )
    return rows.join(planned, on="_row", how="anti", maintain_order="left").drop("_row")
