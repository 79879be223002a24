"""What every state machine's role needs beside its steps: to deliver its log, and its traces."""

from typing import Final

from infra.account import Account
from infra.policies import Statement, allow

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


def deliver_log(account: Account) -> Statement:
    """Deliver the log of executions. None of the actions has a resource to name."""
    return allow("DeliverLog", _LOG_DELIVERY, ["*"], {"StringEquals": {"aws:RequestedRegion": account.region}})


def send_traces() -> Statement:
    """Send the traces of executions. X-Ray knows no resources for these actions."""
    return allow("SendTraces", _TRACING, ["*"])
