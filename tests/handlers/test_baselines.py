"""A stack without one failure: its state machine learns what is normal, and what is not is announced."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from botocore.exceptions import ClientError

from handlers.machine_reports import FleetReport, MachineReport
from handlers.stores import BaselineRegistry, FeatureRow, Serving
from mlops_core.condition import PlannedMaintenance, train_baseline
from mlops_core.telemetry import FAILURES
from tests.handlers import stores
from tests.handlers.model_bundles import serve
from tests.handlers.processed_lake import put_features
from tests.unit.test_baseline import START, fleet

HOURS = 20 * 24
NORMAL = fleet(6, HOURS, seed=1)
FLEET, MACHINE = "GET /machines", "GET /machines/{machine_id}"
EXECUTION = {"execution": "run-1", "started_at": (START + timedelta(hours=HOURS + 1)).isoformat()}


@pytest.fixture
def features(aws) -> pl.DataFrame:
    """Offline features of machines of which none has failed."""
    put_features(aws, NORMAL)
    return NORMAL


@pytest.fixture
def registry(aws) -> BaselineRegistry:
    return stores.baselines()


def offer(machine_id: str, hour: int, factor: float) -> None:
    row = NORMAL.filter(machine_id=machine_id).row(hour, named=True)
    values = {name: value for name, value in row.items() if name not in ("machine_id", "window_end")}
    values |= {name: value * factor for name, value in values.items() if name.startswith("vibration")}
    at = START + timedelta(hours=HOURS + hour)
    stores.online().offer(FeatureRow(machine_id, at, 1, values), updated_at=at)


def offer_worn(machine_id: str) -> None:
    """What a model reads, too."""
    at = datetime.now(UTC)
    values = {"vibration_count_1h": 60.0, "vibration_rms_1h": 20.0, "vibration_rms_24h": 20.0}
    values |= {"vibration_slope_6h": 0.0, "temperature_mean_6h": 50.0, "temperature_mean_1h": 43.0}
    stores.online().offer(FeatureRow(machine_id, at, 1, values), updated_at=at)


def test_a_baseline_is_fitted_judged_on_held_out_weeks_and_promoted_once(deploy, features, registry):
    step = deploy("baseline")
    result = step(EXECUTION)
    assert (result["serves"], result["reason"]) == (True, "")
    manifest = registry.load(result["version"]).manifest
    assert manifest.judged_machine_months == pytest.approx(6 * HOURS / 4 / 720, rel=0.05)
    assert step(EXECUTION) == result
    assert len(registry.champion().value.promotions) == 1


def test_without_history_nothing_is_made_and_the_execution_goes_on(deploy, registry):
    result = deploy("baseline")(EXECUTION)
    assert (result["version"], result["serves"]) == (None, False)
    assert result["reason"].startswith("NO_ROWS")


def test_people_are_told_once_of_a_machine_that_is_unlike_itself_and_once_that_it_is_normal_again(
    deploy, features, aws
):
    deploy("baseline")(EXECUTION)
    score = deploy("scoring")
    persistence = 3
    for hour in range(persistence + 2):
        offer("M3", hour, 4.0)
        offer("M1", hour, 1.0)
        answer = score({})
    assert answer["model_version"] is None
    [opened] = [text for text in aws.notices() if "unusually" in text]
    assert opened.startswith("WATCH: M3 behaves unusually")
    assert "vibration" in opened
    assert "normal for this machine is" in opened
    for hour in range(persistence + 2, persistence + 6):
        offer("M3", hour, 1.0)
        score({})
    assert sum("M3 is back to normal" in text for text in aws.notices()) == 1


def test_a_new_sensor_is_judged_by_no_level_of_the_old_one_and_ends_its_anomaly(deploy, features, aws):
    deploy("baseline")(EXECUTION)
    for hour in range(8):
        offer("M3", hour, 4.0)
        offer("M1", hour, 1.0)
        deploy("scoring")({})
    assert any(text.startswith("WATCH: M3 behaves unusually") for text in aws.notices())
    moved = {"vibration": START + timedelta(hours=HOURS + 7)}
    stores.machines().change("M3", lambda record: record.model_copy(update={"replaced": moved}))
    for hour in range(8, 16):
        offer("M3", hour, 4.0)
        deploy("scoring")({})
    assert sum("M3 is back to normal" in text for text in aws.notices()) == 1


def test_the_endpoint_says_nothing_of_a_sensor_that_is_newer_than_the_baseline(deploy, api, features, aws):
    deploy("baseline")(EXECUTION)
    offer("M3", 0, 4.0)
    moved = {"vibration": START + timedelta(hours=HOURS)}
    stores.machines().change("M3", lambda record: record.model_copy(update={"replaced": moved}))
    ask = api("inference")
    reports = [MachineReport.model_validate(ask(MACHINE, path={"machine_id": "M3"})[1])]
    reports += FleetReport.model_validate(ask(FLEET)[1]).machines
    assert [machine.anomaly for machine in reports] == [None, None]  # fewer than half of what it compares is measured


def test_the_endpoint_answers_with_anomalies_where_there_is_no_model_and_names_who_spoke(deploy, api, features, aws):
    deploy("baseline")(EXECUTION)
    offer("M3", 0, 4.0)
    offer("M1", 0, 1.0)
    status, document = api("inference")(FLEET)
    fleet = FleetReport.model_validate(document)
    assert (status, fleet.model_version) == (200, None)
    assert [machine.machine_id for machine in fleet.machines] == ["M3", "M1"]
    worst = fleet.machines[0]
    assert (worst.status, worst.spoken_by, worst.anomaly.state) == ("NO_MODEL", ("anomaly",), "UNUSUAL")
    assert worst.anomaly.contributions[0].channel == "vibration"
    assert fleet.machines[1].anomaly.state == "NORMAL"


def test_model_and_baseline_answer_together(deploy, api, features, aws):

    deploy("baseline")(EXECUTION)
    serve(stores.models())
    offer_worn("M3")
    _, document = api("inference")(MACHINE, path={"machine_id": "M3"})
    result = MachineReport.model_validate(document)
    assert result.spoken_by == ("failure_model", "anomaly")
    assert result.failure_probability is not None


def test_a_damaged_baseline_is_refused_and_the_last_good_one_goes_on(features, registry, aws):
    bundle = train_baseline(NORMAL, failures=pl.DataFrame(schema=FAILURES), episodes_per_machine_month=0.6)
    serve(registry, bundle, at=START)
    serving = Serving(registry, recheck_seconds=0)
    assert serving.sound().version == bundle.version
    other = train_baseline(NORMAL, failures=pl.DataFrame(schema=FAILURES), episodes_per_machine_month=0.7)
    serve(registry, other, at=START)
    aws.put(f"baselines/{other.version}/baseline.json", b"{}")
    assert serving.sound().version == bundle.version
    assert Serving(registry, recheck_seconds=0).sound().version == bundle.version, "a new process falls back to it"


def test_a_baseline_at_hand_goes_on_while_s3_cannot_be_asked(registry, monkeypatch):
    bundle = train_baseline(NORMAL, failures=pl.DataFrame(schema=FAILURES), episodes_per_machine_month=0.6)
    serve(registry, bundle, at=START)
    serving = Serving(registry, recheck_seconds=0)
    assert serving.sound().version == bundle.version

    def unreachable() -> str:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "ListObjectsV2")

    monkeypatch.setattr(registry, "champion_seen", unreachable)
    assert serving.sound().version == bundle.version


def test_machines_of_a_class_share_what_is_normal_and_a_record_goes_before_the_patterns(deploy, features, registry):
    describe = stores.machines().change
    describe("M5", lambda record: record.model_copy(update={"machine_class": "pumps"}))
    describe("M4", lambda record: record.model_copy(update={"machine_class": "unheard of"}))
    classes = {"pumps": {"machines": ["M[01]"]}, "fans": {"machines": ["M[2345]"]}}
    baseline = registry.load(deploy("baseline", MACHINE_CLASSES=json.dumps(classes))(EXECUTION)["version"]).baseline
    assert {name for name, of_class in baseline.class_of.items() if of_class == "pumps"} == {"M0", "M1", "M5"}
    assert set(baseline.classes) == {"pumps", "fans"}


def test_hours_of_planned_maintenance_are_not_learned(deploy, features, registry):
    step = deploy("baseline")
    before = registry.load(step(EXECUTION)["version"]).manifest
    plan = PlannedMaintenance(begins=START, ends=START + timedelta(hours=48))
    stores.machines().change("M1", lambda record: record.with_plan(plan))
    assert registry.load(step(EXECUTION)["version"]).manifest.rows == before.rows - 47


def test_a_fleet_that_is_answered_from_its_ranking_is_told_of_anomalies_as_a_small_one_is(
    deploy, api, features, monkeypatch
):
    deploy("baseline")(EXECUTION)
    serve(stores.models())
    offer_worn("M3")
    deploy("scoring")({})
    live = api("inference")(FLEET)[1]["machines"]
    monkeypatch.setattr("handlers.inference.LIVE_FLEET", 0)
    ranked = api("inference")(FLEET)[1]["machines"]
    assert [machine["anomaly"] for machine in ranked] == [machine["anomaly"] for machine in live]
    assert ranked[0]["spoken_by"] == ["failure_model", "anomaly"]
