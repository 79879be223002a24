"""Changes of alarms leave AWS by EventBridge alone: tried for a day, kept if undeliverable, and without secrets."""

import json

import pytest

from infra.settings import SettingsError
from tests.infra.evaluation import Evaluation, evaluate_stack, evaluate_stack_afresh, statements

CMMS = {
    "name": "cmms",
    "endpoint": "https://cmms.example.com/api/work-orders",
    "secretName": "cmms-token",
    "changes": ["OPENED", "RAISED"],
    "stages": ["ACT"],
    "body": {"title": "$.detail.summary", "tags": ["alarm", "$.detail.episode.stage"], "again": "$.detail.summary"},
}
CHAT = {"name": "chat", "endpoint": "https://chat.example.com/post", "secretName": "chat", "header": "X-Key"}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate_stack(config={"workOrderTargets": [CMMS, CHAT], "alarmsEnabled": True})


def test_a_stack_without_targets_calls_nobody():
    plain = evaluate_stack("dev")
    assert not plain.of("EventApiDestination")
    assert not plain.of("EventConnection")


def test_each_target_is_told_of_what_it_asked_for(evaluation: Evaluation):
    rules = evaluation.of("eventRule:EventRule")
    bus = evaluation.of("EventBus")["alarm-events-bus"]
    pattern = json.loads(rules["work-orders-cmms-rule"].inputs["eventPattern"])
    assert pattern == {
        "source": ["mlops.alarms"],
        "detail": {"change": ["OPENED", "RAISED"], "episode": {"stage": ["ACT"]}},
    }
    assert {rules[f"work-orders-{name}-rule"].inputs["eventBusName"] for name in ("cmms", "chat")} == {
        f"{bus.name}-0a1b2c"
    }


def test_what_an_endpoint_does_not_take_is_tried_for_a_day_and_kept(evaluation: Evaluation):
    queue = evaluation.of("sqs/queue:Queue")["work-orders-undelivered"]
    for name in ("cmms", "chat"):
        target = evaluation.of("EventTarget")[f"work-orders-{name}-target"].inputs
        assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}
        assert target["deadLetterConfig"]["arn"] == queue.arn
    policy = statements(evaluation.of("QueuePolicy")["work-orders-undelivered-policy"].inputs["policy"])
    keep = policy["RulesKeepWhatTheyCouldNotDeliver"]
    assert keep["Principal"] == {"Service": "events.amazonaws.com"}
    rules = [rule.arn for name, rule in evaluation.of("eventRule:EventRule").items() if name.startswith("work-orders")]
    assert sorted(keep["Condition"]["ArnEquals"]["aws:SourceArn"]) == sorted(rules)
    alarm = evaluation.of("MetricAlarm")["work-orders-alarms-dead-letters"].inputs
    assert alarm["dimensions"] == {"QueueName": queue.inputs["name"]}


def test_a_body_is_filled_from_the_event_and_without_one_the_event_is_sent(evaluation: Evaluation):
    cmms = evaluation.of("EventTarget")["work-orders-cmms-target"].inputs["inputTransformer"]
    assert cmms["inputPaths"] == {"v0": "$.detail.summary", "v1": "$.detail.episode.stage"}
    assert cmms["inputTemplate"] == '{"again":<v0>,"tags":["alarm",<v1>],"title":<v0>}'
    assert evaluation.of("EventTarget")["work-orders-chat-target"].inputs["inputPath"] == "$.detail"


def test_each_target_has_a_role_that_calls_it_alone(evaluation: Evaluation):
    for name in ("cmms", "chat"):
        destination = evaluation.of("EventApiDestination")[f"work-orders-{name}-destination"]
        policy = statements(evaluation.of("RolePolicy")[f"work-orders-{name}-policy"].inputs["policy"])
        assert {sid: (each["Action"], each["Resource"]) for sid, each in policy.items()} == {
            "CallDestination": (["events:InvokeApiDestination"], [destination.arn])
        }
        role = evaluation.of("iam/role:Role")[f"work-orders-{name}-role"]
        (trust,) = statements(role.inputs["assumeRolePolicy"]).values()
        rule = evaluation.of("eventRule:EventRule")[f"work-orders-{name}-rule"]
        assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": [rule.arn]}


def test_the_credential_comes_from_secrets_manager_and_stands_in_its_header_alone(evaluation: Evaluation):
    connection = evaluation.of("EventConnection")["work-orders-chat-connection"].inputs
    assert connection["authParameters"]["apiKey"]["key"] == "X-Key"
    others = [each.inputs for each in evaluation.aws if not each.type.endswith("EventConnection")]
    assert "secret of" not in json.dumps([others, evaluation.outputs])


@pytest.mark.parametrize(
    "wrong",
    [
        {**CMMS, "endpoint": "http://cmms.example.com"},
        {**CMMS, "changes": ["EXPLODED"]},
        {**CMMS, "token": "abc"},
        {**CMMS, "name": "Not A Name"},
    ],
)
def test_a_target_that_cannot_work_is_refused(wrong: dict[str, object]):
    with pytest.raises(SettingsError):
        evaluate_stack_afresh(config={"workOrderTargets": [wrong]})


def test_two_targets_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="twice"):
        evaluate_stack_afresh(config={"workOrderTargets": [CMMS, CMMS]})
