"""Histories and models that several files learn from, made once in a process."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.prognosis import ModelBundle, TrainingSettings, TreeSettings, train
from mlops_core.simulation import SimulatedHistory, simulate_fleet
from tests.unit.degrading_fleet import degrading_fleet


@pytest.fixture(scope="session")
def labelled() -> pl.DataFrame:
    """Rows of the degrading fleet."""
    return degrading_fleet()


@pytest.fixture(scope="session")
def bundle(labelled: pl.DataFrame) -> ModelBundle:
    """A model of the degrading fleet, trained quickly."""
    return train(labelled, seed=1, horizon="12h", settings=TrainingSettings(trees=TreeSettings(rounds=30)))


@pytest.fixture(scope="session")
def history() -> SimulatedHistory:
    """Two months of the simulated machines M0 to M5."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return simulate_fleet(
        [f"M{n}" for n in range(6)], start=start, end=start + timedelta(days=60), interval="1h", seed=5
    )
