"""Alarms on what does not happen, and on what no single function can say: stalled runs, throttles, refusals."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from infra.naming import namespace
from mlops_core.alerting import (
    API_ERRORS,
    MESSAGES_LOST,
    PROCESSING_STALLED,
    READINGS_REFUSED,
    THROTTLED,
    TRAINING_RUN_FAILED,
    with_runbook,
)

Query = aws.cloudwatch.MetricAlarmMetricQueryArgsDict

_HOUR = 3600
_QUARTER_HOUR = 900
_REFUSED_PERCENT = 10
_API_ERRORS = 5
_QUERIES_AT_MOST = 10  # of an alarm


class OperationAlarmsArgs(TypedDict):
    """What the alarms of operation are made of."""

    topic_arn: pulumi.Input[str]
    late_after_hours: int
    """Hours without a run of processing, or by which its watermark lags, before the alarm is raised."""
    state_machine_arn: pulumi.Input[str]
    api_id: pulumi.Input[str]
    functions: Sequence[pulumi.Input[str]]
    """Names of the functions whose throttles count, nine at most: an alarm takes ten queries."""
    rules: Sequence[str]
    """Names of the topic rules."""


class OperationAlarms(pulumi.ComponentResource):
    """Processing that stalls, training that fails, throttles, refused or lost messages, errors of the API.

    That processing does not run shows in metrics that are missing, which a new stack has not had yet. So two alarms
    without actions are combined: one that takes missing data for a breach, and one that is on from the first run for
    good, since it ignores missing data. A first deployment raises no alarm.

    Example:
        >>> OperationAlarms("operation", {
        ...     "topic_arn": topic.arn, "late_after_hours": 3, "state_machine_arn": training.arn, "api_id": api.id,
        ...     "functions": [ingestion.name, processing.name], "rules": ["acme_readings"],
        ... })

    """

    def __init__(self, name: str, args: OperationAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:monitoring:OperationAlarms", name, None, opts)
        self._topic_arn = args["topic_arn"]
        self._stalled(name, args["late_after_hours"])
        throttled = [
            _query(f"throttles{number}", "AWS/Lambda", "Throttles", {"FunctionName": function})
            for number, function in enumerate(args["functions"])
        ]
        if len(throttled) >= _QUERIES_AT_MOST:
            raise ValueError(f"{name}: {len(throttled)} functions, and an alarm takes {_QUERIES_AT_MOST} queries")
        self._alarm(f"{name}-throttles", with_runbook(THROTTLED, "throttles"), _sum_of(throttled))
        dropped = with_runbook(MESSAGES_LOST, "lost")
        self._alarm(f"{name}-lost", dropped, _lost(args["rules"]))
        refused = [
            _query(f"refused{number}", "AWS/IoT", "RuleMessageThrottled", {"RuleName": rule})
            for number, rule in enumerate(args["rules"])
        ]
        self._alarm(f"{name}-rules", dropped, _sum_of(refused))
        training = {"StateMachineArn": args["state_machine_arn"]}
        failed = [
            _query(f"ended{number}", "AWS/States", metric, training)
            for number, metric in enumerate(("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"))
        ]
        self._alarm(f"{name}-training", with_runbook(TRAINING_RUN_FAILED, "training"), _sum_of(failed))
        readings = {"service": "ingestion"}
        share: list[Query] = [
            _query("refused", namespace(), "ReadingsRefused", readings, period=_QUARTER_HOUR),
            _query("accepted", namespace(), "ReadingsAccepted", readings, period=_QUARTER_HOUR),
            _expression("100 * refused / (refused + accepted)"),
        ]
        self._alarm(f"{name}-refused", with_runbook(READINGS_REFUSED, "refused"), share, threshold=_REFUSED_PERCENT)
        errors = [_query("errors", "AWS/ApiGateway", "5xx", {"ApiId": args["api_id"]})]
        self._alarm(f"{name}-api", with_runbook(API_ERRORS, "api"), _sum_of(errors), threshold=_API_ERRORS - 1)
        self.register_outputs({})

    def _stalled(self, name: str, hours: int) -> None:
        late = self._lag(f"{name}-late", "Part of the alarm on processing", hours, threshold=hours, missing="breaching")
        begun = self._lag(f"{name}-begun", "On since the first run of processing", 1, threshold=-1, missing="ignore")
        aws.cloudwatch.CompositeAlarm(
            f"{name}-stalled",
            alarm_name=f"{namespace()}-{name}-stalled",
            alarm_description=with_runbook(PROCESSING_STALLED.format(hours=hours), "stalled"),
            alarm_rule=pulumi.Output.format("ALARM({0}) AND ALARM({1})", late.name, begun.name),
            alarm_actions=[self._topic_arn],
            ok_actions=[self._topic_arn],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[late, begun]),
        )

    def _lag(
        self, name: str, description: str, periods: int, *, threshold: int, missing: str
    ) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=description,
            namespace=namespace(),
            metric_name="WatermarkLagHours",
            dimensions={"service": "processing"},
            statistic="Minimum",
            period=_HOUR,
            evaluation_periods=periods,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            treat_missing_data=missing,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _alarm(self, name: str, description: str, queries: Sequence[Query], *, threshold: int = 0) -> None:
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=description,
            metric_queries=queries,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            treat_missing_data="notBreaching",
            alarm_actions=[self._topic_arn],
            ok_actions=[self._topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _query(
    name: str, space: str, metric: str, dimensions: Mapping[str, pulumi.Input[str]], *, period: int = 300
) -> Query:
    return {
        "id": name,
        "metric": {
            "namespace": space,
            "metric_name": metric,
            "dimensions": dict(dimensions),
            "period": period,
            "stat": "Sum",
        },
    }


def _expression(text: str) -> Query:
    return {"id": "judged", "expression": text, "label": "judged", "return_data": True}


def _lost(rules: Sequence[str]) -> list[Query]:
    """What leaves no dead letter. Metrics Insights sums over the dimensions that AWS IoT adds to a rule's name."""
    where = " OR ".join(f"RuleName = '{rule}'" for rule in rules)
    query = f'SELECT SUM(ErrorActionFailure) FROM "AWS/IoT" WHERE {where}'  # noqa: S608 - names of our own rules
    return [{"id": "lost", "expression": query, "period": 300, "return_data": True}]


def _sum_of(queries: Sequence[Query]) -> list[Query]:
    """The sum of metrics, where one that is missing counts as none."""
    return [*queries, _expression(" + ".join(f"FILL({query['id']}, 0)" for query in queries))]
