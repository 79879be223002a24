"""A state machine with what all of ours have: a role for its steps, a log of its executions, traces on demand."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.function import FunctionDefaults
from infra.naming import execution_log_group_name, namespace
from infra.policies import Statement, allow, compact_json, document, trust, use_key

_LOG_DELIVERY: Final = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
_TRACING: Final = (
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)


def state_machine(
    name: str,
    parent: pulumi.Resource,
    account: Account,
    functions: FunctionDefaults,
    *,
    definition: Mapping[str, Any],
    statements: Sequence[Statement],
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """Register a standard state machine; returns its ARN and the name of its log group.

    `statements`: what its steps take beside its log, its key and its traces.
    """
    child, physical = pulumi.ResourceOptions(parent=parent), f"{namespace()}-{name}"
    key, tracing = functions.get("kms_key_arn"), functions.get("tracing", False)
    logs = aws.cloudwatch.LogGroup(
        f"{name}-executions",
        name=execution_log_group_name(name),
        retention_in_days=functions.get("log_retention_days", 30),
        kms_key_id=key,
        opts=child,
    )
    source = account.arn("states", f"stateMachine:{physical}")
    role = aws.iam.Role(
        f"{name}-role",
        assume_role_policy=trust("states.amazonaws.com", account=account.id, sources=[source]),
        opts=child,
    )
    granted = [
        *statements,
        # None of these actions has a resource to name, nor has any of X-Ray.
        allow("DeliverLog", _LOG_DELIVERY, ["*"], {"StringEquals": {"aws:RequestedRegion": account.region}}),
        *([] if key is None else [use_key(key)]),
        *([allow("SendTraces", _TRACING, ["*"])] if tracing else []),
    ]
    policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document(granted), opts=child)
    machine = aws.sfn.StateMachine(
        name,
        name=physical,
        role_arn=role.arn,
        type="STANDARD",
        definition=compact_json(definition),
        logging_configuration={
            "level": "ALL",
            # Keys, hours, figures and reasons: no reading passes between the steps.
            "include_execution_data": True,
            "log_destination": pulumi.Output.concat(logs.arn, ":*"),
        },
        tracing_configuration={"enabled": tracing},
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[policy]),
    )
    return machine.arn, logs.name
