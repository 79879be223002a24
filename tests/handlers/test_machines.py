"""What people say of machines: planned maintenance and retirement silence them, a class gives them its limits."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.stores import UNKNOWN, MachineKnowledge
from mlops_core.condition import MachineRecord, PlannedMaintenance
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, reading_message
from tests.handlers import stores
from tests.handlers.model_bundles import serve
from tests.handlers.offered_features import NEW, WORN, offer
from tests.handlers.test_limits import AT, SEVERE

HOUR = timedelta(hours=1)


def planned(begins: datetime, ends: datetime):
    return lambda record: record.with_plan(PlannedMaintenance(begins=begins, ends=ends))


def retired(at: datetime):
    return lambda record: record.model_copy(update={"retired_at": at})


def ingest_severe(deploy, deliver, **settings: str) -> None:
    messages = [
        tuple(reading_message("PUMP-1", "vibration", AT + timedelta(minutes=n), value))
        for n, value in enumerate(SEVERE)
    ]
    received = AT + timedelta(minutes=len(SEVERE))
    deploy("ingestion", **settings)(deliver(*messages, received_at_ms=int(received.timestamp() * 1000)))


@pytest.mark.parametrize("change", [planned(AT - HOUR, AT + HOUR), retired(AT - HOUR)])
def test_limits_open_no_alarm_of_a_machine_that_is_worked_on_or_retired(aws, deploy, deliver, change):
    stores.machines().change("PUMP-1", change)
    ingest_severe(deploy, deliver)
    assert aws.headlines() == []


@pytest.mark.parametrize("change", [planned(AT + HOUR, AT + 2 * HOUR), retired(AT + HOUR)])
def test_limits_hold_before_maintenance_and_retirement(aws, deploy, deliver, change):
    stores.machines().change("PUMP-1", change)
    ingest_severe(deploy, deliver)
    assert aws.headlines() != []


def test_a_class_in_the_table_goes_before_the_patterns(aws, deploy, deliver):
    lenient = {"lenient": {"limits": {"vibration": {"watch": 90}}}, "pumps": {"machines": ["PUMP-*"]}}
    stores.machines().change("PUMP-1", lambda record: record.model_copy(update={"machine_class": "lenient"}))
    ingest_severe(deploy, deliver, MACHINE_CLASSES=json.dumps(lenient))
    assert aws.headlines() == []


def test_every_answer_names_the_state_and_predicts_nothing_of_a_machine_that_does_not_run(api, aws):
    now = datetime.now(UTC)
    serve(stores.models())
    for name in ("WORKED-ON", "GONE", "BROKEN", "BACK", "RUNS"):
        offer(name, WORN)
    offer("QUIET", NEW, at=now - 20 * HOUR)
    stores.machines().change("WORKED-ON", planned(now - HOUR, now + HOUR))
    stores.machines().change("GONE", retired(now))
    history = stores.labels()
    for name, returned in (("BROKEN", None), ("BACK", now - HOUR)):
        record = MaintenanceRecord(
            machine_id=name, kind=MaintenanceKind.FAILURE, at=now - 2 * HOUR, returned_to_service_at=returned
        )
        history.record_maintenance(record, recorded_at=now)
    ask = api("inference")
    expected = {
        "WORKED-ON": "IN_MAINTENANCE", "GONE": "RETIRED", "BROKEN": "FAILED", "BACK": "RUNNING", "RUNS": "RUNNING",
        "QUIET": "SILENT",
    }  # fmt: skip
    answers = {name: ask("GET /machines/{machine_id}", path={"machine_id": name})[1] for name in expected}
    assert {name: document["state"] for name, document in answers.items()} == expected
    _, fleet = ask("GET /machines")
    listed = {document["machine_id"]: document for document in fleet["machines"]}
    assert {name: document["state"] for name, document in listed.items()} == expected
    unpredicted = {name for name, document in answers.items() if document["failure_probability"] is None}
    assert unpredicted == {"WORKED-ON", "GONE", "BROKEN"}
    assert unpredicted == {name for name, document in listed.items() if document["failure_probability"] is None}


def test_scoring_passes_over_machines_that_are_worked_on(deploy, aws):
    now = datetime.now(UTC)
    serve(stores.models())
    for name in ("WORKED-ON", "RUNS"):
        offer(name, WORN)
    stores.machines().change("WORKED-ON", planned(now - HOUR, now + HOUR))
    assert deploy("scoring")({})["scored"] == 1


def test_a_failure_that_was_recorded_long_after_it_happened_is_history(aws):
    now = datetime.now(UTC)
    history = stores.labels()
    for name, days in (("IMPORTED", 400), ("REPORTED", 2)):
        record = MaintenanceRecord(machine_id=name, kind=MaintenanceKind.FAILURE, at=now - timedelta(days=days))
        history.record_maintenance(record, recorded_at=now)
    knowledge = MachineKnowledge(stores.alarms(), history, stores.machines())
    fleet = knowledge.of_fleet()
    assert fleet["IMPORTED"].failed_at is None
    assert fleet["REPORTED"].failed_at == now - timedelta(days=2)
    assert knowledge.of_machine("REPORTED") == fleet["REPORTED"]
    assert knowledge.of_machine("NOBODY") == UNKNOWN


def test_two_changes_of_one_record_both_stand(aws):
    begins, ends = AT, AT + HOUR

    def overtaken(record: MachineRecord) -> MachineRecord:
        if record.site is None:
            stores.machines().change("PUMP-1", lambda other: other.model_copy(update={"site": "North"}))
        return record.with_plan(PlannedMaintenance(begins=begins, ends=ends))

    after = stores.machines().change("PUMP-1", overtaken)
    assert (after.site, len(after.plans)) == ("North", 1)
    assert stores.machines().load("PUMP-1") == after
    assert stores.machines().load_all() == {"PUMP-1": after}
