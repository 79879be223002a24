"""The table of alarms, and the topic that notices are published to."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, allow
from infra.table import TableOptions, string_keyed_table
from infra.topic import email_topic


class NoticeTopicArgs(TypedDict, total=False):
    """Arguments of a topic of notifications."""

    kms_key_arn: pulumi.Input[str] | None
    """Key that encrypts the messages (default: SNS's own)."""
    emails: Sequence[str]
    """Addresses to subscribe; each has to confirm."""


class NoticeTopic(pulumi.ComponentResource):
    """The SNS topic of notifications; the message attribute `about` is `machine`, `silence` or `training`.

    TLS only.

    Example:
        >>> topic = NoticeTopic("notices", {})
        >>> pulumi.export("notice_topic_arn", topic.arn)

    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: NoticeTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # The type's name is that of the module which it was first in: it is part of the URN of what is deployed.
        super().__init__("mlops:scoring:NoticeTopic", name, None, opts)
        key = args.get("kms_key_arn") or "alias/aws/sns"
        self.arn = email_topic(name, self, kms_key_arn=key, emails=args.get("emails", ()))
        self.register_outputs({"arn": self.arn})


class AlarmAccess(TypedDict):
    """What a function needs to keep alarms and to announce them."""

    alarms_table: pulumi.Input[str]
    alarms_arn: pulumi.Input[str]
    notice_topic_arn: pulumi.Input[str]


class AlertingArgs(TableOptions):
    """What alerting is made of."""

    notice_topic_arn: pulumi.Input[str]


class Alerting(pulumi.ComponentResource):
    """The table of alarms: one item a machine, source and subject, deleted 30 days after its episode has closed.

    Its stream is the outbox of the alarm events.

    Example:
        >>> alerting = Alerting("alerting", {"notice_topic_arn": topic.arn})
        >>> pulumi.export("alarms_table_name", alerting.alarms.name)

    """

    alarms: aws.dynamodb.Table
    access: AlarmAccess
    """Given to the components whose functions raise alarms."""

    def __init__(self, name: str, args: AlertingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:alerting:Alerting", name, None, opts)
        self.alarms = string_keyed_table(
            f"{name}-alarms",
            args,
            self,
            hash_key="machine_id",
            range_key="alarm",
            expires="expires",
            has_stream=True,
        )
        self.access = {
            "alarms_table": self.alarms.name,
            "alarms_arn": self.alarms.arn,
            "notice_topic_arn": args["notice_topic_arn"],
        }
        self.register_outputs({"alarms_table": self.alarms.name})


def alarm_settings(access: AlarmAccess) -> dict[str, object]:
    """The settings of every function that raises alarms."""
    return {"alarms_table": access["alarms_table"], "notice_topic_arn": access["notice_topic_arn"]}


def alarm_statements(access: AlarmAccess, *, reads: Sequence[str] = ("dynamodb:GetItem",)) -> list[Statement]:
    """What every function may do that raises alarms; `reads`: how it reads them."""
    return [
        allow("KeepAlarms", [*reads, "dynamodb:UpdateItem"], [access["alarms_arn"]]),
        allow("TellPeople", ["sns:Publish"], [access["notice_topic_arn"]]),
    ]
