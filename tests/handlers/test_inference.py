"""What is answered of machines over HTTP: what the model says and why, the fleet worst first, and nothing made up."""

import json
from datetime import UTC, datetime

from handlers.machine_reports import FleetReport, MachineReport
from handlers.stores import clients
from tests.handlers.model_bundles import serve, small_bundle
from tests.handlers.offered_features import NEW, WORN, offer
from tests.http_requests import event_of

FLEET, MACHINE = "GET /machines", "GET /machines/{machine_id}"
BUNDLE, OTHER = small_bundle(1), small_bundle(2)


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
