"""Answers to the provider functions that the program calls, as this emulator's account would give them."""

import json
from collections.abc import Mapping
from typing import Any, cast

from infra.local.engine.emulator import Endpoint

_STATEMENT_LISTS = {
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}


class UnknownInvokeError(LookupError):
    """The program calls a provider function that the laptop run does not know."""

    def __init__(self, token: str) -> None:
        super().__init__(f"no provider function {token} here: answer it in infra/local/engine/invokes.py")


def answer(token: str, arguments: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    """Return the result of a provider function. Raises UnknownInvokeError."""
    match token:
        case "aws:index/getCallerIdentity:getCallerIdentity":
            account = endpoint.account_id
            return {"accountId": account, "arn": f"arn:aws:iam::{account}:root", "userId": account, "id": account}
        case "aws:index/getRegion:getRegion":
            return {"region": endpoint.region, "id": endpoint.region, "description": "", "endpoint": ""}
        case "aws:index/getPartition:getPartition":
            return {"partition": "aws", "dnsSuffix": "amazonaws.com", "id": "aws", "reverseDnsPrefix": "com.amazonaws"}
        case "aws:iot/getEndpoint:getEndpoint":
            return {"endpointAddress": f"localhost:{endpoint.mqtt_port}", "id": "endpoint", **arguments}
        case "aws:iam/getPolicyDocument:getPolicyDocument":
            document = policy_document(arguments)
            return {"json": document, "minifiedJson": document, "id": "policy"}
        case "aws:secretsmanager/getSecretVersion:getSecretVersion":
            secret = endpoint.client("secretsmanager").get_secret_value(SecretId=arguments["secretId"])
            return {"secretString": secret["SecretString"], "arn": secret["ARN"], "id": secret["ARN"], **arguments}
        case _:
            raise UnknownInvokeError(token)


def policy_document(arguments: Mapping[str, Any]) -> str:
    """Return the JSON of a policy given as the arguments of ``aws.iam.get_policy_document``."""
    statements = [_statement(statement) for statement in _objects(arguments, "statements")]
    document = {"Version": arguments.get("version") or "2012-10-17", "Statement": statements}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": given.get("effect") or "Allow"}
    statement |= {name: given[key] for key, name in _STATEMENT_LISTS.items() if given.get(key)}
    if given.get("sid"):
        statement["Sid"] = given["sid"]
    for principal in _objects(given, "principals"):
        statement.setdefault("Principal", {})[principal["type"]] = principal["identifiers"]
    for condition in _objects(given, "conditions"):
        tests = statement.setdefault("Condition", {}).setdefault(condition["test"], {})
        tests[condition["variable"]] = condition["values"]
    return statement


def _objects(given: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", given.get(key) or [])
