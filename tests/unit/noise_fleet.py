"""Labelled machines whose features know nothing of their failures, or as much as is asked for."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from mlops_core.prognosis import label_features
from mlops_core.telemetry import FAILURES, TIMESTAMP

START = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = 4


def noise_fleet(machines: int, *, seed: int, informative: float = 0.0, runs: int = 1, life: int = 300) -> pl.DataFrame:
    """Hourly rows of autoregressive noise, about `life` a run; `informative` is added per ten of a run's last 60 h."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rows: list[pl.DataFrame] = []
    failures: list[dict[str, object]] = []
    for machine in range(machines):
        at = 0
        for _ in range(runs):
            hours = int(generator.integers(life // 2, life * 3 // 2))
            steps = generator.normal(size=(hours, FEATURES))
            for hour in range(1, hours):
                steps[hour] += 0.9 * steps[hour - 1]
            left = hours - np.arange(hours)
            steps[:, 0] += informative * np.clip(60 - left, 0, 60) / 10
            ends = [START + timedelta(hours=at + hour + 1) for hour in range(hours)]
            values = {f"c{number}_mean_6h": steps[:, number] for number in range(FEATURES)}
            rows.append(pl.DataFrame({"machine_id": f"M{machine:02}", "window_end": ends, **values}))
            failed_at = ends[-1] + timedelta(minutes=30)
            failures.append(
                {
                    "machine_id": f"M{machine:02}",
                    "event_timestamp": failed_at,
                    "returned_to_service_at": failed_at + timedelta(hours=9),
                }
            )
            at += hours + 10
    features = pl.concat(rows).cast({"window_end": TIMESTAMP})
    return label_features(features, pl.DataFrame(failures, schema=FAILURES), horizon="24h")
