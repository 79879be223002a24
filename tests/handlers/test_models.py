"""What a champion is used for: predictions over HTTP, scores of the fleet, and messages to people."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from handlers.machine_reports import FleetReport, MachineReport
from handlers.stores import (
    FeatureRow,
    NoModelError,
    Serving,
    clients,
    load_servable,
    ranking_object,
)
from mlops_core.features import FeatureRecipe
from mlops_core.lake import CHAMPION_KEY, SCORES_KEY
from mlops_core.prognosis import FleetRanking, ModelBundle
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, failure_message
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.model_bundles import AT, serve, small_bundle
from tests.http_requests import event_of
from tests.score_items import score_item

FLEET, MACHINE = "GET /machines", "GET /machines/{machine_id}"
BUNDLE, OTHER = small_bundle(1), small_bundle(2)
WORN = {"vibration_count_1h": 60.0, "vibration_rms_1h": 10.0, "vibration_slope_6h": 1.0, "temperature_mean_6h": 50.0}
NEW = WORN | {"vibration_rms_1h": 2.0, "vibration_slope_6h": 0.0}


def offer(machine_id, features, *, at=None, revision=1):
    end = at or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    row = FeatureRow(machine_id, end, revision, features)
    assert stores.online().offer(row, updated_at=end)


def offer_each_status() -> None:
    """Machines that are OK, STALE, without readings, and of features of an earlier schema."""
    offer("FRESH", WORN)
    offer("OLD", NEW, at=datetime.now(UTC) - timedelta(hours=13))
    offer("SILENT", {"vibration_count_1h": 0.0})
    offer("EARLIER-SCHEMA", {"vibration_rms_1h": 3.0})


def scores():
    return stores.fleet().load_predictions()


def test_a_machine_is_answered_with_what_the_model_says_and_why(api, registry):
    serve(registry)
    offer("PUMP-1", WORN)
    status, document = api("inference")(MACHINE, path={"machine_id": "PUMP-1"})
    report = MachineReport.model_validate(document)
    assert (status, report.status, report.model_version, report.evaluation_zone) == (200, "OK", BUNDLE.version, "C")
    assert report.failure_probability > 0.5
    assert report.rul_hours.p10 <= report.rul_hours.p50 <= report.rul_hours.p90
    assert "vibration" in report.reasons[0].text


def test_the_fleet_stands_worst_first_and_those_without_readings_last(api, registry):
    serve(registry)
    offer("NEW-1", NEW)
    offer("WORN-1", WORN)
    offer("DEAD-1", {"vibration_count_1h": 0.0})
    ask = api("inference")
    status, document = ask(FLEET)
    fleet = FleetReport.model_validate(document)
    assert status == 200
    assert [machine.machine_id for machine in fleet.machines] == ["WORN-1", "NEW-1", "DEAD-1"]
    assert (fleet.machines[2].status, fleet.machines[2].failure_probability) == ("NO_READINGS", None)
    _, cut = ask(FLEET, query={"limit": "1"})
    assert (cut["total"], [machine["machine_id"] for machine in cut["machines"]]) == (3, ["WORN-1"])


def test_the_fleet_is_answered_from_what_scoring_ranked_however_many_machines_there_are(
    deploy, api, registry, aws, monkeypatch
):
    monkeypatch.setattr("handlers.inference.LIVE_FLEET", 3)
    serve(registry)
    for number in range(3):
        offer(f"WORN-{number}", WORN)
    offer("DEAD-1", {"vibration_count_1h": 0.0})
    unscored = api("inference")(FLEET)[1]
    deploy("scoring")({})
    for item in aws.items("realtime-features"):
        clients.dynamodb().delete_item(TableName="realtime-features", Key={"machine_id": item["machine_id"]})
    scored = api("inference")(FLEET)[1]
    age = {"features_age_seconds": 0}
    assert [machine | age for machine in scored["machines"]] == [machine | age for machine in unscored["machines"]]
    assert scored["total"] == 4


def test_a_ranking_by_a_model_that_serves_no_longer_is_not_answered_with(deploy, api, registry, monkeypatch):
    monkeypatch.setattr("handlers.inference.LIVE_FLEET", 0)
    serve(registry)
    offer("WORN-1", WORN)
    deploy("scoring")({})
    serve(registry, OTHER, at=datetime.now(UTC))
    assert api("inference")(FLEET)[1]["model_version"] == OTHER.version


def test_an_older_run_does_not_replace_a_newer_ranking(deploy, registry, meanwhile):
    serve(registry)
    offer("WORN-1", WORN)
    score = deploy("scoring")
    score({})
    offer("WORN-2", WORN)

    ranking = ranking_object(stores.lake())
    meanwhile(
        clients.s3(), "PutObject", lambda: ranking.save(FleetRanking(BUNDLE.version, 7, ()), after=ranking.load())
    )
    assert score({})["scored"] == 1
    assert ranking.load().value.total == 7


def test_a_route_that_there_is_not_is_a_typed_problem(deploy, registry):
    serve(registry)
    answer = deploy("inference")(event_of("GET /nothing"))
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["error"]) == (404, "NOT_FOUND")
    assert problem["message"]


def test_without_a_model_nothing_is_made_up(api):
    offer("PUMP-1", NEW)
    ask = api("inference")
    for route in (FLEET, MACHINE):
        status, problem = ask(route, path={"machine_id": "PUMP-1"})
        assert (status, problem["error"]) == (503, "NO_MODEL")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


STACK = FeatureRecipe.of_stack(("temperature", "vibration"), lengths=("1h", "6h"), hop="1h")


def serving(registry, clock, stack=STACK) -> Serving[ModelBundle]:
    return Serving(registry, load=partial(load_servable, registry, stack=stack), recheck_seconds=60, clock=clock)


def damage(aws, bundle):
    aws.put(f"models/{bundle.version}/life.txt", b"tree")


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
    aws.put(f"models/{OTHER.version}/life.txt", OTHER.files()["life.txt"])
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
    aws.put(CHAMPION_KEY, content)
    clock.now = 60
    assert model.current().version == BUNDLE.version
    assert len(model.refused) == 1, "and it is counted"
    with pytest.raises(NoModelError, match="holds no promotions"):
        serving(registry, clock).current()
    aws.put(CHAMPION_KEY, pointer)
    serve(registry, OTHER)
    clock.now = 120
    assert model.current().version == OTHER.version


def test_fields_of_a_newer_champion_pointer_are_ignored(registry, aws):
    serve(registry)
    pointer = json.loads(aws.objects(CHAMPION_KEY)[CHAMPION_KEY])
    newer = pointer | NEWER_POINTER | {"history": [entry | NEWER_POINTER for entry in pointer["history"]]}
    aws.put(CHAMPION_KEY, json.dumps(newer).encode())
    assert serving(registry, Clock()).current().version == BUNDLE.version


def test_a_model_that_reads_features_which_are_not_computed_is_refused(registry):
    serve(registry)
    stack = FeatureRecipe.of_stack(("temperature",), lengths=("1h", "6h"), hop="1h")
    with pytest.raises(NoModelError, match="not computed here: channels vibration"):
        serving(registry, Clock(), stack=stack).current()


def wear(score, machine_id="WORN-1", hours=range(3)):
    """Score an hour after the other of a worn machine; returns how many messages each run sent."""
    sent = []
    for hour in hours:
        offer(machine_id, WORN, at=AT + timedelta(hours=hour))
        sent.append(score({})["notices"])
    return sent


def test_the_fleet_is_scored_once_kept_and_told_once_where_a_state_changes(deploy, registry, aws):
    serve(registry)
    assert BUNDLE.alarm_plan.watch is not None
    offer("NEW-1", NEW, at=AT)
    offer("WORN-1", WORN, at=AT)
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
        offer("WORN-1", NEW, at=AT + timedelta(hours=later))
        assert score({})["notices"] == (1 if later == 6 else 0), "three calm predictions in a row end it"
    assert aws.headlines() == [
        "ACT: WORN-1 is likely to fail.",
        "WORN-1 is back to normal.",
    ]
    assert "- it may fail within 12 h with a probability of " in aws.notices()[0]
    (alarm,) = stores.alarms().load_all()
    assert (alarm.source, alarm.episode.life) == ("failure_model", "CLOSED")


def test_a_message_that_was_not_sent_is_sent_by_the_next_run(deploy, registry, faults):
    serve(registry)
    score = deploy("scoring")
    assert wear(score, hours=range(2)) == [0, 0]
    faults.fail_where(lambda operation, _: operation == "Publish")
    with pytest.raises(InjectedError):
        wear(score, hours=[2])
    faults.clear()
    assert score({}) == {"scored": 0, "notices": 1, "incomplete": [], "model_version": BUNDLE.version}
    assert score({})["notices"] == 0


def test_the_alarm_of_an_older_program_goes_on(deploy, registry, aws):
    serve(registry)
    score = deploy("scoring")
    wear(score, hours=[0])
    item = score_item(scores()["WORN-1"])
    del item["hot_predictions"]
    aws.dynamodb.put_item(TableName="predictions", Item=item | {"alarm": {"S": "ALARM"}, "announced": {"S": "ALARM"}})
    aws.delete(SCORES_KEY)
    wear(score, hours=[1])
    assert scores()["WORN-1"].alarm.state == "ACT"
    assert scores()["WORN-1"].sequence == 2


def test_of_two_runs_that_score_the_same_hour_one_keeps_its_scores(deploy, registry, hook):
    serve(registry)
    offer("WORN-1", WORN, at=AT)
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


def test_nothing_is_predicted_of_a_failed_machine_until_it_is_back_in_service(deploy, registry, aws, deliver):
    serve(registry)
    failure = failure_message("WORN-1", AT, "BEARING_WEAR", 12.0, 11.2)
    deploy("labels")(deliver(tuple(failure), received_at_ms=int(AT.timestamp() * 1000)))
    offer("WORN-1", WORN, at=AT)
    score = deploy("scoring")
    assert score({})["scored"] == 0
    repair = MaintenanceRecord(machine_id="WORN-1", kind=MaintenanceKind.REPAIR, at=AT + timedelta(hours=5))
    stores.labels().record_maintenance(repair, recorded_at=repair.at)
    assert score({})["scored"] == 1
    assert aws.headlines() == ["WORN-1 has failed.", "WORN-1 is back in service."]


def test_a_machine_whose_features_are_incomplete_is_passed_over_and_named(deploy, registry, aws, counters):
    serve(registry)
    offer("OLD-1", {name: value for name, value in NEW.items() if name != "vibration_count_1h"})
    offer("WORN-1", WORN)
    score = deploy("scoring")
    counters()
    outcome = score({})
    assert (outcome["scored"], outcome["incomplete"]) == (1, ["OLD-1"])
    assert list(scores()) == ["WORN-1"]
    assert counters()["MachinesIncomplete"] == 1


def test_a_run_predicts_with_one_model_although_another_is_promoted_meanwhile(deploy, registry, meanwhile):
    serve(registry)
    for machine_id in ("NEW-1", "NEW-2", "WORN-1"):
        offer(machine_id, WORN if machine_id == "WORN-1" else NEW)
    score = deploy("scoring")
    promoted = meanwhile(clients.s3(), "PutObject", lambda: serve(registry, OTHER))
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
