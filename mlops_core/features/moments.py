"""Statistics of a set of readings that merge exactly, whatever the order and the split.

A row describes one set of readings by its count, central moments (sums of powers of deviations from the mean), moments
of time, extremes and last value. Two rows of disjoint sets merge into the row of their union. The mean is kept as
`reference + mean_offset`, so that two means are subtracted without losing what lies below the mean's own precision.

Source of the merge: Pebay, Terriberry, Kolla, Bennett, "Numerically stable, scalable formulas for parallel and online
computation of higher-order multivariate central moments", Computational Statistics 31 (2016), equations 2.1 and 3.1.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from math import isqrt

import polars as pl

LARGEST_VALUE = 1e70  # fourth powers of larger ones leave the range of a double
SMALLEST_SQUARE = 1e-300  # of a variance: below it a double loses digits, and a ratio of two such numbers means nothing

# column -> (type, what a set without readings holds). Time is in microseconds since an origin that the rows share.
MOMENTS: Mapping[str, tuple[type[pl.DataType], float]] = {
    "revision": (pl.Int64, 0),  # distinct raw rows, duplicates of an identity with other values included
    "count": (pl.Int64, 0),  # readings
    "reference": (pl.Float64, 0.0),  # the value of one of the readings
    "mean_offset": (pl.Float64, 0.0),  # mean minus reference
    "moment_2": (pl.Float64, 0.0),  # sum of squared deviations from the mean
    "moment_3": (pl.Float64, 0.0),
    "moment_4": (pl.Float64, 0.0),
    "time_offset": (pl.Float64, 0.0),  # mean time, microseconds
    "time_moment_2": (pl.Float64, 0.0),  # sum of squared deviations of time, square microseconds
    "time_value_moment": (pl.Float64, 0.0),  # sum of products of deviations of time and value
    "minimum": (pl.Float64, float("inf")),
    "maximum": (pl.Float64, float("-inf")),
    "last_value": (pl.Float64, 0.0),  # value at the greatest timestamp
    "last_timestamp": (pl.Int64, -(2**63)),  # that timestamp
}
Columns = Mapping[str, pl.Series]
"""Moments of many sets of readings, column by column: the names of MOMENTS."""

EMPTY = pl.DataFrame([pl.Series(name, [empty], dtype=kind()) for name, (kind, empty) in MOMENTS.items()])
"""One row: no readings."""

_NEXT_TO_NOTHING = 1e-300  # added to a count: changes none, and keeps 0 / 0 from being NaN


def merge(a: Columns, b: Columns, apart: float) -> dict[str, pl.Series]:
    """The moments of each union of a row of `a` with the same row of `b`.

    Both have the columns of MOMENTS with no nulls and equal heights; each reading of a row of `a` comes before every
    reading of that row of `b`. The origin of the later row's times lies `apart` microseconds after the earlier's.

    Columns are added and multiplied as Series: an expression takes longer to plan than to evaluate on such columns.
    A row without readings needs no case of its own where its share, 0, is a factor.
    """
    is_present = b["count"] > 0
    a_count, b_count = a["count"].cast(pl.Float64), b["count"].cast(pl.Float64)
    total = a_count + b_count + _NEXT_TO_NOTHING
    p, q = a_count / total, b_count / total
    reference = b["reference"].zip_with(is_present, a["reference"])
    d = (reference - a["reference"]) + (b["mean_offset"] - a["mean_offset"])
    dt = b["time_offset"] - (a["time_offset"] - apart)
    weight = a_count * q  # n_older n_newer / n
    wd = weight * d
    wdd = wd * d
    pm, qm = p * b["moment_2"], q * a["moment_2"]
    third = wdd * (p - q) + 3.0 * (pm - qm)
    fourth = wdd * (1.0 - 3.0 * p * q) + 6.0 * (p * pm + q * qm)
    return {
        "revision": a["revision"] + b["revision"],
        "count": a["count"] + b["count"],
        "reference": reference,
        "mean_offset": b["mean_offset"] - p * d,
        "moment_2": b["moment_2"] + a["moment_2"] + wdd,
        "moment_3": b["moment_3"] + a["moment_3"] + d * third,
        "moment_4": b["moment_4"] + a["moment_4"] + d * (d * fourth + 4.0 * (p * b["moment_3"] - q * a["moment_3"])),
        "time_offset": b["time_offset"] - p * dt,
        "time_moment_2": b["time_moment_2"] + a["time_moment_2"] + dt * (weight * dt),
        "time_value_moment": b["time_value_moment"] + a["time_value_moment"] + dt * wd,
        "minimum": a["minimum"].zip_with(a["minimum"] < b["minimum"], b["minimum"]),
        "maximum": a["maximum"].zip_with(a["maximum"] > b["maximum"], b["maximum"]),
        "last_value": b["last_value"].zip_with(is_present, a["last_value"]),
        "last_timestamp": b["last_timestamp"].zip_with(is_present, a["last_timestamp"]),
    }


def trailing(moments: Columns, hops: tuple[int, ...], hop_microseconds: int) -> Iterator[Columns]:
    """For each number of hops, the moments of the trailing window that ends with each row of a dense grid.

    A window is put together from two shorter ones, and these from shorter ones, in a way that its length alone decides:
    so it depends on the rows inside it and nothing else. No running sum carries a spike on, and any computation that
    has those rows gives the same bits. The cost is logarithmic in the window's length.

    moments: one row per hop, columns of MOMENTS, times in microseconds since the row's own bucket began.
    Gives columns for each entry of `hops`, times since the last bucket of the window began. Their rows are those of
    the grid from the first on that all windows fit before, which is the `max(hops)`th.

    Source of the way: the factor method for addition chains, Knuth, "The Art of Computer Programming" 2, 4.6.3.
    """

    @cache
    def window(rows: int) -> Columns:
        """Row i: the union of rows i to i + `rows` - 1 of the grid."""
        if rows == 1:
            return moments
        last = rows // _smallest_factor(rows)
        newer = _from(window(last), rows - last)
        older = {name: column.head(newer["count"].len()) for name, column in window(rows - last).items()}
        return merge(older, newer, float(last * hop_microseconds))

    for rows in hops:
        yield _from(window(rows), max(hops) - rows)


def _smallest_factor(number: int) -> int:
    """The smallest divisor above 1."""
    return next((factor for factor in range(2, isqrt(number) + 1) if number % factor == 0), number)


def _from(columns: Columns, row: int) -> dict[str, pl.Series]:
    return {name: column.slice(row) for name, column in columns.items()}


def merge_disjoint(parts: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """One row per distinct `keys`, the moments of the union of its rows: disjoint sets in any order in time.

    parts: keys and columns of MOMENTS, times on one origin within a key, `last_timestamp` comparable, every count
    positive.
    """
    n, d, dt = pl.col("count"), pl.col("apart"), pl.col("time_apart")
    centred = (
        parts.with_columns(common=pl.col("reference").first().over(keys), total=n.sum().over(keys))
        .with_columns(apart=(pl.col("reference") - pl.col("common")) + pl.col("mean_offset"))
        .with_columns(
            mean_apart=(n / pl.col("total") * d).sum().over(keys),
            mean_time=(n / pl.col("total") * pl.col("time_offset")).sum().over(keys),
        )
        .with_columns(apart=d - pl.col("mean_apart"), time_apart=pl.col("time_offset") - pl.col("mean_time"))
    )
    m2, m3, m4 = pl.col("moment_2"), pl.col("moment_3"), pl.col("moment_4")
    return centred.group_by(keys, maintain_order=True).agg(
        pl.col("revision", "count").sum(),
        reference=pl.col("common").first(),
        mean_offset=pl.col("mean_apart").first(),
        moment_2=(m2 + n * d * d).sum(),
        moment_3=(m3 + d * (3.0 * m2 + n * d * d)).sum(),
        moment_4=(m4 + d * (4.0 * m3 + d * (6.0 * m2 + n * d * d))).sum(),
        time_offset=pl.col("mean_time").first(),
        time_moment_2=(pl.col("time_moment_2") + n * dt * dt).sum(),
        time_value_moment=(pl.col("time_value_moment") + n * d * dt).sum(),
        minimum=pl.col("minimum").min(),
        maximum=pl.col("maximum").max(),
        last_value=pl.col("last_value").sort_by("last_timestamp").last(),
        last_timestamp=pl.col("last_timestamp").max(),
    )
