"""From stored features to a champion: the steps of training, one after the other."""

import json
from datetime import timedelta
from io import BytesIO

import polars as pl
import pytest

from handlers import training_set
from handlers.stores import ChampionMovedError, FeatureHistory, encode_parquet
from mlops_core.errors import CorruptBundleError, UntrainableError
from mlops_core.prognosis import LABELS, STANDS_FOR
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord
from tests.handlers import stores
from tests.handlers.model_bundles import AT, damage, serve, small_bundle
from tests.handlers.processed_lake import put_features
from tests.recorded_failures import failure_of
from tests.unit.degrading_fleet import START, degrading_fleet

STARTED = {"execution": "run-1", "started_at": (START + timedelta(days=40)).isoformat()}
BUNDLE, OTHER = small_bundle(1), small_bundle(2)


@pytest.fixture
def history(aws) -> pl.DataFrame:
    """Offline features, and the failures that the platform heard of."""
    rows = degrading_fleet(runs=1, unfinished=False)
    put_features(aws, rows.drop(list(LABELS)))
    labels = stores.labels()
    for machine_id, end, hours in (
        rows.group_by("machine_id").last().select("machine_id", "window_end", "rul_hours").iter_rows()
    ):
        labels.record(failure_of(machine_id, end + timedelta(hours=hours)))
    return rows


def make_room_for(machines: int, monkeypatch) -> None:
    """Let as many keys be held as so many machines have."""
    settings = training_set._settings()
    monkeypatch.setattr(training_set, "_MOST_KEYS", machines * (settings.training_history // settings.feature_hop))


def trained(deploy) -> str:
    """The version of a model of the whole history."""
    deploy("training_set")(STARTED)
    return deploy("training")(STARTED)["version"]


def test_a_repair_that_a_technician_recorded_ends_a_run_that_did_not_fail(deploy, history, aws):
    machine_id = history["machine_id"][0]
    ends = history.filter(machine_id=machine_id)["window_end"].sort()
    repaired_at = ends[len(ends) // 2]
    repair = MaintenanceRecord(machine_id=machine_id, kind=MaintenanceKind.REPAIR, at=repaired_at)
    stores.labels().record_maintenance(repair, recorded_at=AT)
    deploy("training_set")(STARTED)
    (body,) = aws.objects("training/").values()
    rows = pl.read_parquet(BytesIO(body)).filter(machine_id=machine_id)
    is_before = pl.col("window_end") <= repaired_at
    assert rows.filter(is_before)["is_censored"].all()
    assert not rows.filter(~is_before)["is_censored"].any()
    assert rows["run_id"].n_unique() == 2


def test_the_steps_train_judge_and_promote_a_model_and_the_same_data_give_the_champion_again(
    deploy, history, registry, aws
):
    outcome = deploy("training_set")(STARTED)
    assert (outcome["machines"], outcome["failures"], outcome["rule"]) == (8, 8, "2 machines are held out")
    assert outcome["rows"] + outcome["held_out_rows"] == history.height
    version = deploy("training")(STARTED)["version"]
    verdict = deploy("evaluation")(STARTED | {"version": version})
    assert (verdict["promote"], verdict["against"]) == (True, None)
    event = {"version": version, "reason": verdict["reason"], "against": None}
    promote = deploy("promotion")
    assert promote(event) == {"version": version, "sequence": 1}
    assert promote(event) == {"version": version, "sequence": 1}  # its first answer was lost
    assert registry.champion().value.version == version
    again = deploy("evaluation")(STARTED | {"version": deploy("training")(STARTED)["version"]})
    assert (again["promote"], again["against"]) == (False, version)
    (stored,) = [body for key, body in aws.objects("training/").items() if "verdict" in key]
    assert json.loads(stored)["reason"] == verdict["reason"]


def test_a_step_that_is_tried_again_keeps_the_rows_that_the_first_attempt_wrote(deploy, history, aws):
    build = deploy("training_set")
    build(STARTED)
    rows = aws.objects("training/")
    aws.delete(next(iter(aws.objects("processed/features/"))))
    build(STARTED)
    assert aws.objects("training/") == rows


def test_of_a_history_that_is_too_large_every_failing_run_is_in_the_set(deploy, history, monkeypatch, aws):
    build = deploy("training_set")
    monkeypatch.setattr("handlers.training_set._MOST_ROWS", history.height // 2)
    outcome = build(STARTED)
    assert outcome["failures"] == 8
    assert outcome["rows"] + outcome["held_out_rows"] <= history.height // 2 + 8
    (body,) = aws.objects("training/").values()
    rows = pl.read_parquet(BytesIO(body)).drop("is_held_out")
    assert rows[STANDS_FOR].min() >= 1
    assert rows.filter("fails_within_horizon")[STANDS_FOR].max() == 1


def test_of_more_failing_machines_than_there_is_room_for_a_share_is_read_with_their_whole_history(
    deploy, history, monkeypatch, aws
):
    build = deploy("training_set")
    make_room_for(7, monkeypatch)  # for eight, all of which failed
    outcome = build(STARTED)
    (body,) = aws.objects("training/").values()
    rows = pl.read_parquet(BytesIO(body))
    assert 3 <= outcome["machines"] < 8
    assert rows.height == history.filter(pl.col("machine_id").is_in(rows["machine_id"].unique().implode())).height
    assert outcome["failures"] == outcome["machines"]


def test_machines_that_failed_take_the_room_that_no_others_need(deploy, history, monkeypatch):
    build = deploy("training_set")
    make_room_for(12, monkeypatch)  # more than half of it for the eight that failed: there are no others
    assert build(STARTED)["machines"] == 8


def test_machines_that_did_not_fail_are_read_although_more_failed_and_are_gone_than_fit(deploy, history, monkeypatch):
    deploy("training_set")
    make_room_for(6, monkeypatch)
    stored = FeatureHistory(stores.lake(), since=START, until=START + timedelta(days=40))
    stands_for = training_set._draw(stored, {f"GONE-{number}" for number in range(50)})
    assert all(stands_for(machine_id) for machine_id in history["machine_id"].unique())


def test_a_history_that_takes_longer_than_the_function_has_is_refused_with_the_figure(deploy, history, context):
    build = deploy("training_set")
    left = iter([10_000, 1000])
    context.get_remaining_time_in_millis = lambda: next(left)
    with pytest.raises(UntrainableError, match=r"TOO_MUCH: reading \d+ objects of \d+ machines would take 9 s more"):
        build(STARTED)


def test_what_was_not_known_when_the_execution_began_is_not_learned_from(deploy, history, aws):
    early = START + timedelta(hours=30)
    with pytest.raises(UntrainableError, match="NO_POSITIVES"):
        deploy("training_set")(STARTED | {"started_at": early.isoformat()})


def test_no_data_and_no_failures_are_refused_and_the_champion_stays(deploy, registry):
    champion = serve(registry)
    with pytest.raises(UntrainableError, match="NO_ROWS"):
        deploy("training_set")(STARTED)
    assert registry.champion() == champion


@pytest.mark.parametrize("against", [None, "a-third-version"])
def test_a_promotion_judged_against_a_model_that_serves_no_longer_is_refused(deploy, registry, against):
    serve(registry)
    registry.store(OTHER)
    with pytest.raises(ChampionMovedError):
        deploy("promotion")({"version": OTHER.version, "reason": "late", "against": against})
    assert registry.champion().value.version == BUNDLE.version


def test_a_damaged_champion_counts_as_none_and_says_so(deploy, history, registry, aws, counters):
    champion = serve(registry)
    version = trained(deploy)
    damage(aws, BUNDLE.version)
    counters()
    verdict = deploy("evaluation")(STARTED | {"version": version})
    assert (verdict["promote"], verdict["against"]) == (True, BUNDLE.version)
    assert verdict["reason"].startswith("Promoted: the champion is refused (life.txt")
    assert counters()["ModelsRefused"] == 1
    event = {name: verdict[name] for name in ("reason", "against")} | {"version": version}
    assert deploy("promotion")(event)["sequence"] == len(champion.value.promotions) + 1
    assert registry.champion().value.version == version


def test_a_champion_whose_files_are_gone_counts_as_none(deploy, history, registry, aws):
    serve(registry)
    version = trained(deploy)
    aws.delete(f"models/{BUNDLE.version}/")
    reason = deploy("evaluation")(STARTED | {"version": version})["reason"]
    assert reason.startswith(f"Promoted: the champion is refused (There is no model {BUNDLE.version}")


def test_a_champion_that_is_trained_again_and_is_damaged_is_an_error_and_not_the_same_once_more(
    deploy, history, registry, aws
):
    version = trained(deploy)
    registry.promote(version, after=None, at=AT, reason="the first")
    damage(aws, version)
    with pytest.raises(CorruptBundleError):
        deploy("evaluation")(STARTED | {"version": version})


def test_features_that_are_no_longer_computed_are_not_learned_from(deploy, history, aws):
    oldest = next(iter(aws.objects("processed/features/")))
    longer = pl.read_parquet(BytesIO(aws.objects("processed/features/")[oldest])).with_columns(
        pl.lit(60.0).alias("vibration_mean_72h")
    )
    aws.put(oldest, encode_parquet(longer))
    assert deploy("training_set")(STARTED)["rows"] > 0
    (rows,) = aws.objects("training/").values()
    assert "vibration_mean_72h" not in pl.read_parquet(BytesIO(rows)).columns
