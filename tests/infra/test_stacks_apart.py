"""A plant's stack invents nothing, and two stacks of one account do not receive each other's messages."""

import pulumi
import pytest

from tests.infra.evaluation import evaluate_settings, evaluate_stack, statements


def publishing(evaluation):
    policy = evaluation.of("RolePolicy")["ingestion-simulator-policy"].inputs["policy"]
    return [each for each in statements(policy).values() if "iot:Publish" in each["Action"]]


def simulator_state(evaluation):
    return evaluation.of("scheduler/schedule:Schedule")["ingestion-schedule"].inputs["state"]


def filters(evaluation):
    return {rule.inputs["sql"].partition(" FROM ")[2] for rule in evaluation.of("TopicRule").values()}


def test_prod_simulates_nothing_and_could_not_if_the_function_were_run(evaluated):
    assert simulator_state(evaluated("prod")) == "DISABLED"
    assert publishing(evaluated("prod")) == []


def test_dev_simulates_a_fleet(evaluated):
    assert simulator_state(evaluated("dev")) == "ENABLED"
    assert len(publishing(evaluated("dev"))) == 1


def test_prod_simulates_where_it_is_asked_to():
    asked = evaluate_stack("prod", config={"simulatorEnabled": True, "machineIds": ["M1"]})
    assert simulator_state(asked) == "ENABLED"
    assert len(publishing(asked)) == 1


def test_stacks_without_a_prefix_of_their_own_share_no_topic(evaluated):
    prefixes = {stack: evaluated(stack).outputs["mqtt_topic_prefix"] for stack in ("dev", "prod", "local")}
    assert prefixes == {stack: f"industrial/{stack}/machine" for stack in prefixes}
    assert filters(evaluated("dev")).isdisjoint(filters(evaluated("prod")))


@pytest.mark.parametrize(
    ("prefix", "warns"),
    [
        ("industrial/machine", True),
        ("plant/line-3", True),
        ("plant/device", True),
        ("plant/dev", False),
        ("plant-dev/line-3", False),
        ("", False),
    ],
)
def test_a_prefix_that_other_stacks_could_share_is_warned_of(monkeypatch, prefix, warns):
    warnings = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    evaluate_settings({"mqttTopicPrefix": prefix})  # a warning refuses nothing
    assert [f"mqttTopicPrefix {prefix} does not name the stack" in each for each in warnings] == [True] * warns
    assert all("pulumi config rm mqttTopicPrefix" in each for each in warnings)
