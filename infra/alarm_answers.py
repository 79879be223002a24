"""Answers to alarms: two routes of the HTTP API, and the only function that may write for them."""

from typing import Final

import pulumi
import pulumi_aws as aws

from contract.functions import FUNCTIONS
from infra.access import FunctionSize, SharedFunctions
from infra.account import current_account
from infra.alerting import AlarmAccess
from infra.function import PythonFunction
from infra.inference import answer_routes
from infra.policies import allow

ROUTES: Final = {"list": "GET /alarms", "answer": "POST /alarms/{episode_id}"}
"""What the function answers, by the names of the resources."""


class AlarmAnswersArgs(FunctionSize, SharedFunctions):
    """What answering alarms is made of."""

    api: aws.apigatewayv2.Api
    """The HTTP API that the routes are added to; its stage throttles."""
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
        child = pulumi.ResourceOptions(parent=self)
        alarms = args["alarms"]
        self.function = PythonFunction(
            f"{name}-{FUNCTIONS['alarm_answers'].resource}",
            {
                **args.get("functions", {}),
                "function": "alarm_answers",
                "settings": {"alarms_table": alarms["alarms_table"]},
                "statements": [
                    allow(
                        "AnswerAlarms",
                        ["dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"],
                        [alarms["alarms_arn"]],
                    ),
                ],
                "timeout_seconds": args["timeout_seconds"],
                "memory_mb": args["memory_mb"],
            },
            child,
        )
        self.invoke_arn = answer_routes(
            name, args["api"], self.function, ROUTES, path="*/alarms*", account=current_account(self), opts=child
        )
        self.register_outputs({"function_name": self.function.name, "invoke_arn": self.invoke_arn})
