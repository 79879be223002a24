"""Anomalies as alarms.

```
row      1 2 3 4 5 6 7 8 9      persistence 3
beyond   x x . x x x . . .     x above the limit, . calm, - between
episode  . . . . . o o o end
```
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.alerting.anomaly_alarms import anomaly_alarm
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.condition import (
    Anomaly,
    anomalies_of,
    anomaly_of,
    fit_baseline,
    load_baseline,
    score_anomalies,
    train_baseline,
)
from mlops_core.errors import CorruptBundleError
from mlops_core.telemetry import FAILURES
from tests.unit.test_baseline import FORTNIGHT, START, fleet, with_vibration_from

AT = datetime(2026, 11, 21, tzinfo=UTC)
NOTHING_FAILED = pl.DataFrame(schema=FAILURES)


def judged(rows: str, *, alarm: Alarm | None = None, first: int = 0) -> list[Alarm]:
    """The alarm after each row: x is beyond the limit, a dot is calm, a dash neither."""
    alarms = [alarm or Alarm(machine_id="M1", source=AlarmSource.ANOMALY)]
    for hour, row in enumerate(rows, start=first):
        anomaly = Anomaly({"x": 0.8, "-": 0.47, ".": 0.1}[row], (("vibration", 1.0),), ("vibration_rms_1h", 9.0, 4.0))
        at = AT + timedelta(hours=hour)
        alarms.append(anomaly_alarm(alarms[-1], anomaly, window_end=at, persistence=3, version="v", now=at))
    return alarms[1:]


def states(rows: str) -> str:
    return "".join("o" if alarm.episode is not None and alarm.episode.is_open else "." for alarm in judged(rows))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("xx.xxx...", ".....ooo."),
        ("xxx.x..x...", "..oooooooo."),
        ("xx.xx.xx", "........"),
        ("xxx--.---..-...", "..oooooooooooo."),
    ],
)
def test_episodes_open_by_persistence_and_end_after_three_calm_rows(rows, expected):
    assert states(rows) == expected


def test_a_normal_machine_is_not_stored_and_a_row_that_was_judged_is_no_further_evidence():
    assert all(alarm.sequence == 0 for alarm in judged("...."))
    [first] = judged("x")
    [again] = judged("x", alarm=first)
    assert again == first


def test_a_stretch_within_the_limit_is_written_once():
    alarms = judged("x....")
    assert [alarm.sequence for alarm in alarms] == [1, 2, 2, 2, 2]


def test_one_that_a_person_closed_stays_closed_until_the_machine_was_normal_again():
    opened = judged("xxx")[-1]
    closed = opened.following(episode=opened.episode.ended(AT + timedelta(hours=3)), evidence=opened.evidence, now=AT)
    assert not judged("xxx", alarm=closed, first=3)[-1].episode.is_open
    assert judged(".xxx", alarm=closed, first=3)[-1].episode.is_open


def test_one_row_is_judged_as_the_frame_judges_it():
    features = with_vibration_from(fleet(6, FORTNIGHT + 24, seed=1), "M3", FORTNIGHT, 2.0)
    baseline = fit_baseline(features.filter(pl.col("window_end") <= START + timedelta(hours=FORTNIGHT)))
    last = features.filter(pl.col("window_end") == pl.col("window_end").max())
    scored = score_anomalies(baseline, last)
    for row, row_scored in zip(
        last.sort("machine_id").iter_rows(named=True), scored.iter_rows(named=True), strict=True
    ):
        one = anomaly_of(baseline, row["machine_id"], row)
        assert one.score == pytest.approx(row_scored["anomaly_score"])
        assert dict(one.shares) == pytest.approx(
            {part["channel"]: part["share"] for part in row_scored["contributions"]}
        )
    assert anomaly_of(baseline, "NEW-1", last.row(0, named=True)) is None
    assert anomaly_of(baseline, "M3", {"temperature_mean_1h": 40.0}) is None
    assert anomalies_of(baseline, []) == []


def test_a_baseline_is_stored_and_read_whole_and_refused_where_a_byte_differs():
    bundle = train_baseline(fleet(6, FORTNIGHT, seed=1), failures=NOTHING_FAILED, episodes_per_machine_month=0.6)
    files = bundle.files()
    again = load_baseline(files)
    assert (again.version, again.files()) == (bundle.version, files)
    assert again.baseline.levels == bundle.baseline.levels
    with pytest.raises(CorruptBundleError):
        load_baseline({**files, "baseline.json": files["baseline.json"].replace(b"1", b"2", 1)})


def test_one_that_raises_surely_more_than_twice_what_it_promised_may_not_serve():
    steady = fleet(8, FORTNIGHT, seed=1)
    hour = (pl.col("window_end") - START).dt.total_hours()
    is_burst = (hour > FORTNIGHT * 0.76) & (hour % 16 < 8)  # three rows make an episode
    unsteady = steady.with_columns(
        pl.when(is_burst).then(pl.col(name) * 5).otherwise(pl.col(name)).alias(name)
        for name in ("vibration_rms_1h", "vibration_rms_24h")
    )
    kept = train_baseline(steady, failures=NOTHING_FAILED, episodes_per_machine_month=0.6)
    refused = train_baseline(unsteady, failures=NOTHING_FAILED, episodes_per_machine_month=0.6)
    assert kept.manifest.refused == ""
    assert "surely more than 2 times" in refused.manifest.refused
    assert "**It may not serve**" in refused.card
    assert "It may serve" in replace(refused, manifest=replace(refused.manifest, refused="")).card
