"""The fleet is scored once a window: scores are kept, people hear of a state that changes, and one model is used."""

import gzip
import json
from datetime import timedelta

import pytest

from handlers.stores import clients, ranking_object
from mlops_core.lake import SCORES_KEY
from mlops_core.prognosis import FleetRanking
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, failure_message
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.model_bundles import AT, damage, serve, small_bundle
from tests.handlers.offered_features import NEW, WORN, offer
from tests.score_items import score_item

BUNDLE, OTHER = small_bundle(1), small_bundle(2)


def scores():
    return stores.fleet().load_predictions()


def wear(score, hours):
    """Score an hour after the other of a worn machine; returns how many messages each run sent."""
    sent = []
    for hour in hours:
        offer("WORN-1", WORN, at=AT + timedelta(hours=hour))
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
    damage(aws, BUNDLE.version)
    offer("PUMP-1", NEW)
    score = deploy("scoring")
    counters()
    assert score({}) == {"scored": 0, "notices": 0, "incomplete": [], "model_version": None}
    assert counters()["ModelsRefused"] == 1
