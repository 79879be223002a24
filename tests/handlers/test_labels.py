"""Labels keeps every failure event in the lake and in the label history, whatever is delivered how often."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from handlers.stores import clients
from mlops_core.alerting import episodes
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, failure_message, reading_message
from tests.handlers import stores
from tests.handlers.aws_in_process import until_accepted

AT = datetime(2026, 11, 21, 10, 14, tzinfo=UTC)


def failure(measured_value: float, event_code: str = "BEARING_WEAR", machine_id: str = "PUMP-A01") -> tuple[str, bytes]:
    return tuple(failure_message(machine_id, AT, event_code, measured_value, 11.2))


@pytest.fixture
def claims_run_out(monkeypatch):
    """A claim has run out when a message is delivered again: the queue hides it for longer."""
    monkeypatch.setattr(episodes, "ANNOUNCING", timedelta(0))


def history(aws) -> list[tuple[str, str, str]]:
    return [
        (item["machine_id"]["S"], item["event_code"]["S"], item["measured_value"]["N"])
        for item in aws.items("label-history")
    ]


def test_failures_reach_the_lake_and_the_history_and_what_is_refused_is_quarantined(aws, deploy, document, counters):
    event = document("sqs_label_batch")
    assert deploy("labels")(event) == {"batchItemFailures": []}
    assert aws.items("label-history") == [
        {
            "machine_id": {"S": "FAN-B01"},
            "event_timestamp": {"S": "2026-11-21T09:02:10.000000Z"},
            "event_code": {"S": "OVERHEATING"},
            "measured_value": {"N": "96.4"},
            "threshold": {"N": "95.0"},
        },
        {
            "machine_id": {"S": "PUMP-A01"},
            "event_timestamp": {"S": "2026-11-21T10:14:31.000000Z"},
            "event_code": {"S": "BEARING_WEAR"},
            "measured_value": {"N": "11.62"},
            "threshold": {"N": "11.2"},
        },
    ]
    assert [key.rsplit("/", 1)[0] for key in aws.objects("events/")] == [
        "events/date=2026-11-21/hour=09",
        "events/date=2026-11-21/hour=10",
    ]
    assert {line["machine_id"] for line in aws.lines("events/")} == {"FAN-B01", "PUMP-A01"}
    (refused,) = aws.quarantined()
    assert (refused.reason, refused.payload) == ("BAD_ENCODING", b"\xff\xfe\x00")
    assert counters() == {
        "FailuresAccepted": 2,
        "FailuresDuplicate": 0,
        "AlarmsAnnounced": 2,
        "MessagesQuarantined.BAD_ENCODING": 1,
    }


def test_delivering_a_batch_again_changes_nothing_and_counts_duplicates(aws, deploy, document, counters):
    event = document("sqs_label_batch")
    invoke = deploy("labels")
    invoke(event)
    before = aws.objects(), aws.items("label-history")
    counters()
    assert invoke(event) == {"batchItemFailures": []}
    assert (aws.objects(), aws.items("label-history")) == before
    assert counters()["FailuresDuplicate"] == 2


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_events_for_one_moment_the_larger_stays_whichever_comes_first(aws, deploy, deliver, order):
    invoke = deploy("labels")
    for message in [failure(11.6), failure(12.0, "A"), failure(12.0, "B")][::order]:
        invoke(deliver(message))
    assert history(aws) == [("PUMP-A01", "B", "12.0")]
    assert len(aws.lines("events/")) == 3


def test_a_correction_keeps_the_return_to_service(aws, deploy, deliver):
    invoke = deploy("labels")
    invoke(deliver(failure(11.6)))
    (item,) = aws.items("label-history")
    aws.dynamodb.put_item(
        TableName="label-history", Item=item | {"returned_to_service_at": {"S": "2026-11-21T15:00:00.000000Z"}}
    )
    invoke(deliver(failure(12.0)))
    (item,) = aws.items("label-history")
    assert item["measured_value"] == {"N": "12.0"}
    assert item["returned_to_service_at"] == {"S": "2026-11-21T15:00:00.000000Z"}


def test_values_too_near_to_zero_for_the_table_are_zero_there(aws, deploy, deliver):
    deploy("labels")(deliver(failure(1e-200)))
    assert history(aws) == [("PUMP-A01", "BEARING_WEAR", "0")]


def test_a_value_beyond_what_the_table_holds_is_quarantined(aws, deploy, deliver):
    topic, payload = failure(9e125)
    deploy("labels")(deliver((topic, payload.replace(b"9e+125", b"1e+126")), (topic, payload)))
    assert [line["measured_value"] for line in aws.lines("events/")] == [9e125]
    (refused,) = aws.quarantined()
    assert refused.reason == "OUT_OF_RANGE"


def test_a_reading_is_not_a_failure_event(aws, deploy, deliver):
    deploy("labels")(deliver(tuple(reading_message("PUMP-A01", "temperature", AT, 61.5))))
    (refused,) = aws.quarantined()
    assert refused.reason == "BAD_TOPIC"


def test_a_failed_table_write_fails_its_record_though_the_lake_has_it(aws, deploy, deliver, faults):
    event = deliver(failure(11.6), failure(11.7, machine_id="FAN-B01"))
    writes = count(1)
    faults.fail_where(lambda operation, _: operation == "UpdateItem" and next(writes) == 2)
    (failed,) = deploy("labels")(event)["batchItemFailures"]
    assert failed["itemIdentifier"] in {record["messageId"] for record in event["Records"]}
    assert len(aws.items("label-history")) == 1
    assert len(aws.lines("events/")) == 2


def test_the_history_is_not_written_where_the_lake_is_not(aws, deploy, deliver, faults):
    faults.fail_where(lambda operation, _: operation == "PutObject")
    with pytest.raises(BatchProcessingError):
        deploy("labels")(deliver(failure(11.6)))
    assert aws.items("label-history") == []


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.usefixtures("claims_run_out")
def test_whichever_call_fails_the_end_is_the_same_and_the_failure_is_announced(aws, deploy, deliver, faults, phase):
    # One event an hour: an event that is delivered again alone would otherwise stand in a second object, too.
    event = deliver(failure(11.6), ("industrial/machine/PUMP-A01/event/failure", b"poison"))
    invoke = deploy("labels")
    assert until_accepted(invoke, event) == 1
    undisturbed, calls, sent = (aws.objects(), aws.items("label-history")), len(faults.calls), len(aws.notices())
    for number in range(1, calls + 1):
        aws.clear()
        faults.fail(number, phase)
        assert until_accepted(invoke, event) == 2
        faults.clear()
        assert (aws.objects(), aws.items("label-history")) == undisturbed
        assert len(aws.notices()) - sent in {1, 2}, "at least once; twice where the answer of the first was lost"
        sent = len(aws.notices())
    assert calls == 8


def test_a_failure_is_announced_at_once_with_its_code_and_what_to_do_and_only_once(aws, deploy, deliver, counters):
    invoke = deploy("labels")
    invoke(deliver(failure(11.6)))
    (text,) = aws.notices()
    assert text.startswith(
        "PUMP-A01 has failed.\nWhy:\n- it reported BEARING_WEAR at 2026-11-21 10:14:00 UTC: measured 11.6"
    )
    assert "mlops maintenance record PUMP-A01 --kind repair" in text
    assert counters()["AlarmsAnnounced"] == 1
    invoke(deliver(failure(11.6)))
    invoke(deliver(failure(12.5)))
    assert len(aws.notices()) == 1, "the same failure, delivered or reported again"


def test_a_failure_after_the_return_to_service_is_another_and_one_before_it_is_history(aws, deploy, deliver):
    invoke = deploy("labels")
    invoke(deliver(failure(11.6)))
    repaired_at = AT + timedelta(hours=2)
    history_of_labels = stores.labels()
    history_of_labels.record_maintenance(
        MaintenanceRecord(machine_id="PUMP-A01", kind=MaintenanceKind.REPAIR, at=repaired_at), recorded_at=repaired_at
    )
    for at in (AT + timedelta(hours=1), AT + timedelta(hours=3)):
        event = deliver(
            tuple(failure_message("PUMP-A01", at, "OVERHEATING", 96.0, 95.0)),
            received_at_ms=int(at.timestamp() * 1000),
        )
        invoke(event)
    assert aws.headlines() == ["PUMP-A01 has failed."] * 2
    assert "at 2026-11-21 13:14:00 UTC" in aws.notices()[1]


def test_a_failure_that_is_replayed_is_kept_and_not_announced(aws, deploy, deliver):
    deploy("labels")(deliver(tuple(failure_message("PUMP-A01", AT, "BEARING_WEAR", 12.0, 11.2, replayed=True))))
    assert len(history(aws)) == 1
    assert aws.notices() == []


def test_of_two_deliveries_at_once_one_announces(aws, deploy, deliver, meanwhile):
    invoke, event = deploy("labels"), deliver(failure(11.6))

    def deliver_again() -> None:
        with pytest.raises(BatchProcessingError):
            invoke(event)

    nested = meanwhile(clients.sns(), "Publish", deliver_again)
    invoke(event)
    assert nested
    assert len(aws.notices()) == 1
