"""Anomalies under crashes, duplicates and disorder: no episode is lost, none is doubled.

Each run of scoring may end at any of its writes, before or after AWS did it, and is then run again; features may be
offered twice, late, and out of order.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from handlers.stores import FeatureRow
from mlops_core.alerting import episodes
from mlops_core.alerting.episodes import AlarmSource
from mlops_core.condition import train_baseline
from mlops_core.telemetry import FAILURES
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.model_bundles import serve
from tests.unit.test_baseline import FORTNIGHT, fleet

NORMAL = fleet(3, FORTNIGHT, seed=1)
BUNDLE = train_baseline(NORMAL, failures=pl.DataFrame(schema=FAILURES), episodes_per_machine_month=0.6)
AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=16)
UNUSUAL = range(2, 10)
HOURS = 14


@pytest.fixture
def served(aws, monkeypatch) -> None:
    monkeypatch.setattr(episodes, "ANNOUNCING", timedelta(0))  # a run is tried again after a claim has run out
    serve(stores.baselines(), BUNDLE, at=AT)


def offer(hour: int) -> None:
    row = NORMAL.filter(machine_id="M1").row(hour, named=True)
    values = {name: value for name, value in row.items() if name not in ("machine_id", "window_end")}
    if hour in UNUSUAL:
        values |= {name: value * 4.0 for name, value in values.items() if name.startswith("vibration")}
    at = AT + timedelta(hours=hour)
    stores.online().offer(FeatureRow("M1", at, 1, values), updated_at=at)


def until_done(run) -> None:
    for _ in range(5):
        try:
            run({})
        except InjectedError:
            continue
        return
    raise AssertionError


@pytest.mark.parametrize("seed", range(4))
def test_an_episode_is_opened_and_ended_once_whatever_is_doubled_late_or_cut_short(deploy, served, aws, faults, seed):
    random = np.random.default_rng(seed)
    score = deploy("scoring")
    for hour in range(HOURS):
        offer(hour)
        if hour and random.random() < 0.5:
            offer(int(random.integers(hour)))  # late and doubled: an older row replaces no newer one
        if random.random() < 0.6:
            faults.fail_write(int(random.integers(1, 5)), ["before", "after"][random.integers(2)])
        until_done(score)
        faults.clear()
        if random.random() < 0.3:
            until_done(score)
    alarm = stores.alarms().load("M1", AlarmSource.ANOMALY)
    persistence = BUNDLE.baseline.persistence
    assert alarm.episode.opened == AT + timedelta(hours=UNUSUAL[persistence - 1])
    assert not alarm.is_open
    opened = [text for text in aws.notices() if "behaves unusually" in text]
    ended = [text for text in aws.notices() if "is back to normal" in text]
    assert len(set(opened)) == len(set(ended)) == 1
    assert 1 <= len(opened) <= 2
    assert 1 <= len(ended) <= 2
