"""IAM policy documents: one statement for each purpose, with its exact actions and resources."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

Condition = Mapping[str, Mapping[str, Any]]
"""By operator and key one text, or several."""


class Statement(TypedDict):
    """One statement of a policy document, in IAM's own spelling."""

    Sid: str
    Effect: str
    Action: Sequence[str]
    Resource: NotRequired[Sequence[pulumi.Input[str]]]
    Principal: NotRequired[Any]
    """Services, or `*`."""
    Condition: NotRequired[Condition]


def allow(
    sid: str, actions: Sequence[str], resources: Sequence[pulumi.Input[str]], condition: Condition | None = None
) -> Statement:
    """A statement that grants `actions` on `resources`."""
    statement = Statement(Sid=sid, Effect="Allow", Action=actions, Resource=resources)
    if condition is not None:
        statement["Condition"] = condition
    return statement


def objects(bucket_arn: pulumi.Input[str], *patterns: str) -> list[pulumi.Input[str]]:
    """ARNs of the objects of a bucket whose keys match a pattern."""
    return [pulumi.Output.concat(bucket_arn, "/", pattern) for pattern in patterns]


def listing(sid: str, bucket_arn: pulumi.Input[str], *prefixes: str) -> Statement:
    """A statement that grants the listing of the keys of a bucket whose prefix matches one of `prefixes`."""
    return allow(sid, ["s3:ListBucket"], [bucket_arn], {"StringLike": {"s3:prefix": list(prefixes)}})


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """The JSON of a policy, the same bytes for the same statements (a space more would be a change on every update)."""
    return compact_json({"Version": "2012-10-17", "Statement": list(statements)})


def compact_json(value: object) -> pulumi.Output[str]:
    """`value`, outputs inside it resolved, as JSON with sorted keys and without spaces."""
    return pulumi.Output.json_dumps(value, sort_keys=True, separators=(",", ":"))


def trust(
    service: str, *, account: pulumi.Input[str] | None = None, sources: Sequence[pulumi.Input[str]] = ()
) -> pulumi.Output[str]:
    """Who may assume a role: the AWS service `service`.

    With `account` and `sources`, only on behalf of those resources of that account, so that no other account's rule or
    schedule can borrow the role (the confused deputy). Lambda sends neither for an execution role, so it gets none.
    """
    statement = Statement(
        Sid="AssumedByService",
        Effect="Allow",
        Action=["sts:AssumeRole"],
        Principal={"Service": service},
    )
    if account is not None:
        statement["Condition"] = {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnEquals": {"aws:SourceArn": sources},
        }
    return document([statement])


def use_key(key_arn: pulumi.Input[str]) -> Statement:
    """Read and write what is encrypted with the stack's own key: objects, items, messages and the environment."""
    return allow("UseEncryptionKey", ["kms:Decrypt", "kms:GenerateDataKey"], [key_arn])
