"""How each run failed: the code of its failure, beside its labels."""

from datetime import timedelta
from typing import Final

import polars as pl

from mlops_core.errors import require_columns
from mlops_core.prognosis.modes import FAILURE_MODE
from mlops_core.telemetry import normalise_failures

_TOLERANCE: Final = timedelta(seconds=1)
"""`rul_hours` is a double: it gives the moment of a failure to some microseconds."""


def label_modes(labelled: pl.DataFrame, failures: pl.DataFrame) -> pl.DataFrame:
    """Add `failure_mode`: the `event_code` of the failure that ends the row's run.

    `train` learns to name it, where held-out failures show that the features tell the codes apart.

    Args:
        labelled: what `label_features` gives.
        failures: frame FAILURES.

    Returns:
        The rows in their order; null where the run did not fail, or its failure has no code.

    Raises:
        MissingColumnError: `labelled` has no labels.

    Example:
        >>> modes = mc.label_modes(labelled, history.failures)
        >>> modes.columns[-1]
        'failure_mode'

    """
    require_columns("labelled", labelled.columns, "machine_id", "window_end", "rul_hours")
    coded = normalise_failures(failures).select("machine_id", _failed_at="event_timestamp", _code="event_code")
    left = pl.duration(microseconds=(pl.col("rul_hours") * 3.6e9).round())
    rows = labelled.with_columns(_ends=pl.col("window_end") + left).with_row_index("_row")
    ends = rows.select("_row", "machine_id", "_ends").drop_nulls("_ends").sort("_ends")
    found = ends.join_asof(
        coded.sort("_failed_at", "_code"), left_on="_ends", right_on="_failed_at", by="machine_id",
        strategy="nearest", tolerance=_TOLERANCE, check_sortedness=False,
    )  # fmt: skip
    modes = found.select("_row", pl.col("_code").alias(FAILURE_MODE))
    joined = rows.join(modes, on="_row", how="left", maintain_order="left")
    return joined.select(*labelled.columns, FAILURE_MODE)
