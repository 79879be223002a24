"""How predictions are asked for: an HTTP API that only signed requests pass, and the function behind it."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.access import FeaturesAccess, LabelHistoryAccess, LakeAccess, SharedFunctions
from infra.account import current_account
from infra.alerting import AlarmAccess
from infra.channels import read_channels
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.machines import MachinesAccess, machine_settings, read_machines
from infra.naming import access_log_group_name, namespace
from infra.policies import Statement, allow, listing, objects
from infra.setting_groups import ServingSettings
from mlops_core.lake import BASELINES_PREFIX, FRESHNESS_KEY, MODELS_PREFIX, RANKING_KEY

ROUTES: Final = {"fleet": "GET /machines", "machine": "GET /machines/{machine_id}"}
"""What the endpoint answers, by the names of the resources."""
_ACCESS_LOG: Final = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "caller": "$context.identity.caller",
    "sourceIp": "$context.identity.sourceIp",
    "latencyMs": "$context.responseLatency",
    "error": "$context.error.message",
}


class ServingArgs(LakeAccess, FeaturesAccess, LabelHistoryAccess, SharedFunctions):
    """What every function is given that predicts."""

    alarms: AlarmAccess
    machines: MachinesAccess
    """With alarms and label history, these say in what state a machine is."""
    settings: Any
    """ServingSettings, or a mapping of its keys; its windows are what the stack computes: a model that needs
    anything else is refused."""


class Inference(pulumi.ComponentResource):
    """The endpoint: `GET /machines` and `GET /machines/{machine_id}`, for callers whom IAM lets invoke it.

    Example:
        >>> inference = Inference("inference", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "realtime_features_table": features.name, "realtime_features_arn": features.arn,
        ...     "alarms": alerting.access, "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "machines": machines.access, "settings": settings, "functions": {"layers": layers},
        ... })
        >>> pulumi.export("inference_endpoint", inference.endpoint)

    """

    api: aws.apigatewayv2.Api
    endpoint: pulumi.Output[str]
    invoke_arn: pulumi.Output[str]
    """What a caller's policy must allow `execute-api:Invoke` on."""

    def __init__(self, name: str, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:inference:Inference", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self.function = PythonFunction(
            function_name(name, "inference"),
            {
                **args.get("functions", {}),
                "function": "inference",
                "settings": {
                    **serving_settings(args),
                    "features_stale_after": timedelta(hours=serving_of(args).features_stale_after_hours),
                },
                "statements": [
                    *serving_statements(args, listed=[FRESHNESS_KEY, RANKING_KEY]),
                    allow("ReadFeatures", ["dynamodb:GetItem", "dynamodb:Scan"], [args["realtime_features_arn"]]),
                    allow("ReadAlarms", ["dynamodb:GetItem", "dynamodb:Scan"], [args["alarms"]["alarms_arn"]]),
                    allow("ReadLabels", ["dynamodb:Query", "dynamodb:Scan"], [args["label_history_arn"]]),
                    read_machines(args["machines"], reads=("dynamodb:GetItem", "dynamodb:Scan")),
                    allow("ReadFreshness", ["s3:GetObject"], objects(args["bucket_arn"], FRESHNESS_KEY)),
                    allow("ReadRanking", ["s3:GetObject"], objects(args["bucket_arn"], RANKING_KEY)),
                ],
                "timeout_seconds": serving_of(args).inference_timeout_seconds,
                "memory_mb": serving_of(args).inference_memory_mb,
            },
            self._child,
        )
        self.api = aws.apigatewayv2.Api(
            name, name=f"{namespace()}-{name}", protocol_type="HTTP", description="Predictions", opts=self._child
        )
        self.invoke_arn = answer_routes(name, self.api, self.function, ROUTES, path="GET/machines*", parent=self)
        self._stage(name, self.api, args)
        self.endpoint = self.api.api_endpoint
        self.register_outputs({"endpoint": self.endpoint, "function_name": self.function.name})

    def _stage(self, name: str, api: aws.apigatewayv2.Api, args: ServingArgs) -> None:
        functions: FunctionDefaults = {**args.get("functions", {})}
        logs = aws.cloudwatch.LogGroup(
            f"{name}-access-logs",
            name=access_log_group_name(name),
            retention_in_days=functions.get("log_retention_days", 30),
            kms_key_id=functions.get("kms_key_arn"),
            opts=self._child,
        )
        aws.apigatewayv2.Stage(
            f"{name}-stage",
            api_id=api.id,
            name="$default",
            auto_deploy=True,
            access_log_settings={
                "destination_arn": logs.arn,
                "format": json.dumps(_ACCESS_LOG, sort_keys=True, separators=(",", ":")),
            },
            default_route_settings={
                "throttling_rate_limit": serving_of(args).inference_requests_per_second,
                "throttling_burst_limit": 2 * serving_of(args).inference_requests_per_second,
            },
            opts=self._child,
        )


def answer_routes(
    name: str,
    api: aws.apigatewayv2.Api,
    function: PythonFunction,
    routes: Mapping[str, str],
    *,
    path: str,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """Let `function` answer `routes` (route keys by resource name) of `api`, for callers whom IAM lets invoke them.

    `path` is what of the API may start the function: a method and a path. Returns its ARN, which a caller's policy must
    allow `execute-api:Invoke` on.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    integration = aws.apigatewayv2.Integration(
        f"{name}-integration",
        api_id=api.id,
        integration_type="AWS_PROXY",
        integration_uri=function.arn,
        integration_method="POST",
        payload_format_version="2.0",
        opts=opts,
    )
    for suffix, route in routes.items():
        aws.apigatewayv2.Route(
            f"{name}-{suffix}",
            api_id=api.id,
            route_key=route,
            authorization_type="AWS_IAM",
            target=pulumi.Output.concat("integrations/", integration.id),
            opts=opts,
        )
    invoke_arn = pulumi.Output.concat(api.execution_arn, "/$default/", path)
    aws.lambda_.Permission(
        f"{name}-permission",
        action="lambda:InvokeFunction",
        function=function.name,
        principal="apigateway.amazonaws.com",
        source_account=current_account(parent).id,
        source_arn=invoke_arn,
        opts=opts,
    )
    return invoke_arn


def serving_of(args: ServingArgs) -> ServingSettings:
    """Return the settings among the arguments, checked."""
    return ServingSettings.model_validate(args["settings"])


def serving_settings(args: ServingArgs) -> dict[str, object]:
    """The settings of every function that predicts."""
    return {
        "data_lake_bucket": args["bucket_name"],
        "channels_key": args.get("channels_key"),
        "dynamodb_table_name": args["realtime_features_table"],
        "alarms_table": args["alarms"]["alarms_table"],
        "label_history_table": args["label_history_table"],
        **machine_settings(args["machines"]),
        "silent_after": timedelta(hours=serving_of(args).silent_after_hours),
        **serving_of(args).recipe,
    }


def serving_statements(args: ServingArgs, *, listed: Sequence[str] = ()) -> list[Statement]:
    """What every function may do that predicts, beside reading features; `listed`: what else it lists of the lake."""
    models = (f"{MODELS_PREFIX}*", f"{BASELINES_PREFIX}*")
    return [
        allow("ReadModels", ["s3:GetObject"], objects(args["bucket_arn"], *models)),
        listing("ListModels", args["bucket_arn"], *models, *listed),
        read_channels(args["bucket_arn"]),
    ]
