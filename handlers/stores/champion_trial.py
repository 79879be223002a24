"""The trial of a model on what is stored: its predictions against failures, repairs and verdicts."""

from datetime import datetime

import polars as pl

from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from handlers.stores.prediction_history import predictions_of
from mlops_core.prognosis import ModelBundle, Trial, try_champion
from mlops_core.telemetry import FAILURES, MAINTENANCE, VERDICTS


def try_stored(
    bundle: ModelBundle, lake: DataLake, history: LabelHistory, *, since: datetime, now: datetime
) -> Trial | None:
    """Try a model on the days from `since` on; None where it has predicted nothing in them."""
    predictions = predictions_of(lake, bundle.version, since=since, until=now)
    if predictions.is_empty():
        return None
    return try_champion(
        predictions,
        pl.DataFrame(history.load_all(), schema=FAILURES),
        bundle.alarm_plan,
        horizon_hours=bundle.manifest.horizon_hours,
        known_until=now,
        maintenance=pl.DataFrame(history.load_repairs(), schema=MAINTENANCE),
        verdicts=pl.DataFrame(history.load_verdicts(), schema=VERDICTS),
    )
