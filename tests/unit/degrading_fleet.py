"""A small labelled fleet whose vibration foretells its failures, for tests of training, evaluation and prediction."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from mlops_core.prognosis import label_features
from mlops_core.telemetry import FAILURES, TIMESTAMP

START = datetime(2026, 1, 1, tzinfo=UTC)


def degrading_fleet(
    *, machines: int = 8, runs: int = 3, seed: int = 0, unfinished: bool = True, horizon: str = "12h"
) -> pl.DataFrame:
    """Labelled hourly rows: `vibration_rms_1h` grows over the last third of a run, `temperature_mean_6h` means nothing.

    Runs last 60 to 140 hours, repairs 10; with `unfinished` each machine ends in a run that is still under way.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    features: list[pl.DataFrame] = []
    failures: list[dict[str, object]] = []
    for machine in range(machines):
        machine_id, at = f"PUMP-{machine:02d}", 0.0
        for run in range(runs + unfinished):
            life = float(rng.integers(60, 141)) + 0.5
            seen = life if run < runs else 50.0
            hours = np.arange(at + 1, at + seen)
            left = at + life - hours
            wear = np.clip(1 - left / (life / 3), 0, 1)
            features.append(_rows(machine_id, hours, 2 + 8 * wear**2 + rng.normal(0, 0.4, len(hours)), rng))
            if run < runs:
                failures.append(
                    {
                        "machine_id": machine_id,
                        "event_timestamp": START + timedelta(hours=at + life),
                        "returned_to_service_at": START + timedelta(hours=at + life + 10),
                    }
                )
            at += life + 10
    return label_features(pl.concat(features), pl.DataFrame(failures, schema=FAILURES), horizon=horizon)


def _rows(machine_id: str, hours: np.ndarray, vibration: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "machine_id": machine_id,
            "window_end": [START + timedelta(hours=float(hour)) for hour in hours],
            "vibration_count_1h": np.full(len(hours), 60),
            "vibration_rms_1h": vibration,
            "vibration_slope_6h": np.gradient(vibration),
            "temperature_mean_6h": rng.normal(50, 3, len(hours)),
        }
    ).cast({"window_end": TIMESTAMP})
