"""The way of an alarm to people, on the emulator: CloudWatch, the topic of alarms, a queue that subscribes."""

import json
import uuid
from pathlib import Path

from infra.local.engine.deploy import deploy
from infra.local.engine.emulator import Endpoint

PROJECT = """
name: alarm-way
runtime: python
config:
  pulumi:autonaming:
    value: {pattern: "${project}-${stack}-${name}-${hex(6)}"}
"""
PROGRAM = """
import pulumi
from infra.monitoring import AlarmTopic, QueueAlarms
from infra.operation_alarms import OperationAlarms
from infra.queues import Queue

topic = AlarmTopic("alarms", {"emails": ["ops@example.com"]})
dead_letters = Queue(*map(pulumi.Output.from_input, ("dead", "http://localhost/dead", "arn:aws:sqs:::dead")))
QueueAlarms("queues", {"topic_arn": topic.arn, "buffers": {}, "dead_letter_queue": dead_letters})
OperationAlarms("operation", {
    "topic_arn": topic.arn, "late_after_hours": 3, "api_id": "api", "functions": ["features"], "rules": ["readings"],
    "state_machine_arn": "arn:aws:states:us-east-1:000000000000:stateMachine:training",
})
pulumi.export("topic", topic.arn)
"""
PARTS = {"operation-late", "operation-begun"}


def test_an_alarm_reaches_a_queue_with_what_to_do(endpoint: Endpoint, tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    made = deploy(endpoint, stack="dev", root=tmp_path)
    sqs, sns, cloudwatch = (endpoint.client(service) for service in ("sqs", "sns", "cloudwatch"))
    queue = sqs.create_queue(QueueName=f"night-shift-{uuid.uuid4().hex[:6]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=made.outputs["topic"], Protocol="sqs", Endpoint=arn)
    found = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], AlarmNamePrefix="alarm-way-dev")
    alarms = {alarm["AlarmName"]: alarm for alarm in (*found["MetricAlarms"], *found["CompositeAlarms"])}
    # A composite alarm follows its parts.
    for name in (alarm["AlarmName"] for alarm in found["MetricAlarms"]):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="tried")
    described = {}
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in messages:
            notice = json.loads(json.loads(message["Body"])["Message"])
            described[notice["AlarmName"]] = notice
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    expected = {name for name in alarms if not any(part in name for part in PARTS)}
    assert set(described) == expected
    assert len(expected) == 8
    for name, notice in described.items():
        assert notice["NewStateValue"] == "ALARM", name
        assert "What to do: docs/alarms/" in notice["AlarmDescription"], name
