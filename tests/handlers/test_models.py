"""What a champion is used for: predictions over HTTP, scores of the fleet, and messages to people."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from handlers.machine_reports import FleetReport, MachineReport
from handlers.stores import (
    Alarms,
    DataLake,
    FeatureRow,
    FleetStore,
    LabelHistory,
    ModelRegistry,
    NoModelError,
    OnlineFeatures,
    Serving,
    clients,
    load_servable,
    ranking_object,
)
from mlops_core.features import FeatureRecipe
from mlops_core.lake import CHAMPION_KEY, SCORES_KEY
from mlops_core.prognosis import FleetRanking, ModelBundle
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, failure_message
from tests.handlers.aws_in_process import BUCKET, InjectedError
from tests.handlers.model_bundles import small_bundle
from tests.http_requests import event_of
from tests.score_items import score_item

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
BUNDLE, OTHER = small_bundle(1), small_bundle(2)
WORN = {"vibration_count_1h": 60.0, "vibration_rms_1h": 10.0, "vibration_slope_6h": 1.0, "temperature_mean_6h": 50.0}
NEW = WORN | {"vibration_rms_1h": 2.0, "vibration_slope_6h": 0.0}


@pytest.fixture
def registry(aws) -> ModelRegistry:
    return ModelRegistry(DataLake(clients.s3(), BUCKET))


def serve(registry, bundle=BUNDLE):
    registry.store(bundle)
    return registry.promote(bundle.version, after=registry.champion(), at=AT, reason="a test")


def offer(machine_id, features, *, at=None, revision=1):
    end = at or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    row = FeatureRow(machine_id, end, revision, features)
    assert OnlineFeatures(clients.dynamodb(), "realtime-features").offer(row, updated_at=end)


def scores():
    lake = DataLake(clients.s3(), BUCKET)
    return FleetStore(
        lake, clients.dynamodb(), features="realtime-features", predictions="predictions"
    ).load_predictions()


def get(invoke, route, query=None, **path):
    answer = invoke(event_of(route, path=path, query=query))
    return answer["statusCode"], json.loads(answer["body"])


def test_a_machine_is_answered_with_what_the_model_says_and_why(deploy, registry):
    serve(registry)
    offer("PUMP-1", WORN)
    status, document = get(deploy("inference"), "GET /machines/{machine_id}", machine_id="PUMP-1")
    report = MachineReport.model_validate(document)
    assert (status, report.status, report.model_version, report.evaluation_zone) == (200, "OK", BUNDLE.version, "C")
    assert report.failure_probability > 0.5
    assert report.rul_hours.p10 <= report.rul_hours.p50 <= report.rul_hours.p90
    assert "vibration" in report.reasons[0].text


def test_the_fleet_stands_worst_first_and_those_without_readings_last(deploy, registry):
    serve(registry)
    offer("NEW-1", NEW)
    offer("WORN-1", WORN)
    offer("DEAD-1", {"vibration_count_1h": 0.0})
    invoke = deploy("inference")
    status, document = get(invoke, "GET /machines")
    fleet = FleetReport.model_validate(document)
    assert status == 200
    assert [machine.machine_id for machine in fleet.machines] == ["WORN-1", "NEW-1", "DEAD-1"]
    assert (fleet.machines[2].status, fleet.machines[2].failure_probability) == ("NO_READINGS", None)
    _, cut = get(invoke, "GET /machines", {"limit": "1"})
    assert (cut["total"], [machine["machine_id"] for machine in cut["machines"]]) == (3, ["WORN-1"])


def test_the_fleet_is_answered_from_what_scoring_ranked_however_many_machines_there_are(
    deploy, registry, aws, monkeypatch
):
    monkeypatch.setattr("handlers.inference.LIVE_FLEET", 3)
    serve(registry)
    for number in range(3):
        offer(f"WORN-{number}", WORN)
    offer("DEAD-1", {"vibration_count_1h": 0.0})
    unscored = get(deploy("inference"), "GET /machines")[1]
    deploy("scoring")({})
    for item in aws.items("realtime-features"):
        clients.dynamodb().delete_item(TableName="realtime-features", Key={"machine_id": item["machine_id"]})
    scored = get(deploy("inference"), "GET /machines")[1]
    age = {"features_age_seconds": 0}
    assert [machine | age for machine in scored["machines"]] == [machine | age for machine in unscored["machines"]]
    assert scored["total"] == 4


def test_a_ranking_by_a_model_that_serves_no_longer_is_not_answered_with(deploy, registry, monkeypatch):
    monkeypatch.setattr("handlers.inference.LIVE_FLEET", 0)
    serve(registry)
    offer("WORN-1", WORN)
    deploy("scoring")({})
    registry.store(OTHER)
    registry.promote(OTHER.version, after=registry.champion(), at=datetime.now(UTC), reason="a test")
    assert get(deploy("inference"), "GET /machines")[1]["model_version"] == OTHER.version


def test_an_older_run_does_not_replace_a_newer_ranking(deploy, registry, aws, hook):
    serve(registry)
    offer("WORN-1", WORN)
    score = deploy("scoring")
    score({})
    offer("WORN-2", WORN)

    def another_run(**_: object) -> None:
        clients.s3().meta.events.unregister("before-call.s3.PutObject", another_run)
        other = ranking_object(DataLake(clients.s3(), BUCKET))
        other.save(FleetRanking(BUNDLE.version, 7, ()), after=other.load())

    hook(clients.s3(), "before-call.s3.PutObject", another_run)
    assert score({})["scored"] == 1
    assert ranking_object(DataLake(clients.s3(), BUCKET)).load().value.total == 7


def test_old_features_are_called_stale(deploy, registry):
    serve(registry)
    offer("PUMP-1", NEW, at=datetime.now(UTC) - timedelta(hours=13))
    _, document = get(deploy("inference"), "GET /machines/{machine_id}", machine_id="PUMP-1")
    assert document["status"] == "STALE"
    assert document["features_age_seconds"] > 12 * 3600


@pytest.mark.parametrize(
    ("route", "query", "expected"),
    [
        ("GET /machines/{machine_id}", None, (404, "UNKNOWN_MACHINE")),
        ("GET /machines", {"limit": "0"}, (400, "BAD_REQUEST")),
        ("GET /machines", {"limit": "many"}, (400, "BAD_REQUEST")),
        ("GET /nothing", None, (404, "NOT_FOUND")),
    ],
)
def test_what_cannot_be_answered_is_a_typed_problem(deploy, registry, route, query, expected):
    serve(registry)
    status, problem = get(deploy("inference"), route, query, machine_id="NOBODY")
    assert (status, problem["error"]) == expected
    assert problem["message"]


def test_without_a_model_nothing_is_made_up(deploy, aws):
    offer("PUMP-1", NEW)
    invoke = deploy("inference")
    for route in ("GET /machines", "GET /machines/{machine_id}"):
        status, problem = get(invoke, route, machine_id="PUMP-1")
        assert (status, problem["error"]) == (503, "NO_MODEL")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


STACK = FeatureRecipe.of_stack(("temperature", "vibration"), lengths=("1h", "6h"), hop="1h")


def serving(registry, clock, stack=STACK) -> Serving[ModelBundle]:
    return Serving(registry, load=partial(load_servable, registry, stack=stack), recheck_seconds=60, clock=clock)


def damage(aws, bundle):
    aws.s3.put_object(Bucket=BUCKET, Key=f"models/{bundle.version}/life.txt", Body=b"tree")


def test_a_new_champion_serves_after_the_recheck_and_the_object_is_read_once(registry, faults):
    clock = Clock()
    serve(registry)
    model = serving(registry, clock)
    assert model.current().version == BUNDLE.version
    serve(registry, OTHER)
    faults.clear()
    clock.now = 59
    assert model.current().version == BUNDLE.version
    assert faults.calls == []
    clock.now = 60
    assert model.current().version == OTHER.version
    faults.clear()
    clock.now = 120
    assert model.current().version == OTHER.version
    assert faults.calls == ["ListObjectsV2"]


def test_a_damaged_champion_is_refused_and_the_last_good_model_goes_on(registry, aws):
    clock = Clock()
    serve(registry)
    model = serving(registry, clock)
    model.current()
    serve(registry, OTHER)
    damage(aws, OTHER)
    clock.now = 60
    assert model.current().version == BUNDLE.version
    assert len(model.refused) == 1
    assert serving(registry, clock).current().version == BUNDLE.version, "a new process falls back to it too"
    aws.s3.put_object(Bucket=BUCKET, Key=f"models/{OTHER.version}/life.txt", Body=OTHER.files()["life.txt"])
    clock.now = 120
    assert model.current().version == OTHER.version


NEWER_POINTER = {"from a newer program": {"by": "canary"}}
UNREADABLE = (b"", b"\xff", b"[]", b'{"history": ["x"]}', b'{"history": [{"sequence": 1}]}', b'{"history": []}')


@pytest.mark.parametrize("content", UNREADABLE)
def test_a_champion_pointer_that_cannot_be_read_stops_no_model_in_memory(registry, aws, content):
    clock = Clock()
    serve(registry)
    model = serving(registry, clock)
    model.current()
    pointer = aws.objects(CHAMPION_KEY)[CHAMPION_KEY]
    aws.s3.put_object(Bucket=BUCKET, Key=CHAMPION_KEY, Body=content)
    clock.now = 60
    assert model.current().version == BUNDLE.version
    assert len(model.refused) == 1, "and it is counted"
    with pytest.raises(NoModelError, match="holds no promotions"):
        serving(registry, clock).current()
    aws.s3.put_object(Bucket=BUCKET, Key=CHAMPION_KEY, Body=pointer)
    serve(registry, OTHER)
    clock.now = 120
    assert model.current().version == OTHER.version


def test_fields_of_a_newer_champion_pointer_are_ignored(registry, aws):
    serve(registry)
    pointer = json.loads(aws.objects(CHAMPION_KEY)[CHAMPION_KEY])
    newer = pointer | NEWER_POINTER | {"history": [entry | NEWER_POINTER for entry in pointer["history"]]}
    aws.s3.put_object(Bucket=BUCKET, Key=CHAMPION_KEY, Body=json.dumps(newer).encode())
    assert serving(registry, Clock()).current().version == BUNDLE.version


def test_a_model_that_reads_features_which_are_not_computed_is_refused(registry):
    serve(registry)
    stack = FeatureRecipe.of_stack(("temperature",), lengths=("1h", "6h"), hop="1h")
    with pytest.raises(NoModelError, match="not computed here: channels vibration"):
        serving(registry, Clock(), stack=stack).current()


@pytest.fixture
def topic(aws):
    return aws.notices


HOUR = datetime(2026, 11, 21, 8, tzinfo=UTC)


def wear(score, machine_id="WORN-1", hours=range(3)):
    """Score an hour after the other of a worn machine; returns how many messages each run sent."""
    sent = []
    for hour in hours:
        offer(machine_id, WORN, at=HOUR + timedelta(hours=hour))
        sent.append(score({})["notices"])
    return sent


def test_the_fleet_is_scored_once_kept_and_told_once_where_a_state_changes(deploy, registry, aws, topic):
    serve(registry)
    assert BUNDLE.alarm_plan.watch is not None
    offer("NEW-1", NEW, at=HOUR)
    offer("WORN-1", WORN, at=HOUR)
    score = deploy("scoring")
    assert score({}) == {"scored": 2, "notices": 0, "incomplete": [], "model_version": BUNDLE.version}
    assert score({}) == {"scored": 0, "notices": 0, "incomplete": [], "model_version": BUNDLE.version}
    (body,) = aws.objects("predictions/").values()
    assert [json.loads(line)["machine_id"] for line in gzip.decompress(body).splitlines()] == ["NEW-1", "WORN-1"]
    assert wear(score, hours=range(1, 4)) == [0, 1, 0], "the third prediction in a row opens an episode"
    assert {machine_id: kept.alarm.state for machine_id, kept in scores().items()} == {
        "NEW-1": "NORMAL",
        "WORN-1": "ACT",
    }
    for later in range(4, 7):
        offer("WORN-1", NEW, at=HOUR + timedelta(hours=later))
        assert score({})["notices"] == (1 if later == 6 else 0), "three calm predictions in a row end it"
    assert [text.splitlines()[0] for text in topic()] == [
        "ACT: WORN-1 is likely to fail.",
        "WORN-1 is back to normal.",
    ]
    assert "- it may fail within 12 h with a probability of " in topic()[0]
    (alarm,) = Alarms(clients.dynamodb(), "alarms").load_all()
    assert (alarm.source, alarm.episode.life) == ("failure_model", "CLOSED")


def test_a_message_that_was_not_sent_is_sent_by_the_next_run(deploy, registry, hook, topic):
    serve(registry)
    score, attempts = deploy("scoring"), []
    assert wear(score, hours=range(2)) == [0, 0]

    def fail_at_first(**_: object) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise InjectedError

    hook(clients.sns(), "before-call.sns.Publish", fail_at_first)
    with pytest.raises(InjectedError):
        wear(score, hours=[2])
    assert score({}) == {"scored": 0, "notices": 1, "incomplete": [], "model_version": BUNDLE.version}
    assert score({})["notices"] == 0


def test_the_alarm_of_an_older_program_goes_on(deploy, registry, aws, topic):
    serve(registry)
    score = deploy("scoring")
    wear(score, hours=[0])
    item = score_item(scores()["WORN-1"])
    del item["hot_predictions"]
    aws.dynamodb.put_item(TableName="predictions", Item=item | {"alarm": {"S": "ALARM"}, "announced": {"S": "ALARM"}})
    aws.s3.delete_object(Bucket=BUCKET, Key=SCORES_KEY)
    wear(score, hours=[1])
    assert scores()["WORN-1"].alarm.state == "ACT"
    assert scores()["WORN-1"].sequence == 2


def test_of_two_runs_that_score_the_same_hour_one_keeps_its_scores(deploy, registry, hook):
    serve(registry)
    offer("WORN-1", WORN, at=HOUR)
    score, others = deploy("scoring"), []

    def another_run(params: dict, **_: object) -> None:
        if not others and SCORES_KEY.split("/")[1] in str(params.get("url_path")):
            others.append(True)
            others.append(score({})["scored"])

    hook(clients.s3(), "before-call.s3.PutObject", another_run)
    assert score({})["scored"] == 0
    assert others == [True, 1]
    assert scores()["WORN-1"].sequence == 1


def test_a_fleet_without_a_model_is_left_alone(deploy, aws):
    offer("PUMP-1", NEW)
    assert deploy("scoring")({}) == {"scored": 0, "notices": 0, "incomplete": [], "model_version": None}
    assert scores() == {}


def test_nothing_is_predicted_of_a_failed_machine_until_it_is_back_in_service(deploy, registry, aws, topic, deliver):
    serve(registry)
    failure = failure_message("WORN-1", HOUR, "BEARING_WEAR", 12.0, 11.2)
    deploy("labels")(deliver(tuple(failure), received_at_ms=int(HOUR.timestamp() * 1000)))
    offer("WORN-1", WORN, at=HOUR)
    score = deploy("scoring")
    assert score({})["scored"] == 0
    repair = MaintenanceRecord(machine_id="WORN-1", kind=MaintenanceKind.REPAIR, at=HOUR + timedelta(hours=5))
    LabelHistory(clients.dynamodb(), "label-history").record_maintenance(repair, recorded_at=repair.at)
    assert score({})["scored"] == 1
    assert [text.splitlines()[0] for text in topic()] == ["WORN-1 has failed.", "WORN-1 is back in service."]


def test_a_machine_whose_features_are_incomplete_is_passed_over_and_named(deploy, registry, aws, counters, topic):
    serve(registry)
    offer("OLD-1", {name: value for name, value in NEW.items() if name != "vibration_count_1h"})
    offer("WORN-1", WORN)
    score = deploy("scoring")
    counters()
    outcome = score({})
    assert (outcome["scored"], outcome["incomplete"]) == (1, ["OLD-1"])
    assert list(scores()) == ["WORN-1"]
    assert counters()["MachinesIncomplete"] == 1


def test_a_run_predicts_with_one_model_although_another_is_promoted_meanwhile(deploy, registry, aws, hook, topic):
    serve(registry)
    for machine_id in ("NEW-1", "NEW-2", "WORN-1"):
        offer(machine_id, WORN if machine_id == "WORN-1" else NEW)
    score, promoted = deploy("scoring"), []

    def promote_at_the_first_write(**_: object) -> None:
        if not promoted:
            promoted.append(True)  # at once: another thread writes too
            serve(registry, OTHER)

    hook(clients.s3(), "before-call.s3.PutObject", promote_at_the_first_write)
    assert score({})["model_version"] == BUNDLE.version
    assert promoted
    assert {kept.prediction.model_version for kept in scores().values()} == {BUNDLE.version}
    assert score({})["model_version"] == OTHER.version
    assert {kept.prediction.model_version for kept in scores().values()} == {OTHER.version}


def test_a_fleet_whose_only_model_is_damaged_is_left_alone_and_counted(deploy, registry, aws, counters):
    serve(registry)
    damage(aws, BUNDLE)
    offer("PUMP-1", NEW)
    score = deploy("scoring")
    counters()
    assert score({}) == {"scored": 0, "notices": 0, "incomplete": [], "model_version": None}
    assert counters()["ModelsRefused"] == 1
