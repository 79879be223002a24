"""The trial of a model on what is stored: its predictions against failures, repairs and verdicts."""

import gzip
import json
from datetime import datetime

import polars as pl

from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from mlops_core.lake import PREDICTIONS_PREFIX, day_paths
from mlops_core.prognosis import ModelBundle, Trial, try_champion
from mlops_core.telemetry import FAILURES, MAINTENANCE, TIMESTAMP, VERDICTS


def try_stored(
    bundle: ModelBundle, lake: DataLake, history: LabelHistory, *, since: datetime, now: datetime
) -> Trial | None:
    """Try a model on the days from `since` on; None where it has predicted nothing in them."""
    predictions = _predictions(lake, bundle.version, since=since, until=now)
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


def _predictions(lake: DataLake, version: str, *, since: datetime, until: datetime) -> pl.DataFrame:
    """Return `machine_id`, `window_end` and `failure_probability` of each prediction of a model in these days."""
    keys = sorted(lake.versions_under(f"{PREDICTIONS_PREFIX}{day}/" for day in day_paths(since, until)))
    lines = (json.loads(line) for body in lake.read_all(keys) for line in gzip.decompress(body).splitlines())
    predicted = [
        (line["machine_id"], datetime.fromisoformat(line["window_end"]), line["failure_probability"])
        for line in lines
        if line["model_version"] == version
    ]
    schema = {"machine_id": pl.String(), "window_end": TIMESTAMP, "failure_probability": pl.Float64()}
    return pl.DataFrame(predicted, schema=schema, orient="row")
