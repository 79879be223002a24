"""Queues, topics, topic rules and schedules."""

from collections.abc import Mapping
from typing import Any

from infra.local.engine.resources.kind import Kind, Values, arn, named_outputs

_QUEUE_ATTRIBUTES = {
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "maxMessageSize": "MaximumMessageSize",
}
_QUEUE = {"id": "{response[QueueUrl]}", "url": "{response[QueueUrl]}", "arn": arn("sqs", "{name}")}
_QUEUE_OWN = {"name", "tags"}
_ACTIONS = {"sqs": "sqs", "sns": "sns", "lambdas": "lambda", "republishes": "republish", "dynamodbv2s": "dynamoDBv2"}
_SUBSCRIPTION = {"id": "{response[SubscriptionArn]}", "arn": "{response[SubscriptionArn]}"}
_RULE_PAYLOAD = ("sql", "description", "errorAction", "actions", "ruleDisabled")


def _queue_inputs(inputs: Values) -> dict[str, Any]:
    """SQS takes every setting but the name and the tags as an entry of one map of strings."""
    own = {key: value for key, value in inputs.items() if key in _QUEUE_OWN}
    settings = {key: value for key, value in inputs.items() if key not in _QUEUE_OWN}
    attributes = {_QUEUE_ATTRIBUTES.get(key, key[0].upper() + key[1:]): value for key, value in settings.items()}
    return {**own, "attributes": attributes}


def _queue_setting(key: str) -> Kind:
    return Kind(
        "sqs",
        "set_queue_attributes",
        {"id": "{queueUrl}"},
        rename={key: f"Attributes.{key[0].upper()}{key[1:]}"},
    )


def _rule_inputs(inputs: Values) -> dict[str, Any]:
    """Pulumi has a list for each kind of action, the API one list of actions."""
    actions: list[dict[str, Any]] = [{name: action} for key, name in _ACTIONS.items() for action in inputs.get(key, ())]
    rest = {key: value for key, value in inputs.items() if key not in {*_ACTIONS, "enabled"}}
    return {**rest, "actions": actions, "ruleDisabled": not inputs["enabled"]}


def _target_inputs(inputs: Values) -> dict[str, Any]:
    """The API takes a list of targets, whose id is short, beside what names their rule."""
    named = {key: inputs[key] for key in ("rule", "eventBusName") if key in inputs}
    target = {key: value for key, value in inputs.items() if key not in {*named, "targetId"}}
    return {**named, "targets": [{"id": inputs["targetId"][:64], **target}]}


KINDS: Mapping[str, Kind] = {
    "aws:sqs/queue:Queue": Kind(
        "sqs", "create_queue", _QUEUE, named="name", rename={"name": "QueueName"}, reshape=_queue_inputs
    ),
    "aws:sqs/queuePolicy:QueuePolicy": _queue_setting("policy"),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _queue_setting("redriveAllowPolicy"),
    "aws:iot/topicRule:TopicRule": Kind(
        "iot",
        "create_topic_rule",
        named_outputs("iot", "rule/"),
        named="name",
        rename={
            "name": "ruleName",
            "sqlVersion": "topicRulePayload.awsIotSqlVersion",
            **{key: f"topicRulePayload.{key}" for key in _RULE_PAYLOAD},
        },
        ignore=frozenset({"tags"}),  # this API wants them as one header; the tests of the program see them
        reshape=_rule_inputs,
    ),
    "aws:iot/policy:Policy": Kind(
        "iot",
        "create_policy",
        named_outputs("iot", "policy/"),
        named="name",
        rename={"name": "policyName", "policy": "policyDocument"},
    ),
    "aws:iot/thingGroup:ThingGroup": Kind(
        "iot",
        "create_thing_group",
        named_outputs("iot", "thinggroup/"),
        named="name",
        rename={
            "name": "thingGroupName",
            "properties": "thingGroupProperties",
            "properties.description": "thingGroupDescription",
        },
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Kind(
        "scheduler", "create_schedule_group", named_outputs("scheduler", "schedule-group/"), named="name"
    ),
    "aws:scheduler/schedule:Schedule": Kind(
        "scheduler",
        "create_schedule",
        {"id": "{groupName}/{name}", "arn": "{response[ScheduleArn]}"},
        named="name",
    ),
    "aws:cloudwatch/eventBus:EventBus": Kind(
        "events", "create_event_bus", named_outputs("events", "event-bus/"), named="name"
    ),
    "aws:cloudwatch/eventConnection:EventConnection": Kind(
        "events",
        "create_connection",
        {"id": "{name}", "arn": "{response[ConnectionArn]}"},
        named="name",
        rename={
            "authParameters.apiKey": "ApiKeyAuthParameters",
            "authParameters.apiKey.key": "ApiKeyName",
            "authParameters.apiKey.value": "ApiKeyValue",
        },
    ),
    "aws:cloudwatch/eventApiDestination:EventApiDestination": Kind(
        "events",
        "create_api_destination",
        {"id": "{name}", "arn": "{response[ApiDestinationArn]}"},
        named="name",
    ),
    "aws:cloudwatch/eventRule:EventRule": Kind("events", "put_rule", named_outputs("events", "rule/"), named="name"),
    "aws:cloudwatch/eventTarget:EventTarget": Kind(
        "events",
        "put_targets",
        {"id": "{rule}-{targetId}"},
        named="targetId",
        rename={"targets.inputTransformer.inputPaths": "InputPathsMap"},
        reshape=_target_inputs,
    ),
    "aws:sns/topic:Topic": Kind(
        "sns",
        "create_topic",
        {"id": "{response[TopicArn]}", "arn": "{response[TopicArn]}"},
        named="name",
        rename={"kmsMasterKeyId": "Attributes.KmsMasterKeyId", "policy": "Attributes.Policy"},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Kind(
        "sns",
        "set_topic_attributes",
        {"id": "{arn}"},
        rename={"arn": "TopicArn", "attributeName": "AttributeName", "policy": "AttributeValue"},
        reshape=lambda inputs: {**inputs, "attributeName": "Policy"},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Kind(
        "sns", "subscribe", _SUBSCRIPTION, rename={"topic": "TopicArn"}
    ),
}
