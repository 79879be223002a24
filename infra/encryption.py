"""The stack's own encryption key, where one is wanted instead of the keys that AWS owns."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import Account, current_account
from infra.naming import access_log_group_name, execution_log_group_name, log_group_name, namespace
from infra.policies import Statement, document


class EncryptionKeyArgs(TypedDict):
    """What the key is made of."""

    protect: NotRequired[bool]
    """Refuse to delete the key, and keep it when the stack is destroyed: data that it encrypts is lost without it."""


class EncryptionKey(pulumi.ComponentResource):
    """A KMS key that rotates every year, with an alias, for data, queues, logs, environments and alarms.

    The policies of the roles that use it grant it; the key's own policy lets the account's policies count,
    and lets the two services in that act without a role of ours.

    Example:
        >>> key = EncryptionKey("key", {"protect": True})
        >>> lake = DataLake("data-lake", {"kms_key_arn": key.arn})

    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:security:EncryptionKey", name, None, opts)
        protect = args.get("protect", False)
        key = aws.kms.Key(
            name,
            description=f"Data, queues, logs and alarms of {namespace()}",
            enable_key_rotation=True,
            deletion_window_in_days=30 if protect else 7,
            policy=document(_key_policy(current_account(self))),
            opts=pulumi.ResourceOptions(parent=self, protect=protect, retain_on_delete=protect),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=f"alias/{namespace()}-{name}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def _key_policy(account: Account) -> list[Statement]:
    root = pulumi.Output.concat("arn:", account.partition, ":iam::", account.id, ":root")
    logs_service = pulumi.Output.concat("logs.", account.region, ".amazonaws.com")
    our_log_groups = [
        account.arn("logs", f"log-group:{log_group_name('*')}"),
        account.arn("logs", f"log-group:{access_log_group_name('*')}"),
        account.arn("logs", f"log-group:{execution_log_group_name('*')}"),
    ]
    return [
        Statement(
            Sid="LetPoliciesOfTheAccountCount",
            Effect="Allow",
            Principal={"AWS": root},
            Action=["kms:*"],
            Resource=["*"],  # in a key's policy: this key
        ),
        Statement(
            Sid="EncryptLogs",
            Effect="Allow",
            Principal={"Service": logs_service},
            Action=[
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            Resource=["*"],
            Condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": our_log_groups}},
        ),
        Statement(
            Sid="LetAlarmsReachTheirTopic",
            Effect="Allow",
            Principal={"Service": "cloudwatch.amazonaws.com"},
            Action=["kms:Decrypt", "kms:GenerateDataKey"],
            Resource=["*"],
            Condition={"StringEquals": {"aws:SourceAccount": account.id}},
        ),
    ]
