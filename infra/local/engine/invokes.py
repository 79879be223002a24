"""Answers to the provider functions that the program calls, as this emulator's account would give them."""

from collections.abc import Mapping
from typing import Any

from infra.local.engine.emulator import Endpoint


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
        case "aws:iot/getEndpoint:getEndpoint":
            return {"endpointAddress": f"localhost:{endpoint.mqtt_port}", "id": "endpoint", **arguments}
        case "aws:secretsmanager/getSecretVersion:getSecretVersion":
            secret = endpoint.client("secretsmanager").get_secret_value(SecretId=arguments["secretId"])
            return {"secretString": secret["SecretString"], "arn": secret["ARN"], "id": secret["ARN"], **arguments}
        case _:
            raise UnknownInvokeError(token)
