"""Ingestion keeps every message in exactly one place, and acknowledges it only once it is there."""

import base64
import json
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from mlops_core.telemetry import failure_message, reading_message
from tests.handlers.aws_in_process import InjectedError, until_accepted

AT = datetime(2026, 11, 21, 10, 14, tzinfo=UTC)


def published(event) -> list[bytes]:
    """The bytes of every message of an event."""
    return [base64.b64decode(json.loads(record["body"])["payload_base64"]) for record in event["Records"]]


def minutes(count: int, machine_id: str = "PUMP-A01") -> list[tuple[str, bytes]]:
    """Readings of so many minutes before 10:14, going back over the hour."""
    return [
        tuple(reading_message(machine_id, "temperature", AT.replace(hour=10 - n // 15, minute=14 - n % 15), 60.0 + n))
        for n in range(count)
    ]


def test_a_batch_becomes_one_object_for_each_event_hour_and_what_is_refused_is_quarantined(
    aws, deploy, document, counters
):
    event = document("sqs_ingestion_batch")
    assert deploy("ingestion")(event) == {"batchItemFailures": []}

    assert sorted(key.rsplit("/", 1)[0] for key in aws.objects("raw/")) == [
        "raw/date=2026-11-21/hour=08",
        "raw/date=2026-11-21/hour=10",
    ]
    readings = {
        (line["machine_id"], line["channel"], line["event_timestamp"]): line["value"] for line in aws.lines("raw/")
    }
    assert readings == {
        ("PUMP-A01", "temperature", "2026-11-21T10:15:00.000000Z"): 61.5,
        ("PUMP-A01", "vibration", "2026-11-21T10:15:00.000000Z"): 2.31,
        ("FAN-B01", "temperature", "2026-11-21T10:15:00.000000Z"): 48.25,
        ("FAN-B01", "vibration", "2026-11-21T10:15:00.000000Z"): 1.07,
        ("PUMP-A01", "temperature", "2026-11-21T08:59:00.000000Z"): 60.9,
    }
    (refused,) = aws.quarantined()
    assert refused.reason == "BAD_JSON"
    assert refused.payload == published(event)[-1]
    assert refused.topic == "industrial/machine/PUMP-A01/temperature"
    assert refused.received_at == datetime(2026, 11, 21, 10, 15, 0, 310_000, tzinfo=UTC)
    assert refused.message_id == event["Records"][-1]["messageId"]
    assert counters() == {
        "ReadingsAccepted": 5,
        "ReadingsDuplicate": 0,
        "ReadingsLate": 1,
        "MessagesQuarantined.BAD_JSON": 1,
        "ReadingsRefused": 1,
    }


def test_delivering_a_batch_again_changes_nothing_and_counts_duplicates(aws, deploy, document, counters):
    event = document("sqs_ingestion_batch")
    invoke = deploy("ingestion")
    invoke(event)
    before = aws.objects()
    counters()
    assert invoke(event) == {"batchItemFailures": []}
    assert aws.objects() == before
    assert counters()["ReadingsDuplicate"] == 5


def test_the_order_of_records_does_not_name_objects(aws, deploy, document):
    event = document("sqs_ingestion_batch")
    invoke = deploy("ingestion")
    invoke(event)
    before = aws.objects()
    invoke({"Records": event["Records"][::-1]})
    assert aws.objects() == before


def test_a_message_twice_in_a_batch_is_one_reading_and_one_duplicate(aws, deploy, deliver, counters):
    deploy("ingestion")(deliver(*minutes(1), *minutes(1)))
    assert len(aws.lines("raw/")) == 1
    assert counters()["ReadingsDuplicate"] == 1


def test_readings_of_many_machines_are_one_object(aws, deploy, deliver):
    machines = [f"M{n}" for n in range(8)]
    deploy("ingestion")(deliver(*(message for machine in machines for message in minutes(1, machine))))
    assert len(aws.objects("raw/")) == 1
    assert sorted(line["machine_id"] for line in aws.lines("raw/")) == machines


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "BAD_JSON"),
        (b"hello", "BAD_JSON"),
        (b"[]", "BAD_TYPE"),
        (b"{}", "MISSING_FIELD"),
        (b'{"payload_base64":"e30="}', "MISSING_FIELD"),
        (b'{"topic":"t","received_at_ms":1795256100250}', "MISSING_FIELD"),
        (b'{"payload_base64":"e30=","topic":7,"received_at_ms":1795256100250}', "BAD_TYPE"),
        (b'{"payload_base64":"e30=","topic":"t","received_at_ms":"1795256100250"}', "BAD_TYPE"),
        (b'{"payload_base64":"e30=","topic":"t","received_at_ms":-1}', "BAD_TYPE"),
        (b'{"payload_base64":"e30=","topic":"t","received_at_ms":1e30}', "BAD_TYPE"),
        (b'{"payload_base64":"e3","topic":"t","received_at_ms":1795256100250}', "BAD_ENCODING"),
        (b'{"payload_base64":"e30\\u00e9","topic":"t","received_at_ms":1795256100250}', "BAD_ENCODING"),
        ("\ud800".encode(errors="surrogatepass"), "BAD_JSON"),
    ],
)
def test_a_body_that_is_no_envelope_is_quarantined_whole(aws, deploy, deliver, body, reason):
    event = deliver(*minutes(1), (None, body))
    event["Records"][1]["body"] = body.decode(errors="surrogatepass")
    assert deploy("ingestion")(event) == {"batchItemFailures": []}
    (refused,) = aws.quarantined()
    assert (refused.reason, refused.payload, refused.topic) == (reason, body, "")
    assert refused.received_at == datetime(2026, 11, 21, 10, 15, 0, 301_000, tzinfo=UTC)  # when the queue got it
    assert len(aws.lines("raw/")) == 1


def test_what_a_rule_could_not_deliver_is_a_message_like_any_other_once_it_is_put_back(aws, deploy, deliver):
    ((topic, payload),) = minutes(1)
    report = {
        "ruleName": "temperature",
        "topic": topic,
        "cloudwatchTraceId": "7146536e-5fef-4cd4-ac72-1d2e4d0a0000",
        "clientId": "PUMP-A01",
        "base64OriginalPayload": base64.b64encode(payload).decode(),
        "failures": [{"failedAction": "SqsAction", "failedResource": "ingestion", "errorMessage": "throttled"}],
    }
    deploy("ingestion")(deliver((None, json.dumps(report).encode())))
    (line,) = aws.lines("raw/")
    assert (line["machine_id"], line["value"]) == ("PUMP-A01", 60.0)
    assert line["received_at"] == "2026-11-21T10:15:00.301000Z"  # when the queue got it


def test_a_dead_letter_that_was_put_back_is_quarantined_under_its_first_id(aws, deploy, deliver):
    poison = ("industrial/machine/PUMP-A01/temperature", b"\x00")
    invoke = deploy("ingestion")
    first = deliver(poison)
    invoke(first)
    (record,) = deepcopy(first)["Records"]
    body = json.loads(record["body"]) | {"message_id": record["messageId"]}
    invoke({"Records": [record | {"messageId": "another", "body": json.dumps(body)}]})
    assert [refused.message_id for refused in aws.quarantined()] == [record["messageId"]]


def test_equal_bytes_refused_twice_are_two_messages_of_quarantine(aws, deploy, deliver):
    poison = ("industrial/machine/PUMP-A01/temperature", b"\x00")
    deploy("ingestion")(deliver(poison, poison))
    assert len(aws.quarantined()) == 2


def test_a_failure_event_is_not_a_reading(aws, deploy, deliver):
    deploy("ingestion")(deliver(tuple(failure_message("PUMP-A01", AT, "BEARING_WEAR", 11.6, 11.2))))
    assert [refused.reason for refused in aws.quarantined()] == ["BAD_TOPIC"]


def test_late_is_judged_by_when_the_broker_got_the_message_not_by_when_it_is_processed(aws, deploy, deliver, counters):
    at = int(AT.timestamp() * 1000)
    hours = 3_600_000
    invoke = deploy("ingestion", ALLOWED_LATENESS_HOURS="2")
    invoke(deliver(*minutes(1), received_at_ms=at + 2 * hours))
    invoke(deliver(*minutes(1), received_at_ms=at + 2 * hours + 1))
    assert len(aws.lines("raw/")) == 1
    assert [refused.reason for refused in aws.quarantined()] == ["TOO_LATE"]
    assert counters()["ReadingsLate"] == 1


@pytest.mark.parametrize(("days", "setting"), [(399, {}), (401, {}), (401, {"HISTORICAL_REACH_DAYS": "402"})])
def test_what_a_device_calls_historical_may_be_as_old_as_the_stack_says(aws, deploy, deliver, days, setting):
    body = {"timestamp_utc": (AT - timedelta(days=days)).isoformat(), "value": 20.0, "historical": True}
    deploy("ingestion", **setting)(deliver(("industrial/machine/PUMP-A01/temperature", json.dumps(body).encode())))
    late = days > int(setting.get("HISTORICAL_REACH_DAYS", 400))
    assert [refused.reason for refused in aws.quarantined()] == (["TOO_LATE"] if late else [])


def test_a_failed_put_fails_exactly_the_records_of_its_object(aws, deploy, deliver, faults, counters):
    event = deliver(*minutes(20), ("industrial/machine/PUMP-A01/temperature", b"poison"))
    faults.fail_where(lambda _, path: "hour=09" in path)
    failed = {item["itemIdentifier"] for item in deploy("ingestion")(event)["batchItemFailures"]}
    assert failed == {record["messageId"] for record in event["Records"][15:20]}
    assert len(aws.lines("raw/")) == 15
    assert counters() == {
        "ReadingsAccepted": 15,
        "ReadingsDuplicate": 0,
        "ReadingsLate": 0,
        "MessagesQuarantined.BAD_JSON": 1,
        "ReadingsRefused": 1,
    }


def test_a_failed_put_into_quarantine_fails_that_record_alone(aws, deploy, deliver, faults):
    event = deliver(*minutes(2), ("industrial/machine/PUMP-A01/temperature", b"poison"))
    faults.fail_where(lambda _, path: "quarantine" in path)
    assert deploy("ingestion")(event) == {"batchItemFailures": [{"itemIdentifier": event["Records"][2]["messageId"]}]}


def test_a_batch_of_which_nothing_is_durable_fails_as_a_whole(aws, deploy, deliver, faults, caplog):
    faults.fail_where(lambda *_: True)
    with pytest.raises(BatchProcessingError):
        deploy("ingestion")(deliver(*minutes(3)))
    assert aws.objects() == {}
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [InjectedError]


def test_an_error_nobody_foresaw_fails_its_record_alone(aws, deploy, deliver, monkeypatch):
    from handlers import ingestion

    def parse(topic, payload, received_at, **options):
        if b"61.0" in payload:
            raise ZeroDivisionError
        return known(topic, payload, received_at, **options)

    known = ingestion.parse_messages
    monkeypatch.setattr(ingestion, "parse_messages", parse)
    event = deliver(*minutes(3))
    assert deploy("ingestion")(event) == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}
    assert len(aws.lines("raw/")) == 2


@pytest.mark.parametrize("phase", ["before", "after"])
def test_whichever_call_fails_the_end_is_the_same(aws, deploy, document, faults, phase):
    event = document("sqs_ingestion_batch")
    invoke = deploy("ingestion")
    assert until_accepted(invoke, event) == 1
    undisturbed, calls = aws.objects(), len(faults.calls)
    deliveries = Counter()
    for number in range(1, calls + 1):
        aws.clear()
        invoke = deploy("ingestion")  # a new process, which looks at what alarms there are
        faults.fail(number, phase)
        deliveries[until_accepted(invoke, event)] += 1
        faults.clear()
        assert aws.objects() == undisturbed
    assert deliveries == {2: calls}
