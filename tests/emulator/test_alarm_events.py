"""Each change of an alarm reaches a queue behind the event bus, by the stream of its table, with one id."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.run.signed_http import request
from mlops_core.alerting.episodes import Episode
from ops.stack import Stack
from tests.emulator.conftest import Laptop
from tests.emulator.roles import inline_policy, policy, role_of
from tests.emulator.waiting import eventually
from tests.raised_alarms import raised

SOURCE = "mlops.alarms"


@pytest.fixture(scope="module")
def heard(laptop: Laptop) -> Iterator["Heard"]:
    """Takes what a queue behind the bus receives, for as long as the tests run."""
    events, sqs, bus = laptop.endpoint.client("events"), laptop.stack.sqs, laptop.stack.outputs.event_bus_name
    url = sqs.create_queue(QueueName="work-orders")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {"Name": "work-orders", "EventBusName": bus}
    events.put_rule(**rule, EventPattern=json.dumps({"source": [SOURCE]}))
    events.put_targets(Rule="work-orders", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    yield Heard(laptop, url)
    sqs.delete_queue(QueueUrl=url)


class Heard(list[dict[str, Any]]):
    """The events that a queue has received."""

    def __init__(self, laptop: Laptop, url: str) -> None:
        super().__init__()
        self._laptop, self._url = laptop, url

    def of(self, machine_id: str) -> list[dict[str, Any]]:
        """Return those of a machine, in order of arrival."""
        answer = self._laptop.stack.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.append(json.loads(message["Body"])["detail"])
            self._laptop.stack.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [each for each in self if each["episode"]["machine_id"] == machine_id]


def alarm(stack: Stack, machine_id: str) -> Episode:
    now = datetime.now(UTC)
    opened = raised(machine_id, opened=now - timedelta(minutes=5), now=now, reasons=("vibration is 8 mm/s",))
    assert stack.alarms.save(opened, now=now)
    return opened.episode


def answered(laptop: Laptop, episode: Episode, **fields: str) -> dict[str, Any]:
    answer = request(laptop.stack, f"/alarms/{episode.id}", method="POST", body=json.dumps(fields).encode())
    assert answer.status == 200, answer
    return dict(answer.document)


def test_an_answer_over_http_reaches_the_queue_and_a_verdict_the_labels(laptop: Laptop, heard: Heard):
    machine_id = f"EVENTS-{datetime.now(UTC):%H%M%S%f}"
    episode = alarm(laptop.stack, machine_id)
    assert answered(laptop, episode, action="acknowledge", stated_name="Ann")["life"] == "ACKNOWLEDGED"
    answered(laptop, episode, action="close", verdict="NO_FAULT")
    eventually(lambda: len(heard.of(machine_id)) == 3, within=60, what="each change is heard of")
    events = heard.of(machine_id)
    assert [each["change"] for each in events] == ["OPENED", "ACKNOWLEDGED", "VERDICT"]
    assert {each["episode"]["id"] for each in events} == {episode.id}
    assert len({each["event_id"] for each in events}) == 3
    assert events[1]["by"].startswith("arn:aws:iam::000000000000:")
    (verdict,) = [each for each in laptop.stack.label_history.load_verdicts() if each["machine_id"] == machine_id]
    assert (verdict["verdict"], verdict["opened"]) == ("NO_FAULT", episode.opened)


def test_a_publisher_that_crashes_delivers_the_change_later_with_the_same_id(laptop: Laptop, heard: Heard):
    """Its run stores the label and dies before it publishes, again and again, until it may."""
    machine_id = f"EVENTS-{datetime.now(UTC):%H%M%S%f}"
    role = role_of(laptop, "alarm_events")
    silent = [each for each in inline_policy(laptop, role)[1]["Statement"] if each["Sid"] != "PublishChanges"]
    with policy(laptop, role, silent):
        episode = alarm(laptop.stack, machine_id)
        answered(laptop, episode, action="close", verdict="SENSOR_FAULT")
        eventually(lambda: failures(laptop) > 0, within=60, what="a run that dies")
        assert heard.of(machine_id) == []
    eventually(lambda: len({e["event_id"] for e in heard.of(machine_id)}) == 2, within=90, what="both changes")
    assert {each["change"] for each in heard.of(machine_id)} == {"OPENED", "VERDICT"}
    verdicts = laptop.stack.label_history.load_verdicts()
    assert [each["verdict"] for each in verdicts if each["machine_id"] == machine_id] == ["SENSOR_FAULT"]


def failures(laptop: Laptop) -> int:
    """How often the publisher has failed, by its event source's account."""
    name = laptop.stack.outputs.alarm_events_function_name
    mappings = laptop.endpoint.client("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    return sum("FAILED" in each["LastProcessingResult"] for each in mappings)
