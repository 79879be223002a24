"""The offline store, read some objects at once."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from handlers.stores import FeatureHistory, encode_parquet, feature_history
from mlops_core.lake import features_key
from tests.handlers import stores

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def history(aws) -> FeatureHistory:
    """Three hours of four machines, in two shards."""
    lake = stores.lake()
    for hour in range(3):
        for shard in range(2):
            rows = {"machine_id": [f"P{shard}", f"Q{shard}"], "window_end": [START + hour * HOUR] * 2, "a": [1.0, 2.0]}
            lake.create(features_key(START + hour * HOUR, shard), encode_parquet(pl.DataFrame(rows)))
    return FeatureHistory(lake, since=START, until=START + 3 * HOUR)


def test_the_machines_of_all_shards_count(history):
    assert history.machines == 4


def test_as_many_objects_are_read_at_once_as_hold_the_rows_that_fit(history, monkeypatch):
    monkeypatch.setattr(feature_history, "_ROWS_AT_ONCE", 9)  # two rows an object
    batches = list(history.batches(["machine_id", "window_end"]))
    assert [rows.height for rows in batches] == [8, 4]
    assert history.batches_in_all == 2
