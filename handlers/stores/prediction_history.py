"""What a model has predicted: the history of predictions in the lake."""

import gzip
import json
from datetime import datetime

import polars as pl

from handlers.stores.lake import DataLake
from mlops_core.lake import PREDICTIONS_PREFIX, day_paths
from mlops_core.telemetry import TIMESTAMP


def predictions_of(lake: DataLake, version: str, *, since: datetime, until: datetime) -> pl.DataFrame:
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
