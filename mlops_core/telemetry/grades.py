"""What is wrong with a sensor, detected from its readings alone, before a model learns from what nothing measured.

A series is what one channel of one machine measured. Nothing here changes a reading; every rule is a constant below.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from mlops_core.telemetry.channel import CHANNELS, Channel
from mlops_core.telemetry.frames import normalise_readings
from mlops_core.telemetry.scans import by_machines

GRADES: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "channel": pl.String(),
        "grade": pl.String(),
        "findings": pl.List(pl.String()),
        "readings": pl.Int64(),
        "interval_seconds": pl.Float64(),
        "not_measured": pl.Int64(),
        "repeated": pl.Int64(),
        "conflicting": pl.Int64(),
        "out_of_range": pl.Int64(),
        "missing_share": pl.Float64(),
        "gaps": pl.Int64(),
        "longest_gap_hours": pl.Float64(),
        "irregular_share": pl.Float64(),
        "stuck_share": pl.Float64(),
        "is_constant": pl.Boolean(),
        "drift": pl.Float64(),
        "regimes": pl.Int64(),
    }
)
"""Columns of `grade_sensors`; see there."""

FEWEST: Final = 30
"""Readings below which a series cannot be judged."""
GAP_INTERVALS: Final = 5.0
"""A gap is a step of more than so many usual ones."""
STUCK_RUN: Final = 12
"""So many equal values in a row are stuck: a sensor that works has noise."""
MUCH: Final = 0.2
"""Share from which something that is wrong makes a series UNUSABLE; a tenth of it makes it POOR."""
DRIFTS: Final = 3.0
"""Shift of the median from the first to the last fifth, in spreads (half the range between quartiles) of the series'
fifths."""
VALLEY: Final = 0.02
"""Two groups of values are operating modes where fewer than this share lie between them, in the middle quarter of the
distance of their means: a long tail, as wear gives, is no mode."""
_SMALLEST_REGIME: Final = 0.05
_MOST_REGIMES: Final = 4

_KEY: Final = ["machine_id", "channel"]


def grade_sensors(readings: pl.DataFrame | pl.LazyFrame, *, channels: Mapping[str, Channel] = CHANNELS) -> pl.DataFrame:
    """Grade each channel of each machine.

    Args:
        readings: frame `READINGS`, in any order; null values are measurements that were not made. A LazyFrame is taken
            some machines at a time.
        channels: plausible ranges; a channel that is not among them has no range, and `out_of_range` null.

    Returns:
        Frame `GRADES`, one row a series, in order of machine and channel: `grade` (GOOD, POOR, UNUSABLE) and why
        (`findings`: NOT_MEASURED, CONFLICTING, OUT_OF_RANGE, MISSING, GAPS, IRREGULAR, STUCK, CONSTANT, DRIFT, REGIMES,
        FEW; REGIMES alone is no fault). `interval_seconds` is the usual step between two readings. Counts of readings:
        `not_measured` (null), `repeated` (the same identity again), `conflicting` (identities with several values),
        `out_of_range`. `missing_share` of those that the usual step lets expect between the first and the last,
        `irregular_share` of the steps that differ from the usual one by more than half, `stuck_share` of the readings
        within runs of equal values. `drift` is the shift of the median over the series, in spreads; `regimes` the
        number of operating modes that its values fall into.

    Raises:
        SchemaError: a column is missing, has another type, or holds null ids, NaN or infinity.

    Example:
        >>> grades = mc.grade_sensors(history.readings)  # of a machine that stood still for repairs
        >>> grades.select("channel", "grade", "findings").row(0)
        ('temperature', 'POOR', ['GAPS'])

    """
    return by_machines(readings, lambda frame: _grades(normalise_readings(frame), channels))


def _grades(rows: pl.DataFrame, channels: Mapping[str, Channel]) -> pl.DataFrame:
    identities = rows.group_by(*_KEY, "event_timestamp").agg(
        pl.col("value").max(), copies=pl.len(), values=pl.col("value").drop_nulls().n_unique()
    )
    series = _with_steps(identities.sort(*_KEY, "event_timestamp"), channels)
    graded = series.group_by(_KEY, maintain_order=True).agg(*_measures()).with_columns(*_derived())
    regimes = [_regimes(values) for values in graded["_values"]]
    found = graded.with_columns(regimes=pl.Series(regimes, dtype=pl.Int64)).with_columns(findings=_findings())
    return found.with_columns(grade=_grade()).select(pl.col(name).cast(kind) for name, kind in GRADES.items())


def _with_steps(series: pl.DataFrame, channels: Mapping[str, Channel]) -> pl.DataFrame:
    bounds = pl.DataFrame(
        [(name, channel.minimum, channel.maximum) for name, channel in channels.items()],
        schema={"channel": pl.String, "minimum": pl.Float64, "maximum": pl.Float64},
        orient="row",
    )
    step = pl.col("event_timestamp").diff().dt.total_microseconds() / 1e6
    is_new = (pl.col("value") != pl.col("value").shift(1)).fill_null(value=True)
    return (
        series.join(bounds, on="channel", how="left", maintain_order="left")
        .with_columns(step=step.over(_KEY), run=is_new.cum_sum().over(_KEY))
        .with_columns(
            usual=pl.col("step").median().over(_KEY),
            run_length=pl.when(pl.col("value").is_not_null()).then(pl.len().over(*_KEY, "run")).otherwise(0),
            fifth=(pl.int_range(pl.len()).over(_KEY) * 5) // pl.len().over(_KEY),
        )
    )


def _measures() -> list[pl.Expr]:
    value, step, usual = pl.col("value"), pl.col("step"), pl.col("usual")
    fifths = [value.filter(pl.col("fifth") == number) for number in range(5)]
    # Of the fifths and not of the whole: what drifts away widens the whole.
    spread = pl.concat_list([(each.quantile(0.75) - each.quantile(0.25)) / 2 for each in fifths]).list.median()
    outside = (value < pl.col("minimum")) | (value > pl.col("maximum"))
    return [
        pl.len().alias("_identities"),
        value.count().alias("readings"),
        usual.first().alias("interval_seconds"),
        value.null_count().alias("not_measured"),
        (pl.col("copies") - 1).sum().alias("repeated"),
        (pl.col("values") > 1).sum().alias("conflicting"),
        pl.when(pl.col("minimum").first().is_not_null()).then(outside.sum()).alias("out_of_range"),
        (step > GAP_INTERVALS * usual).sum().alias("gaps"),
        (step.max() / 3600).alias("longest_gap_hours"),
        ((step - usual).abs() > usual / 2).mean().alias("irregular_share"),
        step.sum().alias("_span"),
        (pl.col("run_length") >= STUCK_RUN).mean().alias("stuck_share"),
        (value.n_unique() == 1).alias("is_constant"),
        (fifths[-1].median() - fifths[0].median()).alias("_shift"),
        spread.first().alias("_spread"),
        value.drop_nulls().alias("_values"),
    ]


def _derived() -> list[pl.Expr]:
    expected = pl.col("_span") / pl.col("interval_seconds") + 1
    missing = (1 - pl.col("_identities") / expected).clip(0, 1)
    return [
        pl.when(pl.col("interval_seconds") > 0).then(missing).otherwise(0.0).alias("missing_share"),
        pl.when(pl.col("_spread") > 0).then(pl.col("_shift") / pl.col("_spread")).alias("drift"),
        pl.col("irregular_share").fill_null(0.0),
    ]


def _regimes(values: pl.Series, most: int = _MOST_REGIMES) -> int:
    """Number of groups that lie far apart: the best split in two, and again within each half."""
    ordered = values.sort()
    count, smallest = len(ordered), max(FEWEST // 3, int(len(values) * _SMALLEST_REGIME))
    if most < 2 or count < 2 * smallest:
        return 1
    sums, squares = ordered.cum_sum(), (ordered**2).cum_sum()
    below = pl.int_range(1, count, eager=True)
    parts = pl.DataFrame({"n": below, "sum": sums[:-1], "square": squares[:-1]}).with_columns(
        rest=count - pl.col("n"), sum_rest=float(sums[-1]) - pl.col("sum"), square_rest=squares[-1] - pl.col("square")
    )
    means = pl.col("sum_rest") / pl.col("rest") - pl.col("sum") / pl.col("n")
    within = (pl.col("square") - pl.col("sum") ** 2 / pl.col("n")) + (
        pl.col("square_rest") - pl.col("sum_rest") ** 2 / pl.col("rest")
    )
    best = (
        parts.filter(pl.col("n").is_between(smallest, count - smallest))
        .select("n", apart=means, deviation=(within.clip(0) / count).sqrt())
        .sort("deviation", "n")
        .row(0)
    )
    split, apart, _ = best
    middle = (ordered[split - 1] + ordered[split]) / 2
    between = ordered.is_between(middle - apart / 8, middle + apart / 8).sum()
    if apart == 0 or between > VALLEY * count:
        return 1
    halves = ordered[:split], ordered[split:]
    found = sum(_regimes(half, most - 1) for half in halves)
    return min(found, _MOST_REGIMES)


def _findings() -> pl.Expr:
    """The names of what is wrong, for each series."""
    total = pl.col("_identities")
    wrong: dict[str, pl.Expr] = {
        "FEW": pl.col("readings") < FEWEST,
        "NOT_MEASURED": pl.col("not_measured") > MUCH / 10 * total,
        "CONFLICTING": pl.col("conflicting") > 0,
        "OUT_OF_RANGE": pl.col("out_of_range") > 0,
        "MISSING": pl.col("missing_share") > MUCH / 10,
        "GAPS": pl.col("gaps") > 0,
        "IRREGULAR": pl.col("irregular_share") > MUCH,
        "STUCK": pl.col("stuck_share") > MUCH / 10,
        "CONSTANT": pl.col("is_constant"),
        "DRIFT": pl.col("drift").abs() > DRIFTS,
        "REGIMES": pl.col("regimes") > 1,
    }
    names = [pl.when(is_so.fill_null(value=False)).then(pl.lit(name)) for name, is_so in wrong.items()]
    return pl.concat_list(names).list.drop_nulls()


def _grade() -> pl.Expr:
    total = pl.col("_identities")
    shares = (
        pl.col("not_measured") / total,
        pl.col("conflicting") / total,
        pl.col("out_of_range") / total,
        pl.col("missing_share"),
        pl.col("stuck_share"),
    )
    is_unusable = pl.any_horizontal(pl.col("readings") < FEWEST, "is_constant", *(each > MUCH for each in shares))
    faults = pl.col("findings").list.set_difference(["REGIMES"])
    return (
        pl.when(is_unusable.fill_null(value=False))
        .then(pl.lit("UNUSABLE"))
        .when(faults.list.len() > 0)
        .then(pl.lit("POOR"))
        .otherwise(pl.lit("GOOD"))
    )
