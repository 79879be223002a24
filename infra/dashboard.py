"""A stack's dashboard: what comes in, how far processing is, what is refused, who fails, what the models do."""

from collections.abc import Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.naming import namespace
from infra.policies import compact_json

_WIDTH, _HEIGHT, _IN_A_ROW = 8, 6, 3


class DashboardArgs(TypedDict):
    """What a dashboard shows beside the metrics that functions count."""

    queues: Sequence[pulumi.Input[str]]
    """Names of the queues."""
    functions: Sequence[pulumi.Input[str]]
    """Names of the functions."""
    state_machine_arn: pulumi.Input[str]
    api_id: pulumi.Input[str]


class Dashboard(pulumi.ComponentResource):
    """One dashboard of CloudWatch, named after the stack.

    Example:
        >>> Dashboard("dashboard", {
        ...     "queues": [queue.name], "functions": [processing.name], "state_machine_arn": training.arn,
        ...     "api_id": api.id,
        ... })

    """

    name: pulumi.Output[str]

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:monitoring:Dashboard", name, None, opts)
        region = current_account(self).region
        graphs = [
            _graph("Readings", [_own("ingestion", f"Readings{what}") for what in ("Accepted", "Duplicate", "Refused")]),
            _graph("Watermark lag, hours", [_own("processing", "WatermarkLagHours")], statistic="Maximum"),
            _graph(
                "Damaged", [_own("processing", "DamagedObjects"), _own("scoring", "DamagedItems")], statistic="Maximum"
            ),
            _graph(
                "Oldest message, seconds",
                [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue] for queue in args["queues"]],
                statistic="Maximum",
            ),
            _graph("Failed runs", [["AWS/Lambda", "Errors", "FunctionName", each] for each in args["functions"]]),
            _graph("Throttles", [["AWS/Lambda", "Throttles", "FunctionName", each] for each in args["functions"]]),
            _graph("Alarm changes", [_own("scoring", "AlarmChanges"), _own("scoring", "SilentChannels")]),
            _graph(
                "Training",
                [
                    ["AWS/States", f"Executions{what}", "StateMachineArn", args["state_machine_arn"]]
                    for what in ("Succeeded", "Failed", "TimedOut")
                ],
            ),
            _graph(
                "HTTP API", [["AWS/ApiGateway", metric, "ApiId", args["api_id"]] for metric in ("Count", "4xx", "5xx")]
            ),
        ]
        widgets = [
            {
                "type": "metric",
                "x": number % _IN_A_ROW * _WIDTH,
                "y": number // _IN_A_ROW * _HEIGHT,
                "width": _WIDTH,
                "height": _HEIGHT,
                "properties": {**graph, "region": region, "view": "timeSeries"},
            }
            for number, graph in enumerate(graphs)
        ]
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=namespace(),
            dashboard_body=compact_json({"widgets": widgets}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = dashboard.dashboard_name
        self.register_outputs({"name": self.name})


def _own(service: str, metric: str) -> list[pulumi.Input[str]]:
    return [namespace(), metric, "service", service]


def _graph(title: str, metrics: Sequence[Sequence[pulumi.Input[str]]], *, statistic: str = "Sum") -> dict[str, Any]:
    return {"title": title, "metrics": [list(metric) for metric in metrics], "stat": statistic, "period": 300}
