"""Learn what is normal from feature rows alone: own levels, pooled spread, a limit for a stated rate of episodes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl

from mlops_core.condition.baseline import SMALLEST, Baseline, ClassBaseline, Matrix
from mlops_core.condition.exceedance import calibrate_limit
from mlops_core.errors import InvalidArgumentError, UntrainableError, UntrainableReason
from mlops_core.features import RUNNING, only_new_sensors, parse_feature_name

_LEVEL_STATISTICS: Final = frozenset({"mean", "std", "min", "max", "rms", "peak_to_peak"})
_EXPLAINED: Final = 0.8
_TRIMMED: Final = 0.3
_CLIPPED_AT: Final = 6.0
MAD_TO_SIGMA: Final = 1.4826
_CONTROL_QUANTILE: Final = 0.97
_FEWEST_ROWS: Final = 72
_FAILING: Final = timedelta(days=7)
_STOP_HOPS: Final = 3
_ENOUGH: Final = timedelta(hours=23)
"""From the first to the last row of a day of hourly rows."""
_LEAST_PERSISTENCE: Final = 3
"""As many rows as predictions that open an episode of a model: on simulated fleets six are no better."""


def fit_baseline(
    features: pl.DataFrame,
    *,
    failures: pl.DataFrame | None = None,
    class_of: Mapping[str, str] | None = None,
    replaced: pl.DataFrame | None = None,
    episodes_per_machine_month: float = 0.6,
    persistence: int | None = None,
    level_days: float = 7.0,
) -> Baseline:
    """Learn what is normal from feature rows alone, some of which may be anything but normal.

    Args:
        features: rows of `compute_features`, two weeks or more; other columns are ignored.
        failures: the failures that are known, if any (`FAILURES`): rows of the week before each are left out.
        class_of: the class of each machine that has one; machines of one class share their spread, those of none with
            each other. A class with fewer rows than twice its columns, from which no spread can be told, counts as
            none. Default: no classes.
        replaced: frame REPLACED: of a sensor that was replaced or moved only windows wholly after that count, and the
            machine's own level of its channel is that of the first days since.
        episodes_per_machine_month: for which rate of episodes the limit is chosen. On the given rows all episodes count
            as false ones, so a start that already holds failures gives a cautious limit, never an eager one.
        persistence: how many consecutive rows above the limit make an episode. None: three, or as many as share
            readings with each other in their shortest windows (six, of an hour every ten minutes).
        level_days: of how many first days a machine's own level is the median.

    Returns:
        The baseline, for `score_anomalies`. It does not depend on the order of rows.

    Raises:
        UntrainableError: no feature of a level or spread, or fewer than 72 rows.
        InvalidArgumentError: a rate, persistence or number of days that is not positive.

    Example:
        >>> baseline = mc.fit_baseline(features, failures=history.failures)
        >>> "vibration_rms_24h" in baseline.columns
        True

    """
    for name, value in (("episodes_per_machine_month", episodes_per_machine_month), ("persistence", persistence)):
        if value is not None and value <= 0:
            raise InvalidArgumentError(name, value, "must be positive")
    columns = tuple(column for column in level_columns(features.columns) if features[column].drop_nulls().len())
    if not columns:
        raise UntrainableError(UntrainableReason.NO_FEATURES, "no column is a level or spread of a channel")
    features = only_new_sensors(features, columns, replaced)
    if features.height < _FEWEST_ROWS:
        raise UntrainableError(UntrainableReason.NO_ROWS, f"{features.height} rows, {_FEWEST_ROWS} are needed")
    ordered = healthy_rows(features, failures)
    lowest = ordered.select(pl.col(columns).min()).row(0)
    unfitted = Baseline(
        columns=columns,
        logged=tuple(value is not None and value > 0 for value in lowest),
        levels={},
        classes={},
        class_of=_known_by_themselves(class_of or {}, ordered, least=max(_FEWEST_ROWS, 2 * len(columns))),
        persistence=persistence or _rows_of_an_episode(ordered, columns),
        episodes_per_machine_month=episodes_per_machine_month,
    )
    # Of the others nothing healthy is known: better than nothing.
    everyone = pl.concat([ordered, features.join(ordered, on="machine_id", how="anti")])
    located = unfitted.with_machines(everyone, level_days=level_days)
    if replaced is not None:
        located = located.with_sensors(everyone, replaced, level_days=level_days)
    classes = {
        str(name): _fit_class(located, rows)
        for (name,), rows in ordered.group_by(class_names(located, ordered), maintain_order=True)
    }
    return replace(located, classes=classes)


def _rows_of_an_episode(rows: pl.DataFrame, columns: Iterable[str]) -> int:
    """Three, or the hops of a shortest window: rows that share readings are above a limit together."""
    shortest = min(name.seconds for column in columns if (name := parse_feature_name(column)))
    hop = rows.select(pl.col("window_end").diff().over("machine_id").dt.total_seconds().median()).item()
    return max(_LEAST_PERSISTENCE, round(shortest / hop)) if hop else _LEAST_PERSISTENCE


def _known_by_themselves(class_of: Mapping[str, str], rows: pl.DataFrame, *, least: int) -> dict[str, str]:
    """The class of each machine whose class has so many rows or more."""
    heights = Counter(rows["machine_id"].replace_strict(class_of, default="", return_dtype=pl.String()))
    return {machine_id: name for machine_id, name in class_of.items() if heights[name] >= least}


def class_names(baseline: Baseline, features: pl.DataFrame) -> pl.Series:
    """Return the class of each row's machine; "" where it has none."""
    machines = features["machine_id"]
    return machines.replace_strict(baseline.class_of, default="", return_dtype=pl.String()).alias("machine_class")


def measured(baseline: Baseline, features: pl.DataFrame) -> Matrix:
    """Return the values that the baseline compares, rows x columns; NaN where nothing was measured."""
    return features.select(pl.col(baseline.columns).cast(pl.Float64).fill_null(np.nan)).to_numpy()


def healthy_rows(features: pl.DataFrame, failures: pl.DataFrame | None) -> pl.DataFrame:
    """Return the rows from which normal is learned, in order of machine and time.

    Left out are rows without a reading in their shortest windows, the week before a known failure, and around a stop (a
    gap of more than three hops): the week before it, since a machine that stops may have failed, and the rows after it
    whose longest window still reaches back to before it. A machine that stops once a week or more does so as its duty:
    its stops say nothing.
    """
    columns = level_columns(features.columns)
    seconds = [name.seconds for column in columns if (name := parse_feature_name(column))]
    shortest = [column for column, length in zip(columns, seconds, strict=True) if length == min(seconds)]
    measured = features.filter(pl.any_horizontal(pl.col(shortest).is_not_null())).sort("machine_id", "window_end")
    return _without_failing(_without_stops(measured, timedelta(seconds=max(seconds))), failures)


def _without_stops(features: pl.DataFrame, longest: timedelta) -> pl.DataFrame:
    at, step = pl.col("window_end"), pl.col("window_end").diff()
    stops = (step > _STOP_HOPS * features.select(step.over("machine_id").median()).item()).fill_null(value=False)
    is_duty = stops.sum() * _FAILING >= at.max() - at.min()
    since = at - pl.when(stops).then(at).forward_fill()
    until = pl.when(stops.shift(-1)).then(at).backward_fill() - at
    is_near = (since < longest).fill_null(value=False) | (until < _FAILING).fill_null(value=False)
    return features.filter((is_duty | ~is_near).over("machine_id"))


def _without_failing(features: pl.DataFrame, failures: pl.DataFrame | None) -> pl.DataFrame:
    if failures is None or failures.is_empty():
        return features
    ends = failures.select("machine_id", failed_at="event_timestamp").sort("failed_at")
    ahead = features.sort("window_end").join_asof(
        ends, left_on="window_end", right_on="failed_at", by="machine_id", strategy="forward", check_sortedness=False
    )
    soon = pl.col("failed_at") - pl.col("window_end") <= _FAILING
    return ahead.filter(~soon.fill_null(value=False)).drop("failed_at").sort("machine_id", "window_end")


def level_columns(columns: Iterable[str]) -> list[str]:
    """Return those of the columns that a baseline compares, in their order.

    They say how high or how scattered values are; counts and shapes say little and stray much. For how long a machine
    ran is what it was asked to do, and no sign of its condition.
    """
    return [
        column
        for column in columns
        if (name := parse_feature_name(column))
        and name.channel != RUNNING
        and name.statistic in _LEVEL_STATISTICS
        and not name.is_drift
    ]


def first_levels(baseline: Baseline, features: pl.DataFrame, level_days: float) -> dict[str, tuple[float | None, ...]]:
    """Return each machine's level: the median of its first days, by column; None where nothing was measured."""
    since = pl.col("window_end") - pl.col("window_end").min().over("machine_id")
    first_days = features.filter(since < pl.duration(seconds=int(level_days * 86_400)))
    values = pl.DataFrame(baseline.transform(measured(baseline, first_days)), schema=list(baseline.columns))
    medians = values.fill_nan(None).with_columns(first_days["machine_id"]).group_by("machine_id").median()
    return {row[0]: row[1:] for row in medians.sort("machine_id").iter_rows()}


def levels_of_new_sensors(
    baseline: Baseline, features: pl.DataFrame, level_days: float, replaced: pl.DataFrame
) -> dict[str, tuple[float | None, ...]]:
    """Return the baseline's levels with those of new sensors (frame REPLACED): the median of the first days since.

    None where less than a day of windows lies wholly after the replacement.
    """
    levels = dict(baseline.levels)
    since_new = only_new_sensors(features, baseline.columns, replaced)
    for machine_id, channel, at in replaced.select("machine_id", "channel", "replaced_at").iter_rows():
        own = [column for column, name in zip(baseline.columns, baseline.channels, strict=True) if name == channel]
        if machine_id in levels and own:
            later = since_new.filter(
                pl.col("machine_id") == machine_id, pl.col("window_end") > at, pl.col(own[0]).is_not_null()
            )
            is_enough = later.select(pl.col("window_end").max() - pl.col("window_end").min() >= _ENOUGH).item()
            new = first_levels(baseline, later, level_days)[machine_id] if is_enough else [None] * len(baseline.columns)
            levels[machine_id] = tuple(
                b if name == channel else a
                for a, b, name in zip(levels[machine_id], new, baseline.channels, strict=True)
            )
    return levels


def _fit_class(baseline: Baseline, features: pl.DataFrame) -> ClassBaseline:
    """Fit one class: robust location and scale, then principal components of the rows nearest to normal."""
    own = baseline.deviations(features["machine_id"].to_list(), measured(baseline, features))
    location, scale = _robust_spread(own)
    model = ClassBaseline(tuple(location), tuple(scale), (), limit=np.inf, machine_months=0.0)
    standardised = np.clip(model.standardise(own), -_CLIPPED_AT, _CLIPPED_AT)
    kept = np.ones(len(standardised), dtype=bool)
    weight = np.eye(len(location))
    for _ in range(2):  # the second pass without the rows that were farthest from normal in the first
        weight = _distance_weight(standardised[kept])
        distance = np.square(standardised @ weight).sum(axis=1)
        kept = distance <= np.quantile(distance, 1 - _TRIMMED)
    weighted = replace(model, weight=tuple(map(tuple, weight.tolist())), limit=1.0)
    limit, machine_months = calibrate_limit(
        features.select("machine_id", "window_end").with_columns(distance=weighted.squares(own).sum(axis=1)),
        persistence=baseline.persistence,
        episodes_per_machine_month=baseline.episodes_per_machine_month,
    )
    return replace(weighted, limit=limit, machine_months=machine_months)


def _robust_spread(values: Matrix) -> tuple[Matrix, Matrix]:
    """Return median and robust standard deviation of each column; a constant column is measured in its own unit."""
    location = np.nanmedian(values, axis=0)
    scale = MAD_TO_SIGMA * np.nanmedian(np.abs(values - location), axis=0)
    scale = np.where(scale > 0, scale, np.nanstd(values, axis=0))
    return location, np.where(scale > 0, scale, 1.0)


def _distance_weight(standardised: Matrix) -> Matrix:
    """Return W such that |zW|^2 = T2 / T2 limit + Q / Q limit, both limits being quantiles of the given rows."""
    covariance = np.atleast_2d(np.cov(standardised, rowvar=False))
    variances, directions = np.linalg.eigh(covariance)
    variances, directions = variances[::-1].clip(min=SMALLEST), directions[:, ::-1]
    count = int(np.searchsorted(np.cumsum(variances) / variances.sum(), _EXPLAINED)) + 1
    inside, spread = directions[:, :count], variances[:count]
    projected = standardised @ inside
    t2_limit = np.quantile(np.square(projected / np.sqrt(spread)).sum(axis=1), _CONTROL_QUANTILE)
    residual = standardised - projected @ inside.T
    q_limit = max(float(np.quantile(np.square(residual).sum(axis=1), _CONTROL_QUANTILE)), SMALLEST)
    within = (inside / np.sqrt(spread * max(float(t2_limit), SMALLEST))) @ inside.T
    outside = (np.eye(len(directions)) - inside @ inside.T) / np.sqrt(q_limit)
    return within + outside
