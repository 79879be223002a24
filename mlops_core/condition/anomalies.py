"""How far each feature row is from normal, which channels that is due to, and whether peers are, too."""

from typing import Final

import polars as pl

from mlops_core.condition.baseline import Baseline
from mlops_core.condition.baseline_fit import class_names, measured
from mlops_core.condition.exceedance import episode_is_open
from mlops_core.errors import require_columns

_FEWEST_PEERS: Final = 3
_CONTRIBUTION: Final = {"channel": pl.String, "share": pl.Float64}


def score_anomalies(baseline: Baseline, features: pl.DataFrame) -> pl.DataFrame:
    """Return how unusual each row is.

    Args:
        baseline: what `fit_baseline` learned.
        features: rows of `compute_features`.

    Returns:
        One row per row of `features`, in order of machine and time: machine_id and window_end, and
        `anomaly_score`, in [0, 1): distance / (distance + limit), so 0.5 is at the limit; null for a machine that is
        not in the baseline, and where fewer than half of its features were measured;
        `is_unusual`: an episode is open, from the `persistence`-th row in a row above the limit to the third in a row
        at or below 0.8 of it;
        `contributions`: list of {channel, share}, largest first; the shares of a row add up to 1;
        `peers_unusual`: share of the other machines of the class that are above the limit at the same instant: where it
        is high, look for a common cause. Null with fewer than three of them.

    Raises:
        MissingColumnError: a column that the baseline reads is absent.

    Example:
        >>> scores = mc.score_anomalies(baseline, features)
        >>> scores["anomaly_score"].drop_nulls().is_between(0, 1).all()
        True

    """
    require_columns("features", features.columns, "machine_id", "window_end", *baseline.columns)
    ordered = features.sort("machine_id", "window_end")
    machine_ids = ordered["machine_id"].to_list()
    squares = baseline.squares(machine_ids, baseline.deviations(machine_ids, measured(baseline, ordered)))
    totals, channels, shares = baseline.shares(squares)
    listed = pl.DataFrame({"channel": channels.ravel(), "share": shares.ravel()}, schema=_CONTRIBUTION)
    scored = ordered.select("machine_id", "window_end").with_columns(
        class_names(baseline, ordered),
        distance=pl.Series(totals).fill_nan(None),
        contributions=listed.to_struct().reshape(shares.shape).arr.to_list(),
    )
    above = (pl.col("distance") > 1).fill_null(value=False)
    others = pl.col("distance").count().over("machine_class", "window_end") - pl.col("distance").is_not_null()
    return scored.select(
        "machine_id",
        "window_end",
        anomaly_score=pl.col("distance") / (pl.col("distance") + 1),
        is_unusual=episode_is_open(baseline.persistence),
        contributions=pl.when(pl.col("distance").is_not_null()).then("contributions"),
        peers_unusual=pl.when(others >= _FEWEST_PEERS).then(
            (above.sum().over("machine_class", "window_end") - above) / others
        ),
    )
