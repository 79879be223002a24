"""How technicians record what no sensor said: a route of the HTTP API, and the function that alone may write for it."""

from typing import Final

import pulumi
import pulumi_aws as aws

from contract.functions import FUNCTIONS
from infra.access import FeaturesAccess, FunctionSize, LabelHistoryAccess, SharedFunctions
from infra.account import current_account
from infra.function import PythonFunction
from infra.inference import answer_routes
from infra.policies import allow

ROUTES: Final = {"route": "POST /machines/{machine_id}/maintenance"}
"""What the function answers, by the names of the resources."""


class MaintenanceArgs(FeaturesAccess, LabelHistoryAccess, FunctionSize, SharedFunctions):
    """What recording maintenance is made of."""

    api: aws.apigatewayv2.Api
    """The HTTP API that the route is added to; its stage throttles."""


class Maintenance(pulumi.ComponentResource):
    """`POST /machines/{machine_id}/maintenance`, for callers whom IAM lets invoke it.

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
        child = pulumi.ResourceOptions(parent=self)
        self.function = PythonFunction(
            f"{name}-{FUNCTIONS['maintenance'].resource}",
            {
                **args.get("functions", {}),
                "function": "maintenance",
                "settings": {
                    "dynamodb_table_name": args["realtime_features_table"],
                    "label_history_table": args["label_history_table"],
                },
                "statements": [
                    allow("KnowMachines", ["dynamodb:GetItem"], [args["realtime_features_arn"]]),
                    allow("RecordLabels", ["dynamodb:UpdateItem"], [args["label_history_arn"]]),
                ],
                "timeout_seconds": args["timeout_seconds"],
                "memory_mb": args["memory_mb"],
            },
            child,
        )
        self.invoke_arn = answer_routes(
            name,
            args["api"],
            self.function,
            ROUTES,
            path="POST/machines/*/maintenance",
            account=current_account(self),
            opts=child,
        )
        self.register_outputs({"function_name": self.function.name, "invoke_arn": self.invoke_arn})
