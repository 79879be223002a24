"""Rows of planned maintenance: nothing is learned from a machine that is worked on."""

from collections.abc import Iterable

import polars as pl

from mlops_core.condition import MachineRecord
from mlops_core.telemetry import TIMESTAMP


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
