"""Topic rules: which messages of the broker go to which queue, whole and untouched."""

from collections.abc import Sequence
from typing import NamedTuple, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import Account, current_account
from infra.naming import identifier
from infra.policies import allow, document, trust, use_key
from infra.queues import Queue

SQL_VERSION = "2016-03-23"
FAILURE_TOPIC = "event/failure"
# base64 carries any bytes, where SELECT * loses what is not JSON. The topic says who; the broker's clock, when.
_SELECT = "SELECT encode(*, 'base64') AS payload_base64, topic() AS topic, timestamp() AS received_at_ms"


class Sender(NamedTuple):
    """A queue as the action of a rule names it, and the policy without which its role is of no use."""

    target: aws.iot.TopicRuleSqsArgsDict
    policy: aws.iam.RolePolicy


class TopicRulesArgs(TypedDict):
    """What the rules of one topic prefix are made of."""

    topic_prefix: str
    channels: Sequence[str]
    """Names of the channels that are known: outputs name topic and rule of each."""
    readings_queue: Queue
    """Takes every message under the prefix that is no event: readings of any channel, and what is neither."""
    failures_queue: Queue
    """Takes events of any kind, {prefix}/+/event/+; the name is that of the first kind there was."""
    dead_letter_queue: Queue
    """Takes what could not be put into its queue."""
    kms_key_arn: NotRequired[pulumi.Input[str] | None]
    """Key that encrypts the queues."""


class TopicRules(pulumi.ComponentResource):
    """One rule for events and one for all else under the prefix: readings of any channel, and no message is lost.

    A channel that is added needs no rule. Each queue has a role of its own, which may send to that queue alone, and on
    behalf of these rules alone.

    Example:
        >>> rules = TopicRules("rules", {
        ...     "topic_prefix": "industrial/machine", "channels": ["temperature", "vibration"],
        ...     "readings_queue": readings, "failures_queue": failures, "dead_letter_queue": dead_letters,
        ... })
        >>> pulumi.export("topics", rules.topics)

    """

    topics: dict[str, str]
    rule_names: dict[str, str]
    """By kind: each channel, failure, and unclassified."""

    def __init__(self, name: str, args: TopicRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:ingestion:TopicRules", name, None, opts)
        prefix, channels = args["topic_prefix"], args["channels"]
        self.topics = {channel: f"{prefix}/+/{channel}" for channel in channels} | {
            "failure": f"{prefix}/+/{FAILURE_TOPIC}"
        }
        failure_rule, readings_rule = identifier(f"{name}_failure"), identifier(f"{name}_readings")
        self.rule_names = {
            **dict.fromkeys(channels, readings_rule),
            "failure": failure_rule,
            "unclassified": readings_rule,
        }
        key, account = args.get("kms_key_arn"), current_account(self)
        readings = self._sender(f"{name}-readings", args["readings_queue"], account, [readings_rule], key)
        failures = self._sender(f"{name}-failures", args["failures_queue"], account, [failure_rule], key)
        errors = self._sender(f"{name}-errors", args["dead_letter_queue"], account, [failure_rule, readings_rule], key)
        events = f"{_SELECT} FROM '{prefix}/+/event/+'"
        self._rule(f"{name}-failure", failure_rule, events, failures, errors)
        # A + of MQTT matches an empty level too, hence *: what the rule above takes, this one leaves.
        others = f"NOT regexp_matches(topic(), '^{prefix}/[^/]*/event/[^/]*$')"
        self._rule(f"{name}-readings", readings_rule, f"{_SELECT} FROM '{prefix}/#' WHERE {others}", readings, errors)
        self.register_outputs({"topics": self.topics, "rule_names": self.rule_names})

    def _sender(
        self, name: str, queue: Queue, account: Account, rule_names: Sequence[str], key: pulumi.Input[str] | None
    ) -> Sender:
        """The role that these rules send to `queue` with."""
        rules = [account.arn("iot", f"rule/{rule}") for rule in rule_names]
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust("iot.amazonaws.com", account=account.id, sources=rules),
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document(
                [allow("SendToQueue", ["sqs:SendMessage"], [queue.arn]), *([use_key(key)] if key is not None else [])]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Sender({"queue_url": queue.url, "role_arn": role.arn, "use_base64": False}, policy)

    def _rule(self, name: str, rule_name: str, sql: str, action: Sender, error_action: Sender) -> None:
        aws.iot.TopicRule(
            name,
            name=rule_name,
            enabled=True,
            sql=sql,
            sql_version=SQL_VERSION,
            sqs=[action.target],
            error_action={"sqs": error_action.target},
            # The broker tries the roles when the rule is made.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[action.policy, error_action.policy]),
        )
