"""What the documents of policies say: whom and what they allow."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.infra.evaluation import ACCOUNT

POLICIES: Final = {
    "s3/bucketPolicy:BucketPolicy": "policy",
    "sqs/queue:Queue": "policy",
    "sns/topicPolicy:TopicPolicy": "policy",
    "kms/key:Key": "policy",
    "iam/role:Role": "assumeRolePolicy",
    "iam/rolePolicy:RolePolicy": "policy",
    "iot/policy:Policy": "policy",
}
"""Where each type of resource keeps its policy."""

TRUSTED_BY: Final = {f"{name}.amazonaws.com" for name in ("iot", "lambda", "scheduler", "states", "events")}
"""The services that assume roles of ours."""


def allowances(policy: str | None) -> Iterator[Mapping[str, Any]]:
    """The statements of a policy that allow something; none where there is no policy."""
    for statement in json.loads(policy)["Statement"] if policy else ():
        if statement["Effect"] == "Allow":
            yield statement


def services(statement: Mapping[str, Any]) -> set[str]:
    """The services that a statement speaks of."""
    principal = statement["Principal"]
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return {named} if isinstance(named, str) else set(named)


def is_ours_alone(statement: Mapping[str, Any]) -> bool:
    """Whether a statement lets in our account, or a service on behalf of what is ours (no confused deputy).

    Lambda sends nothing to tell whose function it assumes a role for; a role can be given to a function only by who may
    pass it (iam:PassRole).
    """
    principal = statement["Principal"]
    if principal == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"} or services(statement) == {"lambda.amazonaws.com"}:
        return True
    conditions = statement.get("Condition", {})
    granted = [
        (operator, key, value)
        for operator in ("StringEquals", "ArnEquals", "ArnLike")
        for key, value in conditions.get(operator, {}).items()
    ]
    return principal != "*" and any(
        value == ACCOUNT if key == "aws:SourceAccount" else key.startswith("kms:EncryptionContext") and _is_ours(value)
        for _, key, value in granted
    )


def _is_ours(arns: list[str]) -> bool:
    return all(arn.split(":")[4] == ACCOUNT for arn in arns)
