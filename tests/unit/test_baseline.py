"""What is normal is learned without a failure: own levels, pooled spread, a limit for a stated rate of episodes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from mlops_core.condition import Baseline, fit_baseline, score_anomalies
from mlops_core.condition.baseline_fit import healthy_rows
from mlops_core.condition.exceedance import episode_is_open
from mlops_core.errors import InvalidArgumentError, MissingColumnError, UntrainableError

START = datetime(2026, 1, 1, tzinfo=UTC)
FORTNIGHT = 14 * 24


def fleet(machines: int, hours: int, *, seed: int, level: float = 5.0) -> pl.DataFrame:
    """Feature rows of machines that differ in level and stray about it by a tenth, all features together."""
    random = np.random.default_rng(seed)
    frames = []
    for machine in range(machines):
        own = level * (1 + machine)
        wander = 0.5 * random.standard_normal(hours)
        frames.append(
            pl.DataFrame(
                {
                    "machine_id": [f"M{machine}"] * hours,
                    "window_end": [START + timedelta(hours=hour + 1) for hour in range(hours)],
                    "vibration_rms_1h": own * np.exp(0.1 * (wander + random.standard_normal(hours))),
                    "vibration_rms_24h": own * np.exp(0.1 * (wander + random.standard_normal(hours))),
                    "temperature_mean_1h": 40.0 + machine + random.standard_normal(hours),
                    "temperature_count_1h": [60] * hours,
                },
                schema_overrides={"window_end": pl.Datetime("us", "UTC")},
            )
        )
    return pl.concat(frames)


def with_vibration_from(features: pl.DataFrame, machine: str, hour: int, factor: float) -> pl.DataFrame:
    broken = (pl.col("machine_id") == machine) & (pl.col("window_end") > START + timedelta(hours=hour))
    return features.with_columns(
        pl.when(broken).then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name)
        for name in ("vibration_rms_1h", "vibration_rms_24h")
    )


def test_machines_are_compared_with_their_own_level_and_a_change_is_found_with_its_channel() -> None:
    features = fleet(6, FORTNIGHT + 48, seed=1)
    baseline = fit_baseline(features.filter(pl.col("window_end") <= START + timedelta(hours=FORTNIGHT)))
    scored = score_anomalies(baseline, with_vibration_from(features, "M3", FORTNIGHT, 2.0))
    later = scored.filter(pl.col("window_end") > START + timedelta(hours=FORTNIGHT))
    unusual = later.filter("is_unusual")
    assert set(unusual["machine_id"]) == {"M3"}
    assert unusual["window_end"].min() == START + timedelta(hours=FORTNIGHT + baseline.persistence)
    assert {contributions[0]["channel"] for contributions in unusual["contributions"]} == {"vibration"}


def test_scores_are_a_share_of_one_and_contributions_add_up() -> None:
    features = fleet(4, FORTNIGHT, seed=2)
    scored = score_anomalies(fit_baseline(features), features)
    assert scored["anomaly_score"].is_between(0, 1, closed="left").all()
    totals = [sum(part["share"] for part in parts) for parts in scored["contributions"]]
    np.testing.assert_allclose(totals, 1.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_stays_within_the_stated_rate(seed: int) -> None:
    features = fleet(10, 2 * FORTNIGHT, seed=seed)
    half = START + timedelta(hours=FORTNIGHT)
    scored = score_anomalies(fit_baseline(features.filter(pl.col("window_end") <= half)), features)
    later = scored.filter(pl.col("window_end") > half)
    starts = later.filter(
        pl.col("is_unusual") & ~pl.col("is_unusual").shift(1).over("machine_id").fill_null(value=False)
    )
    assert starts.height / (later.height / 720) <= 0.6


def test_a_start_that_already_holds_a_failing_machine_does_not_hide_the_next_one() -> None:
    features = with_vibration_from(fleet(10, FORTNIGHT + 48, seed=3), "M0", FORTNIGHT - 24, 4.0)
    baseline = fit_baseline(features.filter(pl.col("window_end") <= START + timedelta(hours=FORTNIGHT)))
    scored = score_anomalies(baseline, with_vibration_from(features, "M7", FORTNIGHT, 4.0))
    assert scored.filter(pl.col("is_unusual") & (pl.col("machine_id") == "M7")).height > 24


def test_a_machine_that_is_not_known_is_not_judged_until_it_is() -> None:
    features = fleet(4, FORTNIGHT, seed=4)
    baseline = fit_baseline(features.filter(pl.col("machine_id") != "M2"))
    (score,) = set(score_anomalies(baseline, features.filter(pl.col("machine_id") == "M2"))["anomaly_score"])
    assert score is None
    known = baseline.with_machines(features.filter(pl.col("machine_id") == "M2"))
    assert score_anomalies(known, features)["anomaly_score"].null_count() == 0


def test_a_row_with_half_of_its_features_is_judged_and_one_with_fewer_is_not() -> None:
    features = fleet(4, FORTNIGHT, seed=5)
    baseline = fit_baseline(features)
    hollow = features.with_columns(vibration_rms_1h=pl.lit(None, pl.Float64))
    assert score_anomalies(baseline, hollow)["anomaly_score"].null_count() == 0
    empty = hollow.with_columns(vibration_rms_24h=pl.lit(None, pl.Float64))
    assert score_anomalies(baseline, empty)["anomaly_score"].null_count() == features.height


def test_classes_have_a_spread_of_their_own_and_peers_are_counted_within_them() -> None:
    features = fleet(8, FORTNIGHT, seed=6)
    class_of = {f"M{machine}": "PUMP" if machine < 4 else "FAN" for machine in range(8)}
    baseline = fit_baseline(features, class_of=class_of)
    assert set(baseline.classes) == {"PUMP", "FAN"}
    for machine in ("M0", "M1", "M2"):
        features = with_vibration_from(features, machine, FORTNIGHT - 24, 4.0)
    last = score_anomalies(baseline, features).filter(pl.col("window_end") == pl.col("window_end").max())
    assert dict(zip(last["machine_id"], last["peers_unusual"], strict=True))["M3"] == 1.0
    assert dict(zip(last["machine_id"], last["peers_unusual"], strict=True))["M7"] == 0.0


def test_a_class_of_too_few_rows_shares_the_spread_of_machines_without_a_class() -> None:
    features = fleet(4, FORTNIGHT, seed=6)
    young = features.filter((pl.col("machine_id") != "M3") | (pl.col("window_end") <= START + timedelta(hours=71)))
    baseline = fit_baseline(young, class_of={"M2": "PUMP", "M3": "FAN"})
    assert set(baseline.classes) == {"", "PUMP"}
    assert score_anomalies(baseline, young)["anomaly_score"].null_count() == 0


@pytest.mark.parametrize(("hop", "rows"), [(timedelta(hours=1), 3), (timedelta(minutes=10), 6)])
def test_an_episode_takes_three_rows_or_as_many_as_share_readings(hop: timedelta, rows: int) -> None:
    hourly = fleet(2, FORTNIGHT, seed=7)
    since = pl.col("window_end") - START
    assert fit_baseline(hourly.with_columns(window_end=START + since * (hop / timedelta(hours=1)))).persistence == rows


FEW = fleet(2, FORTNIGHT, seed=7)


@pytest.mark.parametrize(
    ("features", "rate", "error", "problem"),
    [
        (FEW.head(10), 0.6, UntrainableError, "72 are needed"),
        (FEW.select("machine_id", "window_end", "temperature_count_1h"), 0.6, UntrainableError, "no column is a level"),
        (FEW, 0.0, InvalidArgumentError, "must be positive"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_words(
    features: pl.DataFrame, rate: float, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        fit_baseline(features, episodes_per_machine_month=rate)


def test_rows_that_lack_a_column_of_the_baseline_are_refused_by_its_name() -> None:
    features = fleet(2, FORTNIGHT, seed=7)
    baseline = fit_baseline(features)
    with pytest.raises(MissingColumnError, match=baseline.columns[0]):
        score_anomalies(baseline, features.drop(baseline.columns[0]))


def test_a_baseline_is_the_same_from_its_json_and_from_rows_in_any_order() -> None:
    features = fleet(3, FORTNIGHT, seed=8)
    baseline = fit_baseline(features)
    codec = TypeAdapter(Baseline)
    stored = codec.validate_json(codec.dump_json(baseline))
    assert score_anomalies(stored, features).equals(score_anomalies(baseline, features))
    assert codec.dump_json(fit_baseline(features.sample(fraction=1, shuffle=True, seed=1))) == codec.dump_json(baseline)


def test_the_week_before_an_unrecorded_stop_and_the_hours_that_still_hold_it_are_not_learned() -> None:
    features = fleet(6, FORTNIGHT, seed=9)
    stopped = (pl.col("machine_id") == "M2") & pl.col("window_end").is_between(
        START + timedelta(hours=240), START + timedelta(hours=250), closed="right"
    )
    rows = healthy_rows(features.filter(~stopped), None).filter(pl.col("machine_id") == "M2")
    learned = {(at - START) // timedelta(hours=1) for at in rows["window_end"]}
    assert learned == {*range(1, 240 - 7 * 24 + 1), *range(251 + 24, FORTNIGHT + 1)}
    broken = with_vibration_from(features, "M2", 240 - 48, 4.0).filter(~stopped)
    repaired = pl.col("window_end") > START + timedelta(hours=250)
    failing = pl.concat([broken.filter(~repaired), features.filter(repaired)])
    assert fit_baseline(failing).classes[""].limit < 1.5 * fit_baseline(features).classes[""].limit


def test_a_machine_that_stops_every_night_is_learned_from_whole() -> None:
    by_day = fleet(3, FORTNIGHT, seed=10).filter(pl.col("window_end").dt.hour() >= 8)
    assert healthy_rows(by_day, None).height == by_day.height


def test_rows_without_a_reading_in_their_shortest_windows_are_not_learned() -> None:
    features = fleet(3, FORTNIGHT, seed=11)
    asleep = pl.col("window_end").dt.hour() < 8
    shortest = ("vibration_rms_1h", "temperature_mean_1h")
    hollow = features.with_columns(pl.when(~asleep).then(pl.col(name)).alias(name) for name in shortest)
    assert healthy_rows(hollow, None).height == features.filter(~asleep).height


def test_an_episode_ends_with_three_calm_rows_and_not_with_rows_just_below_the_limit() -> None:
    distances = [2.0, 2.0, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5, None, 0.5, 0.5, 0.5]
    rows = pl.DataFrame({"machine_id": ["M0"] * len(distances), "distance": distances})
    is_open = rows.select(episode_is_open(2)).to_series().to_list()
    assert is_open == [False] + [True] * 10 + [False]
