"""What people write over the HTTP API: what no sensor measured, and answers to alarms; a function for each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.access import FeaturesAccess, FunctionSize, LabelHistoryAccess, SharedFunctions
from infra.alerting import AlarmAccess
from infra.function import PythonFunction, function_name
from infra.inference import answer_routes
from infra.policies import Statement, allow

MAINTENANCE_ROUTES: Final = {"route": "POST /machines/{machine_id}/maintenance"}
ALARM_ROUTES: Final = {"list": "GET /alarms", "answer": "POST /alarms/{episode_id}"}
"""What each function answers, by the names of the resources."""


class OperatorRoutesArgs(FunctionSize, SharedFunctions):
    """What the routes of one function are made of."""

    api: aws.apigatewayv2.Api
    """The HTTP API that the routes are added to; its stage throttles."""


def _answer(
    parent: pulumi.Resource,
    name: str,
    args: OperatorRoutesArgs,
    function: str,
    routes: Mapping[str, str],
    *,
    path: str,
    settings: Mapping[str, Any],
    statements: Sequence[Statement],
) -> tuple[PythonFunction, pulumi.Output[str]]:
    """Register a function and its routes; returns it, and what a caller's policy must name."""
    answering = PythonFunction(
        function_name(name, function),
        {
            **args.get("functions", {}),
            "function": function,
            "settings": settings,
            "statements": statements,
            "timeout_seconds": args["timeout_seconds"],
            "memory_mb": args["memory_mb"],
        },
        pulumi.ResourceOptions(parent=parent),
    )
    return answering, answer_routes(name, args["api"], answering, routes, path=path, parent=parent)


class MaintenanceArgs(OperatorRoutesArgs, FeaturesAccess, LabelHistoryAccess):
    """What recording maintenance is made of."""


class Maintenance(pulumi.ComponentResource):
    """`POST /machines/{machine_id}/maintenance`, for callers whom IAM lets invoke it: what no sensor measured.

    Example:
        >>> maintenance = Maintenance("maintenance", {
        ...     "api": inference.api,
        ...     "realtime_features_table": features.name, "realtime_features_arn": features.arn,
        ...     "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "timeout_seconds": 15, "memory_mb": 256,
        ... })
        >>> pulumi.export("maintenance_invoke_arn", maintenance.invoke_arn)

    """

    invoke_arn: pulumi.Output[str]
    """What a caller's policy must allow `execute-api:Invoke` on."""

    def __init__(self, name: str, args: MaintenanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:maintenance:Maintenance", name, None, opts)
        self.function, self.invoke_arn = _answer(
            self,
            name,
            args,
            "maintenance",
            MAINTENANCE_ROUTES,
            path="POST/machines/*/maintenance",
            settings={
                "dynamodb_table_name": args["realtime_features_table"],
                "label_history_table": args["label_history_table"],
            },
            statements=[
                allow("KnowMachines", ["dynamodb:GetItem"], [args["realtime_features_arn"]]),
                allow("RecordLabels", ["dynamodb:UpdateItem"], [args["label_history_arn"]]),
            ],
        )
        self.register_outputs({"function_name": self.function.name, "invoke_arn": self.invoke_arn})


class AlarmAnswersArgs(OperatorRoutesArgs):
    """What answering alarms is made of."""

    alarms: AlarmAccess


class AlarmAnswers(pulumi.ComponentResource):
    """`GET /alarms` and `POST /alarms/{episode_id}`, for callers whom IAM lets invoke them.

    Example:
        >>> answers = AlarmAnswers("alarm-answers", {
        ...     "api": inference.api, "alarms": alerting.access, "timeout_seconds": 15, "memory_mb": 256,
        ... })
        >>> pulumi.export("alarms_invoke_arn", answers.invoke_arn)

    """

    invoke_arn: pulumi.Output[str]
    """What a caller's policy must allow `execute-api:Invoke` on; with GET in place of its `*`, only to look."""

    def __init__(self, name: str, args: AlarmAnswersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:alerting:AlarmAnswers", name, None, opts)
        alarms = args["alarms"]
        actions = ["dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"]
        self.function, self.invoke_arn = _answer(
            self,
            name,
            args,
            "alarm_answers",
            ALARM_ROUTES,
            path="*/alarms*",
            settings={"alarms_table": alarms["alarms_table"]},
            statements=[allow("AnswerAlarms", actions, [alarms["alarms_arn"]])],
        )
        self.register_outputs({"function_name": self.function.name, "invoke_arn": self.invoke_arn})
