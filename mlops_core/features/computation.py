"""Windowed features of readings: the table that models are trained on and served from."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from mlops_core.features.buckets import bucket_normalised, features_from_buckets
from mlops_core.features.statistics import STATISTICS
from mlops_core.telemetry import (
    CHANNELS,
    Channel,
    by_machines,
    normalise_corrected,
    without_implausible,
)


def compute_features(
    readings: pl.DataFrame | pl.LazyFrame,
    *,
    lengths: Sequence[timedelta | str] = ("1h", "6h", "24h"),
    hop: timedelta | str = "1h",
    start: datetime | None = None,
    end: datetime | None = None,
    statistics: Sequence[str] = STATISTICS,
    channels: Mapping[str, Channel] = CHANNELS,
) -> pl.DataFrame:
    """Return statistics of trailing windows, one row per machine and hop, known at `window_end`.

    A window is half open, `[window_end - length, window_end)`, in UTC, and window ends lie on the grid of whole hops
    since the epoch. A machine has rows from the first window end after its first reading to the first one after its
    last reading, or up to `end` where given; gaps give rows with count 0 and nulls.

    Args:
        readings: frame READINGS, any channel names, any order, irregular or not. Of two values for one (machine_id,
            channel, event_timestamp) the larger counts. A null value counts nowhere. A LazyFrame, such as a scan of
            Parquet, is taken some machines at a time: memory holds a few million readings and the result.
        lengths: window lengths, from one second on, whole seconds and whole multiples of `hop`.
        hop: between two window ends.
        start: aware time; rows have `start < window_end`.
        end: aware time; rows have `window_end <= end`.
        statistics: columns per channel and length, out of STATISTICS (the default) and EXTRA_STATISTICS; units are the
            channel's, `slope` per hour, `hours_since_last` hours, `kurtosis` and `crest_factor` without unit. Where
            each is null is defined in `mlops_core.features.statistics.REGISTRY`; none is ever NaN or infinite.
        channels: plausible ranges; a value outside that of its channel counts as not measured. Channels that are not
            among them have no range.

    Returns:
        machine_id, window_end, then `{channel}_{statistic}_{length}`, ordered by machine and time. The same set of
        readings gives the same bits, and a row at t depends on readings before t only.

    Warns:
        ImplausibleValuesWarning: values outside their channel's range, with their number.

    Raises:
        DurationError, WindowError, StatisticError, NaiveTimeError: an argument that cannot work.
        SchemaError: a column of readings is missing, has another type, or holds null ids, NaN, infinity or values
            beyond 1e70; the message counts the rows.
        TimeSpanError: readings of one machine lie more than five years apart, as after a clock jump, or it would have
            more than ten million rows.

    Example:
        >>> features = mc.compute_features(history.readings, lengths=["6h"], statistics=["mean"])
        >>> features.columns
        ['machine_id', 'window_end', 'temperature_mean_6h', 'vibration_mean_6h']

    """
    names: list[str] | None = None
    if isinstance(readings, pl.LazyFrame):  # a batch of machines may lack a channel, whose columns it has all the same
        measured = readings.filter(pl.col("value").is_not_null()).select(pl.col("channel").cast(pl.String).unique())
        names = measured.collect(engine="streaming")["channel"].sort().to_list()

    def of_whole_machines(frame: pl.DataFrame) -> pl.DataFrame:
        plausible = without_implausible(normalise_corrected(frame), channels)
        buckets = bucket_normalised(plausible, hop=hop)
        features = features_from_buckets(
            buckets, lengths=lengths, hop=hop, start=start, end=end, statistics=statistics, channels=names
        )
        return features.drop("revision")

    return by_machines(readings, of_whole_machines)
