"""What a real machine may do: connect as itself while attached, publish to its own topics, and nothing else."""

import json

import pytest

from infra.devices import THING_NAME
from mlops_core.telemetry import CHANNELS
from tests.infra.evaluation import ACCOUNT, CHANGED, REGION, evaluate_stack

IOT = f"arn:aws:iot:{REGION}:{ACCOUNT}"
LONGEST_DOCUMENT = 2048


def documents(evaluation):
    return [json.loads(policy.inputs["policy"]) for policy in evaluation.of("iot/policy:Policy").values()]


def resources(document, action):
    return {where for each in document["Statement"] if action in each["Action"] for where in each["Resource"]}


def test_there_is_one_policy_and_it_grants_connecting_and_publishing_alone(evaluated):
    (document,) = documents(evaluated("prod"))
    assert {each["Effect"] for each in document["Statement"]} == {"Allow"}
    granted = [action for each in document["Statement"] for action in each["Action"]]
    assert granted == ["iot:Connect", "iot:Publish"], "no Subscribe, no Receive, no RetainPublish, no shadow"
    (own,) = resources(document, "iot:Publish")
    assert json.dumps(document).count("*") == own.endswith(f"/{THING_NAME}/*") == 1


def test_a_machine_connects_under_its_own_name_and_only_while_its_certificate_is_attached_to_it(evaluated):
    (document,) = documents(evaluated("dev"))
    (connect,) = [each for each in document["Statement"] if each["Action"] == ["iot:Connect"]]
    assert connect["Resource"] == [f"{IOT}:client/{THING_NAME}"]
    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}


def test_a_machine_publishes_under_its_own_prefix_alone_which_is_where_the_rules_listen(evaluated):
    evaluation = evaluated("dev")
    (document,) = documents(evaluation)
    own = f"{IOT}:topic/industrial/dev/machine/{THING_NAME}/"
    assert resources(document, "iot:Publish") == {f"{own}*"}
    listened = {topic.replace("+", THING_NAME) for topic in evaluation.outputs["mqtt_topics"].values()}
    assert {f"{IOT}:topic/{topic}" for topic in listened} == {f"{own}{level}" for level in (*CHANNELS, "event/failure")}


def test_basic_ingest_lets_a_machine_publish_to_the_rules_of_the_stack_for_its_own_prefix():
    evaluation = evaluate_stack(config=CHANGED)
    (document,) = documents(evaluation)
    own = f"industrial/dev/machine/{THING_NAME}/*"
    rules = set(evaluation.outputs["topic_rule_names"].values())
    assert len(rules) == 2
    assert resources(document, "iot:Publish") == {
        f"{IOT}:topic/{own}",
        *(f"{IOT}:topic/$aws/rules/{rule}/{own}" for rule in rules),
    }
    (policy,) = evaluation.of("iot/policy:Policy").values()
    assert len(policy.inputs["policy"]) <= LONGEST_DOCUMENT


def test_the_name_in_the_policy_is_a_variable_of_the_broker_and_not_of_the_program():
    assert THING_NAME == "${iot:Connection.Thing.ThingName}"


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_no_certificate_and_no_key_is_a_resource_of_the_program(evaluated, stack):
    kinds = {each.type for each in evaluated(stack).aws if each.type.startswith("aws:iot/")}
    assert kinds == {"aws:iot/policy:Policy", "aws:iot/thingGroup:ThingGroup", "aws:iot/topicRule:TopicRule"}


@pytest.mark.parametrize("preview", [True, False])
def test_the_stack_says_what_adding_a_machine_needs(evaluated, preview):
    outputs = evaluated("dev", preview=preview).outputs
    assert {"device_policy_name", "device_group_name", "device_endpoint"} <= outputs.keys()
    if not preview:
        assert outputs["device_endpoint"].endswith(f".iot.{REGION}.amazonaws.com")
