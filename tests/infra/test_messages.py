"""The way of a message: rules that take each message once, queues that wait long enough, mappings that lose nothing."""

import json
import re

import pytest
from hypothesis import given, strategies as st

from tests.infra.evaluation import CHANGED, CHANGED_OTHERWISE, evaluate_stack


def test_each_rule_keeps_the_bytes_the_topic_and_the_moment(evaluated):
    for rule in evaluated("dev").of("TopicRule").values():
        selected, _, source = rule.inputs["sql"].partition(" FROM ")
        assert selected == (
            "SELECT encode(*, 'base64') AS payload_base64, topic() AS topic, timestamp() AS received_at_ms"
        )
        assert source.startswith("'industrial/dev/machine/")
        assert rule.inputs["sqlVersion"] == "2016-03-23"
        assert rule.inputs["enabled"] is True


def test_each_rule_has_one_queue_and_the_dead_letters_as_its_error_action(evaluated):
    evaluation = evaluated("dev")
    rules = evaluation.of("TopicRule")
    assert {name.rpartition("-")[2] for name in rules} == {"readings", "failure"}
    for name, rule in rules.items():
        kind = "labels" if name.endswith("failure") else "readings"
        sender = "failures" if name.endswith("failure") else "readings"
        (action,) = rule.inputs["sqs"]
        error = rule.inputs["errorAction"]["sqs"]
        assert action["queueUrl"].endswith(f"-ingestion-{kind}")
        assert error["queueUrl"].endswith("-ingestion-dead-letters")
        assert action["roleArn"] == evaluation.of("iam/role:Role")[f"ingestion-rules-{sender}-role"].arn
        assert error["roleArn"] == evaluation.of("iam/role:Role")["ingestion-rules-errors-role"].arn


def test_each_rule_waits_for_the_policies_that_the_broker_tries(evaluated):
    for name, rule in evaluated("dev").of("TopicRule").items():
        sender = "failures" if name.endswith("failure") else "readings"
        depends = {urn.rpartition("::")[2] for urn in rule.options["dependencies"]}
        assert {f"ingestion-rules-{sender}-policy", "ingestion-rules-errors-policy"} <= depends


def takes(sql: str, topic: str) -> bool:
    """Whether a rule of ours takes a message on `topic`, by MQTT's filters and the one condition that we use."""
    pattern, _, condition = sql.partition(" FROM ")[2].partition(" WHERE ")
    levels = pattern.strip("'").split("/")
    regex = "/".join("[^/]*" if level == "+" else re.escape(level) for level in levels if level != "#")
    if levels[-1] == "#":
        regex += "(/.*)?"
    if not re.fullmatch(regex, topic, re.DOTALL):
        return False
    if not condition:
        return True
    excluded = re.fullmatch(r"NOT regexp_matches\(topic\(\), '(.*)'\)", condition)[1]
    return re.search(excluded, topic) is None


LEVELS = st.sampled_from(
    ["temperature", "vibration", "event", "failure", "pressure", "", "PUMP-A01", "..", "%2e", "ä", "temperature2"]
)


@given(st.lists(LEVELS, min_size=1, max_size=4))
def test_every_message_below_the_prefix_is_taken_by_exactly_one_rule(evaluated, levels):
    topic = "/".join(["industrial", "dev", "machine", *levels])
    takers = [name for name, rule in evaluated("dev").of("TopicRule").items() if takes(rule.inputs["sql"], topic)]
    assert len(takers) == 1, (topic, takers)


@pytest.mark.parametrize("kind", ["failure", "error", "operator", "replaced"])
def test_events_of_any_kind_go_to_the_function_of_events(evaluated, kind):
    topic = f"industrial/dev/machine/PUMP-A01/event/{kind}"
    [taker] = [name for name, rule in evaluated("dev").of("TopicRule").items() if takes(rule.inputs["sql"], topic)]
    assert taker.endswith("-failure")


def test_messages_outside_of_the_prefix_are_nobodys_business(evaluated):
    for topic in (
        "industrial/dev/machinery/M1/temperature",
        "industrial/machine/M1/temperature",
        "other/M1/vibration",
        "industrial",
    ):
        assert not [rule for rule in evaluated("dev").of("TopicRule").values() if takes(rule.inputs["sql"], topic)]


def mappings_of_queues(evaluation):
    """The mappings that messages come through; another follows the stream of the table of alarms."""
    queues = {each.arn for each in evaluation.of("sqs/queue:Queue").values()}
    mappings = evaluation.of("EventSourceMapping").values()
    return [each for each in mappings if each.inputs["eventSourceArn"] in queues]


@pytest.mark.parametrize(
    "config",
    [
        {},
        CHANGED_OTHERWISE,  # a timeout of one second, and no window of batches
        {"lambdaTimeoutSeconds": 900, "ingestionBatchWindowSeconds": 300},
    ],
)
def test_a_message_stays_hidden_for_six_timeouts_of_its_function(config):
    evaluation = evaluate_stack(config=config)
    functions = {each.arn: each for each in evaluation.of("lambda/function:Function").values()}
    queues = {each.arn: each for each in evaluation.of("sqs/queue:Queue").values()}
    mappings = mappings_of_queues(evaluation)
    assert len(mappings) == 2
    for mapping in mappings:
        timeout = functions[mapping.inputs["functionName"]].inputs["timeout"]
        window = mapping.inputs["maximumBatchingWindowInSeconds"]
        hidden = queues[mapping.inputs["eventSourceArn"]].inputs["visibilityTimeoutSeconds"]
        assert 6 * timeout + window <= hidden <= 43_200


def test_batches_are_as_configured_and_report_their_failures_one_by_one():
    for mapping in mappings_of_queues(evaluate_stack(config=CHANGED)):
        assert mapping.inputs["batchSize"] == 77
        assert mapping.inputs["maximumBatchingWindowInSeconds"] == 5
        assert mapping.inputs["scalingConfig"] == {"maximumConcurrency": 3}
        assert mapping.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]


def test_buffers_give_up_to_the_dead_letters_and_nobody_else_may(evaluated):
    queues = evaluated("dev").of("sqs/queue:Queue")
    dead_letters = queues["ingestion-dead-letters"]
    buffers = [queues["ingestion-readings"], queues["ingestion-labels"]]
    for buffer in buffers:
        assert json.loads(buffer.inputs["redrivePolicy"]) == {
            "deadLetterTargetArn": dead_letters.arn,
            "maxReceiveCount": 5,
        }
        assert buffer.inputs["messageRetentionSeconds"] < dead_letters.inputs["messageRetentionSeconds"]
    assert json.loads(dead_letters.inputs["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [buffer.arn for buffer in buffers],
    }


def test_no_document_holds_a_space_that_a_later_evaluation_could_lack(evaluated):
    keys = ("policy", "assumeRolePolicy", "redrivePolicy", "redriveAllowPolicy")
    documents = [each.inputs[key] for each in evaluated("prod").aws for key in keys if key in each.inputs]
    assert len(documents) > 20
    for document in documents:
        assert document == json.dumps(json.loads(document), sort_keys=True, separators=(",", ":"))
