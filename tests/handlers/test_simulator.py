"""The simulator tells each machine's life once, however often, late or at the same time its runs come."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from pydantic import ValidationError

from handlers.simulator import MachinesFailedError
from handlers.stores import LabelHistory, clients
from mlops_core.prognosis import label_features
from mlops_core.simulation import MachineStatus, advance, new_machine, simulate_fleet
from mlops_core.telemetry import (
    FAILURES,
    MAINTENANCE,
    TIMESTAMP,
    FailureEvent,
    MaintenanceKind,
    MaintenanceRecord,
    parse_message,
)
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError

START = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)
MACHINES = ("PUMP-A01", "FAN-B01")


def at(minutes: float) -> dict[str, str]:
    return {"at": (START + timedelta(minutes=minutes)).isoformat()}


@pytest.fixture
def broker(aws, hook) -> list[tuple[str, bytes]]:
    """Every message that the broker got, in order."""
    published: list[tuple[str, bytes]] = []

    def got(params, **_):
        published.append((params["topic"], params["payload"]))

    hook(clients.iot_data(None), "provide-client-params.iot-data-plane.Publish", got)
    return published


def states(aws) -> dict[str, tuple[dict, int]]:
    return {
        item["machine_id"]["S"]: (json.loads(item["state"]["S"]), int(item["revision"]["N"]))
        for item in aws.items("machine-state")
    }


def life(machine_id: str, minutes: float) -> Counter[tuple[str, bytes]]:
    """What a machine commissioned a minute before START publishes, computed in one piece by the law itself."""
    from handlers.simulator import _messages

    machine = new_machine(machine_id, seed=7, at=START - timedelta(minutes=1))
    advanced = advance(machine, START + timedelta(minutes=minutes), interval="1m")
    return Counter(_messages(advanced, "industrial/machine", history_before=machine.event_timestamp))


def test_a_first_run_commissions_every_machine_and_publishes_its_first_minute(aws, deploy, broker, document, counters):
    outcome = deploy("simulator")(document("schedule") | at(0))
    assert outcome == {"machines": 2, "published": 4, "overtaken": 0}
    assert {topic for topic, _ in broker} == {
        f"industrial/machine/{machine}/{channel}" for machine in MACHINES for channel in ("temperature", "vibration")
    }
    for state, revision in states(aws).values():
        assert (state["event_timestamp"], state["seed"], revision) == ("2026-11-21T10:00:30Z", 7, 1)
    assert counters() == {"MessagesPublished": 4, "StepsOvertaken": 0, "MachinesFailed": 0}


def test_what_is_published_is_what_ingestion_accepts(aws, deploy, broker):
    invoke = deploy("simulator")
    invoke(at(0))
    invoke(at(5))
    readings = [parse_message(topic, payload, START + timedelta(minutes=5)) for topic, payload in broker]
    assert {reading.machine_id for reading in readings} == set(MACHINES)
    assert len({(r.machine_id, r.channel, r.event_timestamp) for r in readings}) == len(readings) == 2 * 2 * 6


def test_runs_however_spaced_tell_the_same_life(aws, deploy, broker):
    invoke = deploy("simulator")
    for minutes in (0, 1, 1.5, 4, 30, 30, 95):
        invoke(at(minutes))
    assert Counter(broker) == life("PUMP-A01", 95) + life("FAN-B01", 95)


def test_a_machine_speaks_in_the_order_of_time(aws, deploy, broker):
    invoke = deploy("simulator")
    invoke(at(0))
    invoke(at(60))
    for machine in MACHINES:
        times = [json.loads(payload)["timestamp_utc"] for topic, payload in broker if f"/{machine}/" in topic]
        assert times == sorted(times)


def test_a_failure_is_published_as_an_event(aws, deploy, broker):
    invoke = deploy(
        "simulator", MACHINE_IDS='["PUMP-A01"]', MAX_CATCH_UP_MINUTES="216000", SAMPLING_INTERVAL_SECONDS="86400"
    )
    invoke(at(0))
    invoke(at(216_000))
    messages = [
        parse_message(topic, payload, START + timedelta(minutes=216_000), allowed_lateness=timedelta(days=500))
        for topic, payload in broker
    ]
    assert any(isinstance(message, FailureEvent) for message in messages)


def test_after_a_pause_each_run_makes_up_a_bounded_time(aws, deploy, broker):
    invoke = deploy("simulator", MAX_CATCH_UP_MINUTES="30")
    invoke(at(0))
    for reached in (30, 60, 70, 70):
        invoke(at(70))
        assert {state["event_timestamp"] for state, _ in states(aws).values()} == {
            (START + timedelta(minutes=reached)).isoformat().replace("+00:00", "Z")
        }
    sent = [json.loads(payload) for _, payload in broker]
    minutes = Counter(message["timestamp_utc"][11:16] for message in sent)
    assert set(minutes.values()) == {4}
    assert len(minutes) == 71
    # More than 30 minutes old when it was published: history, to which no rule of lateness applies.
    history = {message["timestamp_utc"][11:16] for message in sent if message.get("replayed")}
    assert history == {f"{10 + m // 60:02}:{m % 60:02}" for m in range(1, 41)}


def test_a_run_that_is_slow_saves_what_it_said_and_the_next_goes_on(aws, deploy, broker, context, monkeypatch):
    simulator = deploy("simulator")
    simulator(at(0))
    left = iter([60_000] * 8 + [1_000] * 100)  # asked when a machine begins and before each stride
    monkeypatch.setattr(context, "get_remaining_time_in_millis", lambda: next(left))
    simulator(at(100))
    assert any(0 < revision < 10 for _, revision in states(aws).values())
    monkeypatch.setattr(context, "get_remaining_time_in_millis", lambda: 60_000)
    simulator(at(100))
    assert Counter(broker) == sum((life(machine, 100) for machine in states(aws)), Counter())


def test_a_machine_that_waited_for_a_thread_until_the_time_was_nearly_over_begins_nothing(
    aws, deploy, broker, context, hook, monkeypatch
):
    simulator = deploy("simulator")
    simulator(at(0))
    monkeypatch.setattr(clients, "THREADS", 1)
    left = [60_000]
    monkeypatch.setattr(context, "get_remaining_time_in_millis", lambda: left[0])

    def takes_ten_seconds(**_):
        left[0] -= 10_000

    hook(clients.dynamodb(), "before-call.dynamodb.PutItem", takes_ten_seconds)
    simulator(at(100))
    before = states(aws)
    assert before["PUMP-A01"][1] > before["FAN-B01"][1] == 1
    assert left[0] > 0
    left[0] = 3_600_000
    simulator(at(100))
    assert Counter(broker) == sum((life(machine, 100) for machine in before), Counter())


def test_a_clock_that_went_back_says_nothing_and_saves_nothing(aws, deploy, broker):
    invoke = deploy("simulator")
    invoke(at(10))
    before, sent = states(aws), len(broker)
    assert invoke(at(5)) == {"machines": 2, "published": 0, "overtaken": 0}
    assert (states(aws), len(broker)) == (before, sent)


@pytest.mark.parametrize("operation", ["GetItem", "Publish", "PutItem"])
def test_one_machine_that_fails_does_not_stop_the_others(aws, deploy, broker, hook, operation, counters):
    invoke = deploy("simulator")
    invoke(at(0))
    counters()

    def fail(params, model, **_):
        if model.name == operation and "FAN-B01" in str(params):
            raise InjectedError(operation)

    for client in (clients.dynamodb(), clients.iot_data(None)):
        hook(client, "before-call", fail)
    with pytest.raises(MachinesFailedError, match=r"1 of 2 machines.*FAN-B01: InjectedError") as raised:
        invoke(at(1))
    assert raised.value.machine_ids == ("FAN-B01",)
    assert {machine: revision for machine, (_, revision) in states(aws).items()} == {"PUMP-A01": 2, "FAN-B01": 1}
    assert counters()["MachinesFailed"] == 1


def test_a_state_that_cannot_be_read_fails_its_machine_alone(aws, deploy, broker):
    invoke = deploy("simulator")
    invoke(at(0))
    aws.dynamodb.put_item(
        TableName="machine-state",
        Item={"machine_id": {"S": "FAN-B01"}, "state": {"S": "{}"}, "revision": {"N": "1"}},
    )
    with pytest.raises(MachinesFailedError, match=r"FAN-B01: .*ValidationError"):
        invoke(at(1))
    assert states(aws)["PUMP-A01"][1] == 2


@pytest.mark.parametrize("phase", ["before", "after"])
def test_whichever_call_fails_a_later_run_ends_in_the_same_state_and_nothing_else_was_said(
    aws, deploy, broker, faults, phase
):
    invoke = deploy("simulator", MACHINE_IDS='["PUMP-A01"]')
    invoke(at(0))
    invoke(at(2))
    undisturbed, calls = states(aws), len(faults.calls)
    for number in range(1, calls + 1):
        aws.clear()
        broker.clear()
        faults.fail(number, phase)
        failures = 0
        for minutes in (0, 0, 2, 2):
            try:
                invoke(at(minutes))
            except MachinesFailedError:
                failures += 1
        assert failures == 1
        assert states(aws) == undisturbed
        assert set(broker) == set(life("PUMP-A01", 2))
    assert calls == 3 + 2 + 1 + 1 + 4 + 1  # (load, create, load) 2 messages, save; load, 4 messages, save


def test_of_two_runs_at_once_one_saves_and_both_say_the_same(aws, deploy, broker, meanwhile):
    invoke = deploy("simulator", MACHINE_IDS='["PUMP-A01"]')
    invoke(at(0))
    broker.clear()
    inner = meanwhile(clients.dynamodb(), "PutItem", lambda: invoke(at(3)))
    outer = invoke(at(2))
    assert inner == [{"machines": 1, "published": 6, "overtaken": 0}]
    assert outer == {"machines": 1, "published": 4, "overtaken": 1}
    ((state, revision),) = states(aws).values()
    assert (state["event_timestamp"], revision) == ("2026-11-21T10:03:30Z", 2)
    assert set(broker) == set(life("PUMP-A01", 3)) - set(life("PUMP-A01", 0))


def test_of_two_first_runs_at_once_one_commissions_and_both_tell_that_life(aws, deploy, broker, meanwhile):
    invoke = deploy("simulator", MACHINE_IDS='["PUMP-A01"]')
    meanwhile(clients.dynamodb(), "PutItem", lambda: invoke(at(0)))
    invoke(at(1))
    ((state, revision),) = states(aws).values()
    assert (state["event_timestamp"], revision) == ("2026-11-21T10:01:30Z", 2)
    assert Counter(broker) == life("PUMP-A01", 1)


LONG = {"MACHINE_IDS": '["PUMP-A01"]', "MAX_CATCH_UP_MINUTES": "600000", "SAMPLING_INTERVAL_SECONDS": "86400"}
BACK = START + timedelta(minutes=3)


@pytest.fixture
def history(aws) -> LabelHistory:
    return stores.labels()


@pytest.fixture
def repaired_until_back(aws):
    """Put a machine where its first run has failed and its repair is over at BACK."""

    def put(machine_id: str = "PUMP-A01") -> None:
        failed = {"status": MachineStatus.FAILED, "health_index": 0.0, "damage_at_hour": 1.0}
        state = new_machine(machine_id, seed=7, at=START).model_copy(update={**failed, "returned_to_service_at": BACK})
        stores.machine_states().create(state)

    return put


def returns(history: LabelHistory) -> list[datetime]:
    entries = list(history.entries())
    assert {(entry.kind, entry.recorded_by) for entry in entries} <= {(MaintenanceKind.REPAIR, "simulator")}
    return sorted(entry.event_timestamp for entry in entries)


@pytest.mark.parametrize("days", [[150], [10, 90, 90.5, 150]])
def test_runs_however_spaced_record_each_return_to_service_of_that_life(aws, deploy, broker, history, days):
    invoke = deploy("simulator", **LONG)
    for day in (0, *days):
        invoke(at(day * 24 * 60))
    begin, end = START - timedelta(days=1), START + timedelta(days=150)
    lived = simulate_fleet(["PUMP-A01"], start=begin, end=end, interval="1d", seed=7)
    assert returns(history) == lived.failures["returned_to_service_at"].drop_nulls().to_list()
    assert len(returns(history)) > 3


def test_every_run_of_a_machine_that_only_the_simulator_speaks_of_has_rows_to_learn_from(aws, deploy, broker, history):
    invoke = deploy("simulator", **LONG)
    invoke(at(0))
    invoke(at(150 * 24 * 60))
    received = START + timedelta(days=150)
    for topic, payload in broker:
        parsed = parse_message(topic, payload, received, allowed_lateness=timedelta(days=500))
        if isinstance(parsed, FailureEvent):
            history.record(parsed)
    hours = [START + timedelta(hours=hour) for hour in range(150 * 24)]
    labelled = label_features(
        pl.DataFrame({"machine_id": "PUMP-A01", "window_end": hours}, schema_overrides={"window_end": TIMESTAMP}),
        pl.DataFrame(history.load_all(), schema=FAILURES),
        maintenance=pl.DataFrame(history.load_repairs(), schema=MAINTENANCE),
    )
    lived = simulate_fleet(["PUMP-A01"], start=START - timedelta(days=1), end=received, interval="1d", seed=7)
    assert labelled["run_id"].unique(maintain_order=True).to_list() == lived.runs["run_id"].to_list()
    ended = labelled.filter(~pl.col("is_censored"))
    assert ended["run_id"].n_unique() == lived.failures.height > 3
    assert ended.group_by("run_id").agg(pl.col("rul_hours").min() < 1)["rul_hours"].all()


def test_a_return_at_the_end_of_a_run_is_recorded_by_the_next(aws, deploy, broker, history, repaired_until_back):
    repaired_until_back()
    invoke = deploy("simulator", MACHINE_IDS='["PUMP-A01"]')
    invoke(at(3))
    assert returns(history) == []
    invoke(at(3.1))
    assert returns(history) == [BACK]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_whichever_call_fails_the_return_is_recorded_before_the_state_has_passed_it(
    aws, deploy, broker, history, repaired_until_back, faults, phase
):
    invoke = deploy("simulator", MACHINE_IDS='["PUMP-A01"]')
    repaired_until_back()
    faults.fail(0, phase)
    invoke(at(4))
    undisturbed, calls = aws.items("label-history"), len(faults.calls)
    assert calls == 1 + 2 + 1 + 1  # load, two messages, record, save
    for number in range(1, calls + 1):
        aws.clear()
        repaired_until_back()
        faults.fail(number, phase)
        with pytest.raises(MachinesFailedError):
            invoke(at(4))
        passed = any(revision for _, revision in states(aws).values())
        assert returns(history) == [BACK] or not passed
        invoke(at(4))
        assert aws.items("label-history") == undisturbed


def test_a_run_that_is_overtaken_or_comes_again_changes_no_record(
    aws, deploy, broker, history, meanwhile, repaired_until_back
):
    invoke = deploy("simulator", MACHINE_IDS='["PUMP-A01"]')
    repaired_until_back()

    def overtake() -> list[dict]:
        assert invoke(at(5))["overtaken"] == 0
        return aws.items("label-history")

    recorded = meanwhile(clients.dynamodb(), "UpdateItem", overtake)
    assert invoke(at(4))["overtaken"] == 1
    invoke(at(5))
    assert aws.items("label-history") == recorded[0]
    assert returns(history) == [BACK]


def test_a_return_that_cannot_be_recorded_stops_its_machine_alone(aws, deploy, broker, hook, repaired_until_back):
    invoke = deploy("simulator")
    for machine in MACHINES:
        repaired_until_back(machine)

    def fail(params, **_):
        if "FAN-B01" in str(params):
            raise InjectedError("UpdateItem")

    hook(clients.dynamodb(), "before-call.dynamodb.UpdateItem", fail)
    with pytest.raises(MachinesFailedError, match=r"1 of 2 machines.*FAN-B01: InjectedError"):
        invoke(at(4))
    assert {machine: revision for machine, (_, revision) in states(aws).items()} == {"PUMP-A01": 1, "FAN-B01": 0}


def test_what_a_person_recorded_of_that_moment_stays_and_the_machine_goes_on(
    aws, deploy, broker, history, repaired_until_back, capsys
):
    repaired_until_back()
    own = {"kind": MaintenanceKind.REPAIR, "at": BACK, "note": "new bearing", "recorded_by": "Ana"}
    history.record_maintenance(MaintenanceRecord(machine_id="PUMP-A01", **own), recorded_at=START)
    before = aws.items("label-history")
    assert deploy("simulator", MACHINE_IDS='["PUMP-A01"]')(at(4)) == {"machines": 1, "published": 2, "overtaken": 0}
    assert aws.items("label-history") == before
    [(state, _)] = states(aws).values()
    assert (state["run_number"], state["status"]) == (1, "repaired")
    assert "Repair not recorded" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_moment_without_offset_is_refused(aws, deploy):
    with pytest.raises(ValidationError):
        deploy("simulator")({"at": "2026-11-21T10:00:00"})
