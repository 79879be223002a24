"""How far each feature row is from normal, which channels that is due to, and whether peers are, too."""

from typing import Final

import numpy as np
import polars as pl

from mlops_core.condition.baseline import LEAST_MEASURED, Baseline, Matrix
from mlops_core.condition.baseline_fit import class_names, deviations
from mlops_core.condition.exceedance import episode_is_open

__all__ = ["score_anomalies"]

_FEWEST_PEERS: Final = 3


def score_anomalies(baseline: Baseline, features: pl.DataFrame) -> pl.DataFrame:
    """Return how unusual each row is, one row per row of `features`, in order of machine and time.

    Columns:
        machine_id, window_end: as given.
        anomaly_score: in [0, 1): distance / (distance + limit), so 0.5 is at the limit. Null where the baseline does
            not know the machine yet, or fewer than half of its features were measured.
        is_unusual: an episode is open: from the `persistence`-th row in a row above the limit to the third in a row
            at or below 0.8 of it.
        contributions: list of {channel, share}, largest first; the shares of a row add up to 1 (complete
            decomposition: Alcala and Qin 2009, Automatica 45, 1593).
        peers_unusual: share of the other machines of the class that are above the limit at the same instant: where it
            is high, look for a common cause. Null with fewer than three of them.

    Example:
        >>> scores = mc.score_anomalies(baseline, features)
        >>> scores["anomaly_score"].drop_nulls().is_between(0, 1).all()
        True

    """
    ordered = features.sort("machine_id", "window_end")
    named = ordered.select("machine_id", "window_end").with_columns(class_names(baseline, ordered))
    parts = [
        _of_class(baseline, str(name), rows)
        for (name,), rows in named.hstack(ordered.select(baseline.columns)).group_by(
            "machine_class", maintain_order=True
        )
    ]
    scored = pl.concat(parts) if parts else _of_class(baseline, "", named.hstack(ordered.select(baseline.columns)))
    scored = scored.sort("machine_id", "window_end")
    above = (pl.col("distance") > 1).fill_null(value=False)
    others = pl.col("distance").count().over("machine_class", "window_end") - pl.col("distance").is_not_null()
    return scored.select(
        "machine_id",
        "window_end",
        anomaly_score=pl.col("distance") / (pl.col("distance") + 1),
        is_unusual=episode_is_open(baseline.persistence),
        contributions="contributions",
        peers_unusual=pl.when(others >= _FEWEST_PEERS).then(
            (above.sum().over("machine_class", "window_end") - above) / others
        ),
    )


def _of_class(baseline: Baseline, name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Distances (in units of the limit) and contributions of machines of one class."""
    keys = rows.select("machine_id", "window_end", "machine_class")
    pooled = baseline.classes.get(name)
    own = deviations(baseline, rows)
    known = np.isfinite(own).mean(axis=1) >= LEAST_MEASURED if len(own) else np.zeros(0, dtype=bool)
    if pooled is None:
        return keys.with_columns(distance=pl.lit(None, pl.Float64), contributions=pl.lit(None, _CONTRIBUTIONS))
    squares = np.square(pooled.standardise(own) @ pooled.weights)
    squares[~known] = np.nan
    distance = pl.Series("distance", squares.sum(axis=1) / pooled.limit).fill_nan(None)
    return keys.with_columns(distance, _contributions(baseline, squares))


_CONTRIBUTIONS: Final = pl.List(pl.Struct({"channel": pl.String(), "share": pl.Float64()}))


def _contributions(baseline: Baseline, squares: Matrix) -> pl.Series:
    """Return each row's share of every channel, largest first; null where the row was not scored."""
    names = baseline.channels
    channels = sorted(set(names))
    member = np.array([[name == channel for channel in channels] for name in names], dtype=float)
    totals = squares.sum(axis=1, keepdims=True)
    shares = np.divide(squares @ member, totals, out=np.zeros((len(squares), len(channels))), where=totals > 0)
    order = np.argsort(-shares, axis=1, kind="stable")
    listed = pl.DataFrame(
        {
            "row": np.repeat(np.arange(len(squares)), len(channels)),
            "channel": np.array(channels)[order].ravel(),
            "share": np.take_along_axis(shares, order, axis=1).ravel(),
        }
    )
    grouped = listed.group_by("row", maintain_order=True).agg(pl.struct("channel", "share").alias("contributions"))
    unknown = pl.Series(np.isnan(totals).ravel())
    return grouped.select(pl.when(~unknown).then("contributions").alias("contributions"))["contributions"]
