"""What AWS does with a role on someone's behalf: deliver for a rule, fire for a schedule, run a state machine, poll
and dead-letter for a function.

The emulator does all of it without asking IAM, so here the statements are simulated: each is there, and no more is.
"""

from typing import Any

from tests.emulator.conftest import Laptop
from tests.emulator.roles import FUNCTIONS, grants, may, trusted


def queue_arn(laptop: Laptop, url: str) -> str:
    attributes = laptop.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return attributes["Attributes"]["QueueArn"]


def registered(laptop: Laptop, type_: str) -> list[dict[str, Any]]:
    return [dict(each.inputs) for each in laptop.deployment.registrations if each.type == type_]


def test_each_rule_may_send_to_its_queue_and_to_no_other(laptop: Laptop):
    rules = registered(laptop, "aws:iot/topicRule:TopicRule")
    deliveries = [(rule["name"], action) for rule in rules for action in (*rule["sqs"], rule["errorAction"]["sqs"])]
    assert deliveries
    for name, action in deliveries:
        queue = queue_arn(laptop, action["queueUrl"])
        assert grants(laptop, action["roleArn"]) == {("sqs:SendMessage", queue)}
        assert may(laptop, action["roleArn"], "sqs:SendMessage", queue)
        assert not may(laptop, action["roleArn"], "sqs:SendMessage", f"{queue}-other")
        trust = trusted(laptop, action["roleArn"])
        assert trust["Principal"] == {"Service": "iot.amazonaws.com"}
        assert f"arn:aws:iot:us-east-1:000000000000:rule/{name}" in trust["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "000000000000"}


def test_each_schedule_may_start_its_target_and_keep_what_was_refused_and_no_more(laptop: Laptop):
    starts = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution"}
    schedules = registered(laptop, "aws:scheduler/schedule:Schedule")
    assert schedules
    for schedule in schedules:
        target = schedule["target"]
        arn, dead_letters = target["arn"], target["deadLetterConfig"]["arn"]
        start = starts[arn.split(":")[2]]
        assert grants(laptop, target["roleArn"]) == {(start, arn), ("sqs:SendMessage", dead_letters)}
        assert may(laptop, target["roleArn"], start, arn)
        assert not may(laptop, target["roleArn"], start, f"{arn}-other")
        assert trusted(laptop, target["roleArn"])["Principal"] == {"Service": "scheduler.amazonaws.com"}


def test_each_consumer_may_poll_its_own_queue_alone_and_has_the_time_to_work_on_it(laptop: Laptop):
    mappings = registered(laptop, "aws:lambda/eventSourceMapping:EventSourceMapping")
    functions = {each["arn"]: each for each in functions_of(laptop)}
    assert mappings
    for mapping in (each for each in mappings if ":sqs:" in each["eventSourceArn"]):
        role, queue = functions[mapping["functionName"]]["role"], mapping["eventSourceArn"]
        polled = {(action, where) for action, where in grants(laptop, role) if where == queue}
        actions = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
        assert polled == {(action, queue) for action in actions}
        assert all(may(laptop, role, action, queue) for action in actions)
        assert not any(may(laptop, role, action, f"{queue}-other") for action in actions)
        url = laptop.stack.sqs.get_queue_url(QueueName=queue.split(":")[-1])["QueueUrl"]
        names = ["VisibilityTimeout"]
        hidden = laptop.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][
            "VisibilityTimeout"
        ]
        assert int(hidden) >= 6 * functions[mapping["functionName"]]["timeout"]


def test_who_publishes_alarm_events_may_read_the_stream_of_alarms_alone(laptop: Laptop):
    mappings = registered(laptop, "aws:lambda/eventSourceMapping:EventSourceMapping")
    [mapping] = [each for each in mappings if ":dynamodb:" in each["eventSourceArn"]]
    stream = mapping["eventSourceArn"]
    assert stream.startswith(f"{laptop.stack.outputs.alarms_table_arn}/stream/")
    [function] = [each for each in functions_of(laptop) if each["arn"] == mapping["functionName"]]
    read = {(action, where) for action, where in grants(laptop, function["role"]) if "/stream/" in where}
    assert {action for action, _ in read} == {
        f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    }
    assert {where for _, where in read} == {stream, f"{laptop.stack.outputs.alarms_table_arn}/stream/*"}
    assert all(may(laptop, function["role"], action, stream) for action, _ in read)
    assert mapping["destinationConfig"]["onFailure"]["destinationArn"] == function["dead_letters"]


def functions_of(laptop: Laptop) -> list[dict[str, Any]]:
    client = laptop.endpoint.client("lambda")
    configurations = [
        client.get_function_configuration(FunctionName=laptop.stack.outputs.function_name(function))
        for function in FUNCTIONS
    ]
    return [
        {
            "arn": each["FunctionArn"],
            "role": each["Role"],
            "timeout": each["Timeout"],
            "dead_letters": each.get("DeadLetterConfig", {}).get("TargetArn"),
        }
        for each in configurations
    ]


def test_lambda_alone_may_assume_a_functions_role_and_keep_its_failed_events(laptop: Laptop):
    """The endpoint's three functions answer whoever waits for them, and have no failed events to keep."""
    functions = functions_of(laptop)
    for function in functions:
        assert trusted(laptop, function["role"])["Principal"] == {"Service": "lambda.amazonaws.com"}
        kept = {where for action, where in grants(laptop, function["role"]) if action == "sqs:SendMessage"}
        assert kept == {function["dead_letters"]} - {None}
        assert all(may(laptop, function["role"], "sqs:SendMessage", queue) for queue in kept)
    assert [each["dead_letters"] for each in functions].count(None) == 3


def test_the_training_state_machine_may_run_its_steps_and_tell_people_and_no_more(laptop: Laptop):
    machine = laptop.stack.outputs.training_state_machine_arn
    role = laptop.endpoint.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["roleArn"]
    steps = {
        each["arn"]
        for function, each in zip(FUNCTIONS, functions_of(laptop), strict=True)
        if function in {"baseline", "training_set", "training", "evaluation", "promotion"}
    }
    topic = laptop.stack.outputs.notice_topic_arn
    allowed = {("lambda:InvokeFunction", step) for step in steps} | {("sns:Publish", topic)}
    beyond = grants(laptop, role) - allowed
    assert allowed <= grants(laptop, role)
    # The delivery of its log, which AWS knows no resource for: tests of the program hold each action of it.
    assert {(action.split(":")[0], where) for action, where in beyond} == {("logs", "*")}
    assert all(may(laptop, role, "lambda:InvokeFunction", step) for step in steps)
    assert not may(laptop, role, "lambda:InvokeFunction", f"{min(steps)}-other")
    trust = trusted(laptop, role)
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": [machine]}


def test_the_backfill_state_machine_may_run_processing_and_its_own_units_and_no_more(laptop: Laptop):
    machine = laptop.stack.outputs.backfill_state_machine_arn
    role = laptop.endpoint.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["roleArn"]
    lists, units = (
        f"{laptop.stack.outputs.data_lake_bucket_arn}/processed/backfills/*",
        machine.replace(":stateMachine:", ":execution:"),
    )
    allowed = {
        ("lambda:InvokeFunction", laptop.stack.outputs.processing_function_arn),
        ("s3:GetObject", lists),
        ("states:StartExecution", machine),
        ("states:DescribeExecution", f"{units}/*"),
        ("states:StopExecution", f"{units}/*"),
    }
    granted = grants(laptop, role)
    assert {(action, where) for action, where in granted if not action.startswith("logs:")} == allowed
    assert {where for action, where in granted if action.startswith("logs:")} == {"*"}
    assert may(laptop, role, "s3:GetObject", lists.replace("*", "job/hours.json"))
    assert not may(laptop, role, "s3:GetObject", f"{laptop.stack.outputs.data_lake_bucket_arn}/raw/x")
    assert not may(laptop, role, "states:StartExecution", laptop.stack.outputs.training_state_machine_arn)
    assert trusted(laptop, role)["Condition"]["ArnEquals"] == {"aws:SourceArn": [machine]}


def test_what_invokes_a_function_by_its_resource_policy_is_one_rule_or_one_path(laptop: Laptop):
    permissions = registered(laptop, "aws:lambda/permission:Permission")
    assert {each["principal"] for each in permissions} == {"events.amazonaws.com", "apigateway.amazonaws.com"}
    assert all(each["sourceAccount"] == "000000000000" for each in permissions)
    sources = {
        service: {each["sourceArn"] for each in permissions if each["principal"].startswith(service)}
        for service in ("events", "apigateway")
    }
    assert all(":rule/" in source for source in sources["events"])
    paths = {source.partition("/$default/")[2] for source in sources["apigateway"]}
    assert paths == {"GET/machines*", "POST/machines/*/maintenance", "*/alarms*"}
