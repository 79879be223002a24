"""Alarms: who is notified, and the alarms of queues (dead letters, age of the oldest message)."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.naming import namespace
from infra.policies import Statement
from infra.queues import Queue
from infra.topic import email_topic
from mlops_core.alerting import DEAD_LETTERS, OLD_MESSAGES, with_runbook

_QUARTER_HOUR = 900


class AlarmTopicArgs(TypedDict):
    """What an alarm topic is made of."""

    emails: NotRequired[Sequence[str]]
    """Addresses to subscribe; each has to confirm."""
    kms_key_arn: NotRequired[pulumi.Input[str] | None]
    """Key that encrypts the messages; it must let CloudWatch use it."""


class AlarmTopic(pulumi.ComponentResource):
    """The SNS topic that the alarms of this account alone publish to, over TLS.

    Example:
        >>> topic = AlarmTopic("alarms", {"emails": ["maintenance@example.com"]})
        >>> pulumi.export("alarm_topic_arn", topic.arn)

    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:monitoring:AlarmTopic", name, None, opts)
        account_id = current_account(self).id
        self.arn = email_topic(
            name,
            self,
            kms_key_arn=args.get("kms_key_arn"),
            emails=args.get("emails", ()),
            statements=lambda topic_arn: [_alarms_publish(topic_arn, account_id)],
        )
        self.register_outputs({"arn": self.arn})


def _alarms_publish(topic_arn: pulumi.Output[str], account_id: pulumi.Output[str]) -> Statement:
    return Statement(
        Sid="AlarmsPublish",
        Effect="Allow",
        Principal={"Service": "cloudwatch.amazonaws.com"},
        Action=["sns:Publish"],
        Resource=[topic_arn],
        Condition={"StringEquals": {"aws:SourceAccount": account_id}},
    )


class QueueAlarmsArgs(TypedDict):
    """What the alarms of a set of queues are made of."""

    topic_arn: pulumi.Input[str]
    buffers: Mapping[str, Queue]
    """Queues in which no message should wait for more than a quarter of an hour, by what they hold."""
    dead_letter_queue: Queue
    """Queue in which there should be nothing."""


class QueueAlarms(pulumi.ComponentResource):
    """An alarm for each buffer whose oldest message is old, and one for dead letters.

    Example:
        >>> QueueAlarms("queue-alarms", {
        ...     "topic_arn": topic.arn, "buffers": {"readings": readings}, "dead_letter_queue": dead_letters,
        ... })

    """

    def __init__(self, name: str, args: QueueAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:monitoring:QueueAlarms", name, None, opts)
        self._topic_arn = args["topic_arn"]
        for held, queue in args["buffers"].items():
            self._alarm(
                f"{name}-{held}-age",
                with_runbook(OLD_MESSAGES.format(held=held), "old-messages"),
                queue,
                metric="ApproximateAgeOfOldestMessage",
                threshold=_QUARTER_HOUR,
            )
        self._alarm(
            f"{name}-dead-letters",
            with_runbook(DEAD_LETTERS, "dead-letters"),
            args["dead_letter_queue"],
            metric="ApproximateNumberOfMessagesVisible",
            threshold=0,
        )
        self.register_outputs({})

    def _alarm(self, name: str, description: str, queue: Queue, *, metric: str, threshold: int) -> None:
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=description,
            namespace="AWS/SQS",
            metric_name=metric,
            dimensions={"QueueName": queue.name},
            statistic="Maximum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            treat_missing_data="notBreaching",
            alarm_actions=[self._topic_arn],
            ok_actions=[self._topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )


def count_alarm(
    name: str,
    topic_arn: pulumi.Input[str],
    description: str,
    *,
    service: str,
    metric: str,
    parent: pulumi.Resource,
) -> None:
    """An alarm on what a function counted in its last run above none, for the whole fleet.

    A metric for each machine would cost more than the platform; notices name them.
    """
    aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=description,
        namespace=namespace(),
        metric_name=metric,
        dimensions={"service": service},
        statistic="Maximum",
        period=300,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=0,
        treat_missing_data="ignore",  # hours may lie between two counts: until the next one, the last one holds
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        opts=pulumi.ResourceOptions(parent=parent),
    )
