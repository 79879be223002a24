"""Values that no working sensor gives, such as a sentinel of 1254.005: they count as not measured, and are reported."""

import warnings
from collections.abc import Mapping

import polars as pl

from mlops_core.telemetry.channel import Channel


class ImplausibleValuesWarning(UserWarning):
    """Values outside the plausible range of their channel, which count as not measured: `counts` by channel."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        parts = ", ".join(f"{channel} {count:,}" for channel, count in counts.items())
        super().__init__(
            f"Values outside the plausible range of their channel count as not measured: {parts}. Give channels={{}},"
            " or the ranges of yours, if they are right; grade_sensors says which machines they are of"
        )
        self.counts = counts


def without_implausible(readings: pl.DataFrame, channels: Mapping[str, Channel]) -> pl.DataFrame:
    """Return readings (schema READINGS) with null in the place of values outside the range of their channel.

    Channels that are not among `channels` have no range. Warns with ImplausibleValuesWarning where there are any.
    """
    if not channels:
        return readings
    value, ranges = pl.col("value"), channels.values()
    # Looking up each reading's range costs as much as its features. Few lie outside of what all ranges have in common.
    suspected = (value < max(each.minimum for each in ranges)) | (value > min(each.maximum for each in ranges))
    least, most = (
        pl.col("channel").replace_strict(
            {name: getattr(each, bound) for name, each in channels.items()}, default=None, return_dtype=pl.Float64
        )
        for bound in ("minimum", "maximum")
    )
    is_outside = ((value < least) | (value > most)).fill_null(value=False)
    outside = readings.filter(suspected).filter(is_outside)
    if outside.is_empty():
        return readings
    counts = outside.group_by("channel").len().sort("channel")
    warnings.warn(ImplausibleValuesWarning(dict(counts.iter_rows())), stacklevel=3)
    return readings.with_columns(pl.when(~is_outside).then(value).alias("value"))
