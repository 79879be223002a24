"""Roles, functions, layers and what calls them."""

from collections.abc import Mapping
from typing import Any

from infra.local.engine.archives import content_bytes
from infra.local.engine.resources.kind import REGION, Created, FollowUp, Kind, Values, arn, inside, named_outputs

_S3_CODE = ("s3Bucket", "s3Key", "s3ObjectVersion")


def _code_inputs(inputs: Values) -> dict[str, Any]:
    return {**inputs, "code": {"zipFile": content_bytes(inputs["code"])}} if "code" in inputs else dict(inputs)


def _function(created: Created) -> dict[str, Any]:
    arn, version = created.response["FunctionArn"], created.response["Version"]
    return {
        "id": created.inputs["name"],
        "arn": arn,
        "qualifiedArn": f"{arn}:{version}",
        "invokeArn": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
        "version": version,
    }


def _concurrency(value: float, created: Created) -> dict[str, Any]:
    return {"FunctionName": created.inputs["name"], "ReservedConcurrentExecutions": int(value)}


def _layer(created: Created) -> dict[str, Any]:
    arn = created.response["LayerVersionArn"]
    return {
        "id": arn,
        "arn": arn,
        "layerArn": created.response["LayerArn"],
        "version": str(created.response["Version"]),
    }


def _state_machine_inputs(inputs: Values) -> dict[str, Any]:
    """The provider takes one log destination as text, the API a list of them."""
    logging = dict(inputs.get("loggingConfiguration") or {})
    if destination := logging.pop("logDestination", None):
        logging["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}]
    return {**inputs, "loggingConfiguration": logging or None}


def _mapping(created: Created) -> dict[str, Any]:
    uuid = created.response["UUID"]
    return {"id": uuid, "uuid": uuid, "functionArn": created.response["FunctionArn"]}


def _api(created: Created) -> dict[str, Any]:
    api = created.response["ApiId"]
    port = created.response["ApiEndpoint"].rpartition(":")[2]
    return {
        "id": api,
        # The emulator's host names need a resolver that knows them; its path form needs none.
        "apiEndpoint": f"http://127.0.0.1:{port}/_aws/execute-api/{api}",
        "executionArn": arn("execute-api", api),
        "arn": f"arn:aws:apigateway:{REGION}::/apis/{api}",
    }


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
        lambda created: {"id": f"{created.inputs['role']}:{created.inputs['name']}"},
        named="name",
        rename={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
    ),
    "aws:lambda/function:Function": Kind(
        "lambda",
        "create_function",
        _function,
        named="name",
        rename={"name": "FunctionName", **inside("Code", _S3_CODE)},
        ignore=frozenset({"sourceCodeHash", "skipDestroy"}),
        reshape=_code_inputs,
        then={"reservedConcurrentExecutions": FollowUp("put_function_concurrency", _concurrency)},
    ),
    "aws:lambda/layerVersion:LayerVersion": Kind(
        "lambda",
        "publish_layer_version",
        _layer,
        rename={"code": "Content", **inside("Content", _S3_CODE)},
        ignore=frozenset({"sourceCodeHash", "skipDestroy"}),
        reshape=_code_inputs,
    ),
    "aws:lambda/permission:Permission": Kind(
        "lambda",
        "add_permission",
        lambda created: {"id": created.inputs["statementId"]},
        named="statementId",
        rename={"function": "FunctionName"},
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind(
        "lambda",
        "create_event_source_mapping",
        _mapping,
        rename={"destinationConfig.onFailure.destinationArn": "Destination"},
    ),
    "aws:sfn/stateMachine:StateMachine": Kind(
        "stepfunctions",
        "create_state_machine",
        lambda created: {"id": created.response["stateMachineArn"], "arn": created.response["stateMachineArn"]},
        named="name",
        reshape=_state_machine_inputs,
    ),
    "aws:apigatewayv2/api:Api": Kind("apigatewayv2", "create_api", _api, named="name"),
    "aws:apigatewayv2/integration:Integration": Kind(
        "apigatewayv2", "create_integration", lambda created: {"id": created.response["IntegrationId"]}
    ),
    "aws:apigatewayv2/route:Route": Kind(
        "apigatewayv2", "create_route", lambda created: {"id": created.response["RouteId"]}
    ),
    "aws:apigatewayv2/stage:Stage": Kind(
        "apigatewayv2",
        "create_stage",
        lambda created: {"id": created.inputs["name"]},
        rename={"name": "StageName"},
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Kind(
        "lambda", "put_function_event_invoke_config", lambda created: {"id": created.inputs["functionName"]}
    ),
}
