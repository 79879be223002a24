"""Messages go the whole way on the emulator: broker, rules, queues, functions, lake, features, both stores."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from handlers.stores import Publisher
from infra.local.run.bad_messages import bad_messages
from infra.local.run.reconciliation import (
    Stored,
    lived,
    quarantined_messages,
    reconcile,
    saved_states,
    wait_until_drained,
)
from mlops_core.lake import (
    COMPACTED_PREFIX,
    EVENTS_PREFIX,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
    decode_readings,
    features_key,
)
from mlops_core.telemetry import READINGS, MaintenanceKind, Message, reading_message
from ops.dead_letters import DeadLetters
from tests.emulator.conftest import Laptop, under_repair
from tests.emulator.waiting import eventually, invoke
from tests.independent_features import assert_equal_features, independent_features

HOUR = timedelta(hours=1)
LENGTHS = {"1h": HOUR, "6h": 6 * HOUR, "24h": 24 * HOUR}


def this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def publish(laptop: Laptop, messages: list[Message]) -> None:
    publisher = Publisher(laptop.stack.iot_data)
    for message in messages:
        publisher.publish(message)
    wait_until_drained(laptop.stack, timeout=60)


def reading_of(laptop: Laptop, machine_id: str, channel: str, at: datetime, value: float) -> Message:
    return reading_message(machine_id, channel, at, value, topic_prefix=laptop.stack.topic_prefix)


def objects(laptop: Laptop) -> frozenset[str]:
    lake = laptop.stack.lake
    prefixes = (RAW_PREFIX, COMPACTED_PREFIX, EVENTS_PREFIX, QUARANTINE_PREFIX)
    return frozenset(key for prefix in prefixes for key in lake.versions(prefix))


def readings_since(laptop: Laptop, before: frozenset[str]) -> pl.DataFrame:
    lake = laptop.stack.lake
    return decode_readings(lake.read_all(sorted(lake.versions(RAW_PREFIX).keys() - before))).sort(pl.all())


def waves(machine_ids: list[str], start: datetime, hours: int) -> pl.DataFrame:
    """Two channels every 12 minutes, with a gap of five hours for the second machine."""
    generator = np.random.default_rng(7)
    rows = [
        (machine_id, channel, start + tick * timedelta(minutes=12), round(level + generator.normal(), 6))
        for machine_id in machine_ids
        for channel, level in (("temperature", 60.0), ("vibration", 8.0))
        for tick in range(hours * 5)
        if machine_id == machine_ids[0] or not 50 <= tick < 75
    ]
    return pl.DataFrame(rows, schema=READINGS, orient="row")


def test_features_of_what_was_published_equal_an_independent_computation_in_both_stores(laptop: Laptop):
    machine_ids, hours = ["E2E-A", "E2E-B"], 30
    start = this_hour() - (hours + 2) * HOUR
    published = waves(machine_ids, start, hours)
    publish(laptop, [reading_of(laptop, *row) for row in published.iter_rows()])
    end = start + hours * HOUR
    answer = invoke(
        laptop.endpoint,
        laptop.stack.outputs.processing_function_name,
        {"start": start.isoformat(), "end": end.isoformat()},
    )
    assert answer["is_complete"]
    expected = independent_features(published, lengths=LENGTHS, hop=HOUR, start=start, end=end)
    ends = [start + hour * HOUR for hour in range(1, hours + 1)]
    bodies = laptop.stack.lake.read_all(features_key(window_end, 0) for window_end in ends)
    rows = pl.concat([pl.read_parquet(BytesIO(body)) for body in bodies])
    rows = rows.filter(pl.col("machine_id").is_in(machine_ids)).sort("machine_id", "window_end")
    of_rules = [name for name in rows.columns if name.startswith("running_")]
    assert not any(value for row in rows.select(of_rules).rows() for value in row), "no rule is theirs"
    assert_equal_features(rows.drop(of_rules), expected)
    online = {row.machine_id: row for row in laptop.stack.fleet.load_fleet()}
    for machine_id in machine_ids:
        newest = {name: value for name, value in expected[machine_id, end].items() if value is not None}
        assert online[machine_id].window_end == end
        windows = {name: value for name, value in online[machine_id].features.items() if name in newest}
        assert windows == pytest.approx(newest, rel=1e-9, abs=1e-9)


def test_a_run_that_stops_before_its_work_does_goes_on_by_itself(laptop: Laptop):
    lake = laptop.stack.lake
    hours = [this_hour() - back * HOUR for back in (3, 12, 20)]  # more than a chunk apart
    publish(laptop, [reading_of(laptop, "GOES-ON", "temperature", hour, 50.0) for hour in hours])
    answer = invoke(laptop.endpoint, laptop.stack.outputs.processing_function_name, {"chunks": 2})
    assert not answer["is_complete"]
    eventually(
        lambda: all(
            "GOES-ON" in pl.read_parquet(lake.read(features_key(hour + HOUR, 0)))["machine_id"] for hour in hours
        ),
        within=60,
        what="the function goes on by itself",
    )


def test_each_kind_of_bad_input_is_in_quarantine_with_its_bytes_and_its_reason_and_nothing_else_is(laptop: Laptop):
    before = objects(laptop)
    sent = bad_messages(laptop.stack.topic_prefix, "PUMP-A02", datetime.now(UTC))
    good = reading_of(laptop, "PUMP-A02", "temperature", datetime.now(UTC), 40.0)
    publish(laptop, [*(Message(bad.topic, bad.payload) for bad in sent[:9]), good])
    publish(laptop, [Message(bad.topic, bad.payload) for bad in sent[9:]])
    found = quarantined_messages(laptop.stack, besides=before)
    assert found.total() == len(sent)
    assert set(found) == {(bad.topic, bad.payload, bad.reason) for bad in sent}
    assert readings_since(laptop, before).height == 1


def test_odd_but_valid_messages_are_accepted_in_utc_with_what_they_add(laptop: Laptop):
    before = objects(laptop)
    at = datetime.now(UTC).replace(microsecond=0)
    local = at.astimezone(timezone(timedelta(hours=-3)))
    body = {"machine_id": "ODD-1", "timestamp_utc": local.isoformat(), "vibration_rms": 2.5, "firmware": "2.0"}
    yesterday = reading_of(laptop, "ODD-1", "vibration", at - timedelta(days=1), 3.5)
    publish(laptop, [Message(f"{laptop.stack.topic_prefix}/ODD-1/vibration", json.dumps(body).encode()), yesterday])
    rows = readings_since(laptop, before).rows()
    assert rows == [("ODD-1", "vibration", at - timedelta(days=1), 3.5), ("ODD-1", "vibration", at, 2.5)]


def test_a_message_sent_twice_and_a_batch_delivered_twice_count_once(laptop: Laptop):
    before = objects(laptop)
    at = this_hour()
    message = reading_of(laptop, "TWICE-1", "temperature", at, 30.0)
    publish(laptop, [message, message])
    record = {
        "messageId": "again",
        "body": json.dumps(
            {
                "payload_base64": b64encode(message.payload).decode(),
                "topic": message.topic,
                "received_at_ms": int(at.timestamp() * 1000),
            }
        ),
        "attributes": {"SentTimestamp": str(int(at.timestamp() * 1000))},
    }
    name = laptop.stack.outputs.ingestion_function_name
    for _ in range(2):
        assert invoke(laptop.endpoint, name, {"Records": [record]}) == {"batchItemFailures": []}
    assert readings_since(laptop, before).unique().rows() == [("TWICE-1", "temperature", at, 30.0)]


def test_what_a_rule_cannot_deliver_becomes_a_dead_letter_and_can_be_sent_again(laptop: Laptop):
    iot, name = laptop.endpoint.client("iot"), laptop.stack.outputs.topic_rule_names["temperature"]
    rule = iot.get_topic_rule(ruleName=name)["rule"]
    payload = {key: rule[key] for key in ("sql", "awsIotSqlVersion", "errorAction")}
    broken = {**rule["actions"][0]["sqs"], "queueUrl": laptop.stack.outputs.ingestion_queue_url + "-absent"}
    before, message = objects(laptop), reading_of(laptop, "DEAD-1", "temperature", this_hour(), 33.0)
    iot.replace_topic_rule(ruleName=name, topicRulePayload={**payload, "actions": [{"sqs": broken}]})
    try:
        publish(laptop, [message])
    finally:
        iot.replace_topic_rule(ruleName=name, topicRulePayload={**payload, "actions": rule["actions"]})
    queues = {"readings": laptop.stack.outputs.ingestion_queue_url, "failures": laptop.stack.outputs.label_queue_url}
    dead = laptop.stack.outputs.dead_letter_queue_url
    letter = laptop.stack.sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0)["Messages"][0]
    assert b64decode(json.loads(letter["Body"])["base64OriginalPayload"]) == message.payload
    assert DeadLetters(laptop.stack.sqs, dead, **queues).redrive(10).sent == {"readings": 1}
    wait_until_drained(laptop.stack, timeout=60)
    assert readings_since(laptop, before).rows() == [("DEAD-1", "temperature", this_hour(), 33.0)]


def test_overlapping_simulator_runs_publish_one_life_and_nothing_is_lost(rested: Laptop):
    machine_ids = rested.stack.outputs.machine_ids
    before, states = Stored.of(rested.stack.lake), saved_states(rested.stack, machine_ids)
    simulator = rested.stack.outputs.simulator_function_name
    at = max(state.event_timestamp for state in states.values()) + timedelta(minutes=4)
    functions = rested.endpoint.client("lambda")
    for _ in range(2):  # asynchronous: both at once
        functions.invoke(FunctionName=simulator, InvocationType="Event", Payload=json.dumps({"at": at.isoformat()}))

    def arrived() -> bool:
        return all(state.event_timestamp >= at for state in saved_states(rested.stack, machine_ids).values())

    eventually(arrived, within=60, what="the states of both runs")
    wait_until_drained(rested.stack, timeout=60)
    nothing_else = pl.DataFrame(schema=READINGS)
    published = lived(states, saved_states(rested.stack, machine_ids), timedelta(minutes=1), nothing_else)
    ledger = reconcile(rested.stack, published, [], before=before)
    assert ledger.published == ledger.lake_distinct > 0


def test_a_simulated_machine_that_returns_to_service_is_recorded_as_repaired(rested: Laptop):
    machine_ids, simulator = rested.stack.outputs.machine_ids, rested.stack.outputs.simulator_function_name
    machine_id = machine_ids[0]
    latest = max(state.event_timestamp for state in saved_states(rested.stack, machine_ids).values())
    back = latest + timedelta(minutes=1)
    under_repair(rested, machine_id, until=back)
    answer = invoke(rested.endpoint, simulator, {"at": (latest + timedelta(minutes=2)).isoformat()})
    assert answer["machines"] == len(machine_ids)
    history = rested.stack.label_history.entries()
    [repair] = [each for each in history if (each.machine_id, each.event_timestamp) == (machine_id, back)]
    assert (repair.kind, repair.recorded_by) == (MaintenanceKind.REPAIR, "simulator")
    wait_until_drained(rested.stack, timeout=60)
