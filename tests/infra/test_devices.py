"""What a real machine may do: connect as itself while attached, publish to its own topics, and nothing else."""

import json

import pytest

from infra.devices import THING_NAME, Devices
from mlops_core.telemetry import CHANNELS
from tests.infra.evaluation import ACCOUNT, REGION, evaluate

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
    assert "*" not in json.dumps(document)


def test_a_machine_connects_under_its_own_name_and_only_while_its_certificate_is_attached_to_it(evaluated):
    (document,) = documents(evaluated("dev"))
    (connect,) = [each for each in document["Statement"] if each["Action"] == ["iot:Connect"]]
    assert connect["Resource"] == [f"{IOT}:client/{THING_NAME}"]
    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}


def test_a_machine_publishes_to_its_own_topics_which_are_those_that_the_rules_listen_to(evaluated):
    evaluation = evaluated("dev")
    (document,) = documents(evaluation)
    levels = [*CHANNELS, "readings", "event/failure"]
    assert resources(document, "iot:Publish") == {
        f"{IOT}:topic/industrial/dev/machine/{THING_NAME}/{level}" for level in levels
    }
    listened = {topic.replace("+", THING_NAME) for topic in evaluation.outputs["mqtt_topics"].values()}
    batches = f"industrial/dev/machine/{THING_NAME}/readings"  # taken by the rule for all else under the prefix
    assert resources(document, "iot:Publish") == {f"{IOT}:topic/{topic}" for topic in {*listened, batches}}


def test_the_name_in_the_policy_is_a_variable_of_the_broker_and_not_of_the_program():
    assert THING_NAME == "${iot:Connection.Thing.ThingName}"


@pytest.mark.parametrize("channels", [["pressure"], [f"channel_{number:02}" for number in range(12)]])
def test_channels_of_ones_own_get_a_topic_each_and_the_document_stays_within_the_brokers_limit(channels):
    def program():
        Devices("devices", {"topic_prefix": "acme/plant-7/machine", "channels": channels})

    (policy,) = evaluate(program, project="acme").of("iot/policy:Policy").values()
    assert len(policy.inputs["policy"]) <= LONGEST_DOCUMENT
    assert len(resources(json.loads(policy.inputs["policy"]), "iot:Publish")) == len(channels) + 2


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
