"""Each role may do what it needs, and nothing else.

What a function does itself is tried: a statement is taken away and the function must fail. The emulator does not check
what AWS does with a role on someone's behalf (deliver for a rule, fire for a schedule, poll and dead-letter for a
function), so those statements are simulated.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.reconciliation import saved_states, wait_until_drained
from mlops_core.telemetry import Message, failure_message, reading_message
from tests.emulator.conftest import Told
from tests.emulator.waiting import invoke

# What AWS does with a function's role: write its log, poll its queue, keep the events that it failed on.
ON_BEHALF = {"WriteOwnLog", "ReceiveMessages", "KeepFailedEvents"}
FUNCTIONS = ("simulator", "ingestion", "label", "processing")


def role_of(told: Told, function: str) -> str:
    name = told.stack.output(f"{function}_function_name")
    return told.endpoint.client("lambda").get_function_configuration(FunctionName=name)["Role"].split("/")[-1]


def inline_policy(told: Told, role: str) -> tuple[str, dict[str, Any]]:
    iam = told.endpoint.client("iam")
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


@contextmanager
def policy(told: Told, role: str, statements: list[dict[str, Any]]) -> Iterator[None]:
    """The role with other statements, for as long as the block lasts."""
    iam, (name, document) = told.endpoint.client("iam"), inline_policy(told, role)
    put = {"RoleName": role, "PolicyName": name}
    iam.put_role_policy(**put, PolicyDocument=json.dumps({**document, "Statement": statements}))
    try:
        yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(document))


def lacking_one_action(statements: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each way of taking one action of one statement away; the statement goes with its last action."""
    for index, statement in enumerate(statements):
        for action in statement["Action"]:
            kept = [each for each in statement["Action"] if each != action]
            rest = [{**statement, "Action": kept}] if kept else []
            yield f"{statement['Sid']}: {action}", [*statements[:index], *rest, *statements[index + 1 :]]


def record(message: Message, number: int) -> dict[str, Any]:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    body = {
        "payload_base64": b64encode(message.payload).decode(),
        "topic": message.topic,
        "received_at_ms": now_ms,
    }
    return {"messageId": str(number), "body": json.dumps(body), "attributes": {"SentTimestamp": str(now_ms)}}


def event_for(told: Told, function: str) -> dict[str, Any]:
    """An event in which the function does all that it can do."""
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    bad = Message(f"{told.stack.topic_prefix}/POLICY-1/temperature", b"{")
    match function:
        case "simulator":
            states = saved_states(told.stack, told.stack.output("machine_ids"))
            latest = max(state.event_timestamp for state in states.values())
            return {"at": (latest + timedelta(minutes=2)).isoformat()}
        case "ingestion":
            reading = reading_message("POLICY-1", "temperature", now, 20.0)
            return {"Records": [record(reading, 1), record(bad, 2)]}
        case "label":
            failure = failure_message("POLICY-1", now, "BEARING_WEAR", 12.0, 11.2)
            return {"Records": [record(failure, 1), record(bad, 2)]}
        case _:
            return {"start": (hour - timedelta(hours=1)).isoformat(), "end": hour.isoformat()}


def failure(told: Told, function: str) -> str:
    """How the function failed; empty where it did not."""
    answer = invoke(told.endpoint, told.stack.output(f"{function}_function_name"), event_for(told, function))
    return str(answer.get("errorMessage") or answer.get("batchItemFailures") or "")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_fails_without_any_one_action_that_its_role_grants(rested: Told, function: str):
    role = role_of(rested, function)
    statements = inline_policy(rested, role)[1]["Statement"]
    own = [statement for statement in statements if statement["Sid"] not in ON_BEHALF]
    assert own
    assert failure(rested, function) == ""
    works_without: list[str] = []
    for taken, rest in lacking_one_action(own):
        with policy(rested, role, rest):
            if not failure(rested, function):
                works_without.append(taken)
    assert works_without == []
    assert failure(rested, function) == ""
    wait_until_drained(rested.stack, timeout=60)


def may(told: Told, role_arn: str, action: str, resource: str) -> bool:
    answer = told.endpoint.client("iam").simulate_principal_policy(
        PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
    )
    return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"


def trusted(told: Told, role_arn: str) -> dict[str, Any]:
    document = told.endpoint.client("iam").get_role(RoleName=role_arn.split("/")[-1])["Role"][
        "AssumeRolePolicyDocument"
    ]
    [statement] = document["Statement"]
    return statement


def grants(told: Told, role_arn: str) -> set[tuple[str, str]]:
    statements = inline_policy(told, role_arn.split("/")[-1])[1]["Statement"]
    return {(action, where) for each in statements for action in each["Action"] for where in each["Resource"]}


def queue_arn(told: Told, url: str) -> str:
    attributes = told.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return attributes["Attributes"]["QueueArn"]


def registered(told: Told, type_: str) -> list[dict[str, Any]]:
    return [dict(each.inputs) for each in told.deployment.registrations if each.type == type_]


def test_each_rule_may_send_to_its_queue_and_to_no_other(told: Told):
    rules = registered(told, "aws:iot/topicRule:TopicRule")
    deliveries = [(rule["name"], action) for rule in rules for action in (*rule["sqs"], rule["errorAction"]["sqs"])]
    assert deliveries
    for name, action in deliveries:
        queue = queue_arn(told, action["queueUrl"])
        assert grants(told, action["roleArn"]) == {("sqs:SendMessage", queue)}
        assert may(told, action["roleArn"], "sqs:SendMessage", queue)
        assert not may(told, action["roleArn"], "sqs:SendMessage", f"{queue}-other")
        trust = trusted(told, action["roleArn"])
        assert trust["Principal"] == {"Service": "iot.amazonaws.com"}
        assert f"arn:aws:iot:us-east-1:000000000000:rule/{name}" in trust["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "000000000000"}


def test_each_schedule_may_start_its_target_and_keep_what_was_refused_and_no_more(told: Told):
    starts = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution"}
    schedules = registered(told, "aws:scheduler/schedule:Schedule")
    assert schedules
    for schedule in schedules:
        target = schedule["target"]
        arn, dead_letters = target["arn"], target["deadLetterConfig"]["arn"]
        start = starts[arn.split(":")[2]]
        assert grants(told, target["roleArn"]) == {(start, arn), ("sqs:SendMessage", dead_letters)}
        assert may(told, target["roleArn"], start, arn)
        assert not may(told, target["roleArn"], start, f"{arn}-other")
        assert trusted(told, target["roleArn"])["Principal"] == {"Service": "scheduler.amazonaws.com"}


def test_each_consumer_may_poll_its_own_queue_alone_and_has_the_time_to_work_on_it(told: Told):
    mappings = registered(told, "aws:lambda/eventSourceMapping:EventSourceMapping")
    functions = {each["arn"]: each for each in functions_of(told)}
    assert mappings
    for mapping in mappings:
        role, queue = functions[mapping["functionName"]]["role"], mapping["eventSourceArn"]
        polled = {(action, where) for action, where in grants(told, role) if where == queue}
        actions = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
        assert polled == {(action, queue) for action in actions}
        assert all(may(told, role, action, queue) for action in actions)
        assert not any(may(told, role, action, f"{queue}-other") for action in actions)
        url = told.stack.sqs.get_queue_url(QueueName=queue.split(":")[-1])["QueueUrl"]
        names = ["VisibilityTimeout"]
        hidden = told.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][
            "VisibilityTimeout"
        ]
        assert int(hidden) >= 6 * functions[mapping["functionName"]]["timeout"]


def functions_of(told: Told) -> list[dict[str, Any]]:
    client = told.endpoint.client("lambda")
    configurations = [
        client.get_function_configuration(FunctionName=told.stack.output(f"{function}_function_name"))
        for function in FUNCTIONS
    ]
    return [
        {
            "arn": each["FunctionArn"],
            "role": each["Role"],
            "timeout": each["Timeout"],
            "dead_letters": each["DeadLetterConfig"]["TargetArn"],
        }
        for each in configurations
    ]


def test_lambda_alone_may_assume_a_functions_role_and_keep_its_failed_events(told: Told):
    for function in functions_of(told):
        assert trusted(told, function["role"])["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert may(told, function["role"], "sqs:SendMessage", function["dead_letters"])


def test_processing_cannot_write_or_delete_raw_data(told: Told):
    role, bucket = told.stack.output("processing_role_arn"), told.stack.output("data_lake_bucket_arn")
    assert may(told, role, "s3:GetObject", f"{bucket}/raw/x")
    assert may(told, role, "s3:PutObject", f"{bucket}/processed/features/x")
    for action, key in (("s3:PutObject", "raw/x"), ("s3:DeleteObject", "raw/x"), ("s3:GetObject", "quarantine/x")):
        assert not may(told, role, action, f"{bucket}/{key}")


def test_the_simulator_cannot_publish_for_a_machine_that_is_not_its_own(told: Told):
    role = f"arn:aws:iam::000000000000:role/{role_of(told, 'simulator')}"
    topic = f"arn:aws:iot:us-east-1:000000000000:topic/{told.stack.topic_prefix}"
    own = told.stack.output("machine_ids")[0]
    assert may(told, role, "iot:Publish", f"{topic}/{own}/temperature")
    assert not may(told, role, "iot:Publish", f"{topic}/{own}/pressure")
    assert not may(told, role, "iot:Publish", f"{topic}/SOMEBODY-ELSE/temperature")
