"""Limits for a stated rate of episodes, extrapolated where the rate is rarer than the history can show."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.condition.baseline import CALM_DISTANCE, CALM_ROWS
from mlops_core.time import HOURS_PER_MONTH

_PEAKS_ABOVE: Final = 0.9
_LOWEST_QUANTILE: Final = 0.985
_FEWEST_PEAKS: Final = 10
_EXPONENTIAL_MEDIAN: Final = 0.6931471805599453  # median over mean of an exponential distribution, which log peaks have


def episode_is_open(persistence: int) -> pl.Expr:
    """Whether an episode is open, by `distance` in units of the limit, of rows in order of machine and time.

    It opens once `persistence` rows in a row were above the limit, and ends once three in a row were calm. A row that
    was not judged (null) changes nothing.
    """
    opens = pl.col("distance").rolling_min(persistence) > 1
    ends = pl.col("distance").rolling_max(CALM_ROWS) <= CALM_DISTANCE
    changes = pl.when(opens).then(statement=True).when(ends).then(statement=False)
    return changes.forward_fill().over("machine_id").fill_null(value=False)


def calibrate_limit(
    distances: pl.DataFrame, *, persistence: int, episodes_per_machine_month: float
) -> tuple[float, float]:
    """Return the limit that episodes exceed at the stated rate, and the machine-months it was chosen on.

    The limit is the peak that so many episodes reach as the rate allows. Where it allows fewer than ten, the tenth
    highest peak is carried on to the stated rate by a power law (after Hill 1975, Annals of Statistics 3, 1163). It is
    never below the 98.5 % quantile of all rows: little that happened must not make a limit that much exceeds.

    Args:
        distances: `machine_id`, `window_end`, `distance` (not null), in order of machine and time.
        persistence: how many consecutive rows above a limit make an episode.
        episodes_per_machine_month: the rate to choose for; a machine-month is 720 hours.

    """
    hop_hours = distances.select(pl.col("window_end").diff().over("machine_id").dt.total_seconds().median()).item()
    machine_months = distances.height * (hop_hours or 3600) / 3600 / HOURS_PER_MONTH
    allowed = episodes_per_machine_month * machine_months
    peaks = _peaks(distances, persistence)
    rank = min(max(_FEWEST_PEAKS, round(allowed)), len(peaks))
    if rank == 0:
        return float(distances["distance"].to_numpy().max()), machine_months
    reached = peaks[rank - 1]
    tail = float(np.median(np.log(peaks[:rank] / reached))) / _EXPONENTIAL_MEDIAN  # robust to a failure among them
    limit = float(reached * max(rank / allowed, 1.0) ** tail)
    return max(limit, float(np.quantile(distances["distance"].to_numpy(), _LOWEST_QUANTILE))), machine_months


def _peaks(distances: pl.DataFrame, persistence: int) -> NDArray[np.float64]:
    """Return the peak of each stretch of rows whose persistent distance is among the highest tenth, highest first."""
    lowest = distances.with_columns(lowest=pl.col("distance").rolling_min(persistence).over("machine_id"))
    floor = lowest["lowest"].quantile(_PEAKS_ABOVE)
    above = lowest.with_columns(above=(pl.col("lowest") > floor).fill_null(value=False))
    stretches = above.with_columns(stretch=pl.struct("machine_id", "above").rle_id()).filter("above")
    return np.sort(stretches.group_by("stretch").agg(pl.col("lowest").max())["lowest"].to_numpy())[::-1]
