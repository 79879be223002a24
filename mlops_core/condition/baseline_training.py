"""A baseline that may serve: fitted on the earlier part of a history, judged on the healthy weeks after it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import exp
from typing import Final

import polars as pl

from mlops_core.condition.anomalies import score_anomalies
from mlops_core.condition.baseline import Baseline
from mlops_core.condition.baseline_bundle import BaselineBundle, BaselineManifest
from mlops_core.condition.baseline_fit import fit_baseline, healthy_rows
from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.features import only_new_sensors
from mlops_core.time import HOURS_PER_MONTH

_HELD_OUT_SHARE: Final = 0.25
_MOST_HELD_OUT: Final = timedelta(days=28)
_TOLERATED: Final = 2.0
"""Times as many episodes as promised that a baseline may raise."""
_SURE: Final = 0.05
"""It is refused where as many would be rarer than this if it kept within what is tolerated."""


def train_baseline(
    features: pl.DataFrame,
    *,
    failures: pl.DataFrame,
    episodes_per_machine_month: float,
    class_of: Mapping[str, str] | None = None,
    replaced: pl.DataFrame | None = None,
) -> BaselineBundle:
    """Return a baseline with its judgement; `manifest.refused` says why it may not serve.

    Args:
        features: rows of machines that ran (`compute_features`), as long a history as there is.
        failures: those that are known (`FAILURES`), if any: the week before each is neither learned from nor judged by.
        episodes_per_machine_month: for which rate of false episodes the limits are chosen.
        class_of: the class of each machine that has one; machines of one class share their spread.
        replaced: frame REPLACED, of sensors that were replaced or moved.

    Raises:
        UntrainableError: too few rows, or none of a level.

    """
    if features.is_empty():
        raise UntrainableError(UntrainableReason.NO_ROWS, "there are no feature rows", "Has processing run yet?")
    first, last = features.select(pl.col("window_end").min(), last=pl.col("window_end").max()).row(0)
    at = last - min(_MOST_HELD_OUT, (last - first) * _HELD_OUT_SHARE)
    earlier = features.filter(pl.col("window_end") <= at)
    fitted = fit_baseline(
        earlier,
        failures=failures,
        class_of=class_of,
        replaced=replaced,
        episodes_per_machine_month=episodes_per_machine_month,
    )
    newcomers = features.filter(~pl.col("machine_id").is_in(list(fitted.levels)))
    known = fitted.with_machines(newcomers) if newcomers.height else fitted
    if replaced is not None and replaced.height:
        known = known.with_sensors(features, replaced.filter(pl.col("replaced_at") <= last))
    sound = only_new_sensors(features, fitted.columns, replaced)
    months, episodes = _judged(fitted, healthy_rows(sound, failures), at)
    tolerated = _TOLERATED * episodes_per_machine_month * months
    refused = (
        f"it raised {episodes} episodes in {months:.1f} machine-months of healthy weeks, surely more than"
        f" {_TOLERATED:g} times the {episodes_per_machine_month:g} a machine-month that were promised"
        if _at_least(episodes, tolerated) < _SURE
        else ""
    )
    manifest = BaselineManifest(
        trained_from=first.isoformat(),
        trained_through=at.isoformat(),
        rows=earlier.height,
        machines=len(known.levels),
        failures=failures.height,
        promised=float(episodes_per_machine_month),
        judged_machine_months=months,
        judged_episodes=episodes,
        refused=refused,
    )
    return BaselineBundle(known, manifest)


def _judged(baseline: Baseline, healthy: pl.DataFrame, at: datetime) -> tuple[float, int]:
    """Machine-months that were held out, and the episodes that began in them; earlier rows only lead in."""
    scored = score_anomalies(baseline, healthy)
    begins = pl.col("is_unusual") & ~pl.col("is_unusual").shift(1).over("machine_id").fill_null(value=False)
    later = scored.with_columns(begins=begins).filter(pl.col("window_end") > at, pl.col("anomaly_score").is_not_null())
    hop = later.select(pl.col("window_end").diff().over("machine_id").dt.total_seconds().median()).item() or 3600
    return later.height * hop / 3600 / HOURS_PER_MONTH, int(later["begins"].sum())


def _at_least(count: int, mean: float) -> float:
    """The probability of `count` events or more where `mean` are expected (Poisson)."""
    below, term = 0.0, exp(-mean)
    for number in range(count):
        below += term
        term *= mean / (number + 1)
    return max(1.0 - below, 0.0)
