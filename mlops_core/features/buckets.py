"""Buckets: readings reduced once per machine, channel and hop, to statistics that merge into any longer window.

A bucket is small, storable (Parquet) and enough: window features of any lengths come from buckets alone. Processing
keeps them, so an hourly run reduces one hour and not a day, and a late reading changes only its own bucket.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from mlops_core.errors import BucketError, ColumnValueError
from mlops_core.features.bucket_schema import BUCKETS, IDENTITY, bucket_moments, fitted_buckets
from mlops_core.features.bucketing import reduce_readings
from mlops_core.features.kernel import LARGEST_VALUE, changes, merge_groups
from mlops_core.features.running import RUNNING, while_running
from mlops_core.features.statistics import STATISTICS, check_statistics
from mlops_core.features.table import feature_table
from mlops_core.features.windows import Windows
from mlops_core.telemetry import CORRECTED_AT, TIMESTAMP, RunningRule, normalise_corrected, split_corrected
from mlops_core.time import MICROSECOND, parse_duration


def bucket_readings(
    readings: pl.DataFrame, *, hop: timedelta | str, running: Mapping[str, RunningRule] | None = None
) -> pl.DataFrame:
    """Reduce readings to buckets one hop wide.

    Args:
        readings: schema READINGS, in any order (one pass where each series is contiguous and in time order, an ordering
            first where not). Of two values for one identity the larger counts, unless one is a correction (a column
            `corrected_at` that is not null): then the latest of these. A null value is a measurement that was not made
            and counts nowhere; as the latest correction it withdraws the others.
        hop: width of a bucket, on the grid of whole hops since the epoch; a reading on an edge belongs to the later
            one.
        running: by machine, when it runs. Readings while it is off are left out, and whether it ran is the channel
            `running`. The revision of that channel's bucket counts what was left out too, so that the sum over the
            channels of a machine grows with each reading that arrives late, whatever it says.

    Returns:
        One row per machine, channel and hop with readings, ordered by these, schema BUCKETS. The rows are a function of
        the set of readings, bit for bit: order, duplicates and slicing do not matter.

    Raises:
        DurationError: the hop cannot be read or is not positive.
        SchemaError: a column is missing, has another type, or holds null ids, NaN, infinity or values beyond 1e70.

    """
    return bucket_normalised(normalise_corrected(readings), hop=hop, running=running)


def bucket_normalised(
    readings: pl.DataFrame, *, hop: timedelta | str, running: Mapping[str, RunningRule] | None = None
) -> pl.DataFrame:
    """Reduce readings that `normalise_corrected` gave, as `bucket_readings`."""
    width, replaced = parse_duration(hop), None
    if CORRECTED_AT in readings.columns:
        withdrawn = readings.filter(pl.col("value").is_null(), pl.col(CORRECTED_AT).is_not_null())
        readings, replaced = split_corrected(readings)
        replaced = pl.concat([replaced, withdrawn])
    microseconds = width // MICROSECOND
    measured = readings.drop_nulls("value") if readings["value"].null_count() else readings
    kept, off = while_running(measured, running or {}, hop=width)
    begins = pl.col("bucket") * microseconds
    reduced = reduce_readings(kept, microseconds)
    _refuse_too_large(reduced, off["value"], readings["value"])
    if replaced is not None:
        bucket = pl.col("event_timestamp").cast(pl.Int64) // microseconds
        reduced = _with_more_revisions(reduced, replaced.unique(), bucket.alias("bucket"))
    buckets = reduced.with_columns_seq(
        pl.col("last_timestamp").cast(TIMESTAMP),
        bucket_start=begins.cast(TIMESTAMP),
        bucket_end=(begins + microseconds).cast(TIMESTAMP),
    )
    buckets = buckets[list(BUCKETS)]
    if off.is_empty():
        return buckets
    # What is left out while a machine is off counts as a revision of its channel `running`.
    start = pl.col("event_timestamp").dt.truncate(width).alias("bucket_start")
    return _with_more_revisions(buckets, off.unique().with_columns(channel=pl.lit(RUNNING)), start)


def _with_more_revisions(buckets: pl.DataFrame, rows: pl.DataFrame, bucket: pl.Expr) -> pl.DataFrame:
    """Count `rows` that are not among the readings of the buckets in `revision`, so that it rises with each of them."""
    keys = ["machine_id", "channel", bucket.meta.output_name()]
    counts = rows.with_columns(bucket).group_by(keys).agg(_more=pl.len().cast(pl.Int64))
    counted = buckets.join(counts, on=keys, how="left", maintain_order="left")
    return counted.with_columns(pl.col("revision") + pl.col("_more").fill_null(0)).drop("_more")


def _refuse_too_large(buckets: pl.DataFrame, off: pl.Series, values: pl.Series) -> None:
    """Refuse values whose powers leave the range of a double.

    The extremes of buckets bound every value in them. All values are looked at only where an extreme is too large, or
    where a value gave way to a larger one of its timestamp, and so is in no bucket.
    """
    extremes = (buckets["minimum"], buckets["maximum"], off)
    is_within = all(each.is_between(-LARGEST_VALUE, LARGEST_VALUE).all() for each in extremes)
    if is_within and buckets["revision"].sum() == buckets["count"].sum():
        return
    if too_large := int((values.abs() > LARGEST_VALUE).sum()):
        raise ColumnValueError(
            "readings", "value", f"is beyond {LARGEST_VALUE:g}", too_large, "Remove them, or choose a larger unit"
        )


def merge_buckets(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One frame of buckets from several, in any order; parts of one bucket become the bucket of their union.

    Args:
        frames: schema BUCKETS. Parts of one bucket must come from disjoint readings; the same part twice counts once. A
            bucket rebuilt from all its readings replaces the old one instead: keep only the rebuilt.

    Raises:
        SchemaError: a column is missing or has another type.
        BucketError: parts of one bucket share a reading (their last).

    """
    parts = pl.concat([fitted_buckets(frame) for frame in frames]) if frames else pl.DataFrame(schema=BUCKETS)
    shared = parts.select(*IDENTITY).is_duplicated()
    if not shared.any():
        return parts.sort(IDENTITY)
    several = parts.filter(shared).unique()
    overlapping = several.select(*IDENTITY, "last_timestamp").is_duplicated()
    if overlapping.any():
        raise BucketError(
            "buckets",
            "last_timestamp",
            "is the same in different parts of one bucket, which therefore share readings,",
            int(overlapping.sum()),
            "Compute that bucket again from all its readings",
        )
    keys = [*IDENTITY, "bucket_end"]
    several = several.sort(several.columns)
    starts = np.flatnonzero(changes(several.select(pl.struct(keys).rle_id()).to_series().to_numpy()))
    merged = several[starts].with_columns(**vars(merge_groups(bucket_moments(several), starts))).cast(BUCKETS)
    return pl.concat([parts.filter(~shared), merged]).sort(IDENTITY)


def features_from_buckets(
    buckets: pl.DataFrame,
    *,
    lengths: Sequence[timedelta | str],
    hop: timedelta | str,
    start: datetime | None = None,
    end: datetime | None = None,
    statistics: Sequence[str] = STATISTICS,
    channels: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Window features from buckets, as `compute_features` gives them, and their `revision`.

    Args:
        buckets: schema BUCKETS, each bucket once, of the same hop. For rows after `start`, the buckets of the longest
            length before it are enough.
        lengths: as of `compute_features`.
        hop: width of the buckets.
        start: as of `compute_features`.
        end: as of `compute_features`.
        statistics: as of `compute_features`.
        channels: the channels that have columns, in this order, whether they have data or not; default: those in
            `buckets`.

    Returns:
        machine_id, window_end, revision, then {channel}_{statistic}_{length}. `revision` is the number of distinct raw
        readings in the longest window, over the channels shown: it grows with late data and not with duplicates.

    Raises:
        DurationError, WindowError, StatisticError: an argument that cannot work.
        SchemaError: a column is missing or has another type.
        BucketError: buckets of another hop, or one bucket twice.
        TimeSpanError: one machine would have more than ten million rows.

    """
    windows = Windows.of(lengths, hop)
    chosen = check_statistics(statistics)
    stored = fitted_buckets(buckets, windows.hop)
    return feature_table(stored, windows=windows, start=start, end=end, statistics=chosen, channels=channels)
