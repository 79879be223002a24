"""Statistics of a set of readings that merge exactly, whatever the order and the split.

A row describes one set of readings by its count, central moments (sums of powers of deviations from the mean), moments
of time, extremes and last value. Two rows of disjoint sets merge into the row of their union. The mean is kept as
`reference + mean_offset`, so that two means are subtracted without losing what lies below the mean's own precision.

Source of the merge: Pebay, Terriberry, Kolla, Bennett, "Numerically stable, scalable formulas for parallel and online
computation of higher-order multivariate central moments", Computational Statistics 31 (2016), equations 2.1 and 3.1.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import polars as pl

LARGEST_VALUE = 1e70  # fourth powers of larger ones leave the range of a double
SMALLEST_SQUARE = 1e-300  # of a variance: below it a double loses digits, and a ratio of two such numbers means nothing

# column -> (type, what a set without readings holds). Time is in microseconds since an origin that the rows share.
MOMENTS: Mapping[str, tuple[type[pl.DataType], float]] = {
    "revision": (pl.Int64, 0),  # distinct raw rows, duplicates of an identity with other values included
    "count": (pl.Int64, 0),  # readings
    "reference": (pl.Float64, 0.0),  # a value near the mean
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


_OLDER = {name: f"{name}_older" for name in MOMENTS}


def _differences() -> list[pl.Expr]:
    """How far the parts' means are apart, and the parts' shares of the union."""
    total = (pl.col("count_older") + pl.col("count")).clip(1)
    both = (pl.col("count_older") > 0) & (pl.col("count") > 0)
    apart = (pl.col("reference") - pl.col("reference_older")) + (pl.col("mean_offset") - pl.col("mean_offset_older"))
    time_apart = pl.col("time_offset") - pl.col("time_offset_older")
    return [
        (pl.col("count_older") / total).alias("p"),
        (pl.col("count") / total).alias("q"),
        pl.when(both).then(apart).otherwise(0.0).alias("d"),
        pl.when(both).then(time_apart).otherwise(0.0).alias("dt"),
        (pl.col("count") > 0).alias("is_present"),
    ]


def _products() -> list[pl.Expr]:
    """What several moments of the union share."""
    weight = pl.col("count_older") * pl.col("q")  # n_older n_newer / n
    return [
        (weight * pl.col("d")).alias("wd"),
        (weight * pl.col("d") * pl.col("d")).alias("wdd"),
        (pl.col("p") * pl.col("moment_2")).alias("pm"),
        (pl.col("q") * pl.col("moment_2_older")).alias("qm"),
        (weight * pl.col("dt")).alias("wdt"),
    ]


def _merged() -> list[pl.Expr]:
    a = {name: pl.col(f"{name}_older") for name in MOMENTS}
    b = {name: pl.col(name) for name in MOMENTS}
    p, q, d, dt, pm, qm, wdd = (pl.col(name) for name in ("p", "q", "d", "dt", "pm", "qm", "wdd"))

    def newest(name: str, then: pl.Expr) -> pl.Expr:
        return pl.when("is_present").then(then).otherwise(a[name]).alias(name)

    return [
        b["revision"] + a["revision"],
        b["count"] + a["count"],
        newest("reference", b["reference"]),
        newest("mean_offset", b["mean_offset"] - p * d),
        b["moment_2"] + a["moment_2"] + wdd,
        b["moment_3"] + a["moment_3"] + d * (wdd * (p - q) + 3.0 * (pm - qm)),
        b["moment_4"]
        + a["moment_4"]
        + d
        * (d * (wdd * (1.0 - 3.0 * p * q) + 6.0 * (p * pm + q * qm)) + 4.0 * (p * b["moment_3"] - q * a["moment_3"])),
        newest("time_offset", b["time_offset"] - p * dt),
        b["time_moment_2"] + a["time_moment_2"] + dt * pl.col("wdt"),
        b["time_value_moment"] + a["time_value_moment"] + dt * pl.col("wd"),
        pl.when(a["minimum"] < b["minimum"]).then(a["minimum"]).otherwise(b["minimum"]).alias("minimum"),
        pl.when(a["maximum"] > b["maximum"]).then(a["maximum"]).otherwise(b["maximum"]).alias("maximum"),
        newest("last_value", b["last_value"]),
        newest("last_timestamp", b["last_timestamp"]),
    ]


# Building expressions takes longer than evaluating them on a small frame.
_DIFFERENCES, _PRODUCTS, _MERGED = _differences(), _products(), _merged()


def merge(older: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """The moments of each union of a row of `older` with the same row of `newer`.

    Both frames have the columns of MOMENTS with no nulls, equal heights, and times on one origin; each reading of an
    older row comes before every reading of the newer one.
    """
    return newer.hstack(older.rename(_OLDER)).with_columns(_DIFFERENCES).with_columns(_PRODUCTS).select(_MERGED)


def shift(moments: pl.DataFrame, rows: int, time_shift: float) -> pl.DataFrame:
    """The moments `rows` rows earlier on a dense grid, their times moved back by `time_shift` microseconds."""
    if rows == 0:
        return moments
    return moments.select(_shifted(rows, time_shift))


@lru_cache(maxsize=256)
def _shifted(rows: int, time_shift: float) -> list[pl.Expr]:
    return [
        (pl.col(name) - time_shift if name == "time_offset" else pl.col(name)).shift(rows, fill_value=empty)
        for name, (_, empty) in MOMENTS.items()
    ]


def trailing(moments: pl.DataFrame, hops: tuple[int, ...], hop_microseconds: int) -> Iterator[pl.DataFrame]:
    """For each number of hops, the moments of the trailing window that ends with each row of a dense grid.

    Windows are put together from blocks of 1, 2, 4, ... rows, so a window depends on the rows inside it and nothing
    else: no running sum carries a spike on, and any computation that has those rows gives the same bits. The cost is
    logarithmic in the window's length.

    moments: one row per hop, columns of MOMENTS, times in microseconds since the row's own bucket began.
    Gives one frame per entry of `hops`, times since the last bucket of the window began.
    """
    blocks = {1: moments}
    width = 1
    while width * 2 <= max(hops):
        block = blocks[width]
        blocks[width * 2] = merge(shift(block, width, float(width * hop_microseconds)), block)
        width *= 2
    return (_window(blocks, count, hop_microseconds) for count in hops)


def _window(blocks: dict[int, pl.DataFrame], hops: int, hop_microseconds: int) -> pl.DataFrame:
    window: pl.DataFrame | None = None
    covered = 0
    for width in sorted(blocks, reverse=True):
        if hops & width:
            block = shift(blocks[width], covered, float(covered * hop_microseconds))
            window = block if window is None else merge(block, window)
            covered += width
    if window is None:
        raise ValueError("A window spans at least one hop.")
    return window


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
