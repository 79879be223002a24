"""Roles, functions, layers and what calls them."""

from collections.abc import Mapping
from typing import Any

from infra.local.engine.archives import content_bytes
from infra.local.engine.resources.kind import REGION, Created, FollowUp, Kind, Values, arn, inside, named_outputs

_S3_CODE = ("s3Bucket", "s3Key", "s3ObjectVersion")


def _code_inputs(inputs: Values) -> dict[str, Any]:
    return {**inputs, "code": {"zipFile": content_bytes(inputs["code"])}} if "code" in inputs else dict(inputs)


_FUNCTION = {
    "id": "{name}",
    "arn": "{response[FunctionArn]}",
    "qualifiedArn": "{response[FunctionArn]}:{response[Version]}",
    "invokeArn": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{{response[FunctionArn]}}/invocations",
    "version": "{response[Version]}",
}
_LAYER = {
    "id": "{response[LayerVersionArn]}",
    "arn": "{response[LayerVersionArn]}",
    "layerArn": "{response[LayerArn]}",
    "version": "{response[Version]}",
}
_API = {
    "id": "{response[ApiId]}",
    "executionArn": arn("execute-api", "{response[ApiId]}"),
    "arn": f"arn:aws:apigateway:{REGION}::/apis/{{response[ApiId]}}",
}


def _state_machine_inputs(inputs: Values) -> dict[str, Any]:
    """The provider takes one log destination as text, the API a list of them."""
    logging = dict(inputs.get("loggingConfiguration") or {})
    if destination := logging.pop("logDestination", None):
        logging["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}]
    return {**inputs, "loggingConfiguration": logging or None}


def _endpoint(created: Created) -> dict[str, Any]:
    """The emulator's host names need a resolver that knows them; its path form needs none."""
    port = created.response["ApiEndpoint"].rpartition(":")[2]
    return {"apiEndpoint": f"http://127.0.0.1:{port}/_aws/execute-api/{created.response['ApiId']}"}


KINDS: Mapping[str, Kind] = {
    "aws:iam/role:Role": Kind(
        "iam",
        "create_role",
        named_outputs("iam", "role/", region=""),
        named="name",
        rename={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        ignore=frozenset({"forceDetachPolicies"}),
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        "iam",
        "put_role_policy",
        {"id": "{role}:{name}"},
        named="name",
        rename={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
    ),
    "aws:lambda/function:Function": Kind(
        "lambda",
        "create_function",
        _FUNCTION,
        named="name",
        rename={"name": "FunctionName", **inside("Code", _S3_CODE)},
        ignore=frozenset({"sourceCodeHash", "skipDestroy"}),
        reshape=_code_inputs,
        then={
            "reservedConcurrentExecutions": FollowUp(
                "put_function_concurrency",
                lambda most, made: {"FunctionName": made.inputs["name"], "ReservedConcurrentExecutions": int(most)},
            )
        },
    ),
    "aws:lambda/layerVersion:LayerVersion": Kind(
        "lambda",
        "publish_layer_version",
        _LAYER,
        rename={"code": "Content", **inside("Content", _S3_CODE)},
        ignore=frozenset({"sourceCodeHash", "skipDestroy"}),
        reshape=_code_inputs,
    ),
    "aws:lambda/permission:Permission": Kind(
        "lambda",
        "add_permission",
        {"id": "{statementId}"},
        named="statementId",
        rename={"function": "FunctionName"},
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind(
        "lambda",
        "create_event_source_mapping",
        {"id": "{response[UUID]}", "uuid": "{response[UUID]}", "functionArn": "{response[FunctionArn]}"},
        rename={"destinationConfig.onFailure.destinationArn": "Destination"},
    ),
    "aws:sfn/stateMachine:StateMachine": Kind(
        "stepfunctions",
        "create_state_machine",
        {"id": "{response[stateMachineArn]}", "arn": "{response[stateMachineArn]}"},
        named="name",
        reshape=_state_machine_inputs,
    ),
    "aws:apigatewayv2/api:Api": Kind("apigatewayv2", "create_api", _API, _endpoint, named="name"),
    "aws:apigatewayv2/integration:Integration": Kind(
        "apigatewayv2", "create_integration", {"id": "{response[IntegrationId]}"}
    ),
    "aws:apigatewayv2/route:Route": Kind("apigatewayv2", "create_route", {"id": "{response[RouteId]}"}),
    "aws:apigatewayv2/stage:Stage": Kind(
        "apigatewayv2",
        "create_stage",
        {"id": "{name}"},
        rename={"name": "StageName"},
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Kind(
        "lambda", "put_function_event_invoke_config", {"id": "{functionName}"}
    ),
}
