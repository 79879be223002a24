"""Corrections: a reading that replaces another value of its identity, whichever is larger; the later one counts.

Nothing is deleted: a correction is one more reading of the same identity, marked by `corrected_at`, the moment when it
was made. One with a null value withdraws the measurement. A frame with corrections has that column
beside those of `READINGS`, null for what machines sent.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from mlops_core.telemetry.frames import READINGS, TIMESTAMP, normalise_readings

CORRECTED_AT: Final = "corrected_at"
_IDENTITY: Final = ("machine_id", "channel", "event_timestamp")


def normalise_corrected(readings: pl.DataFrame) -> pl.DataFrame:
    """Return readings as `normalise_readings` does, with the column of corrections where they have it."""
    checked = normalise_readings(readings)
    if CORRECTED_AT not in readings.columns:
        return checked
    return checked.with_columns(readings[CORRECTED_AT].cast(TIMESTAMP))


def union_readings(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all frames; the column of corrections is there where one of them has it."""
    with_corrections = any(CORRECTED_AT in frame.columns for frame in frames)
    return pl.concat([pl.DataFrame(schema=READINGS), *frames], how="diagonal" if with_corrections else "vertical")


def split_corrected(readings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the readings that count, with the columns of `READINGS`, and those that a later correction replaces.

    Of several values of the latest correction, as of several values without any, who uses them takes the larger; a
    null counts only where there is no value beside it.
    """
    columns = READINGS.names()
    if CORRECTED_AT not in readings.columns:
        return readings, readings.clear()
    marked = readings.with_columns(pl.col(CORRECTED_AT).cast(TIMESTAMP))
    latest = marked.drop_nulls(CORRECTED_AT).group_by(_IDENTITY).agg(latest=pl.col(CORRECTED_AT).max())
    judged = marked.join(latest, on=_IDENTITY, how="left", maintain_order="left")
    counts = pl.col("latest").is_null() | (pl.col(CORRECTED_AT) == pl.col("latest")).fill_null(value=False)
    return judged.filter(counts).select(columns), judged.filter(~counts).select(*columns, CORRECTED_AT)
