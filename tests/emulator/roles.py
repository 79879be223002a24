"""What a role of the deployed stack may do, as IAM holds it, and a role that may do less for a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.emulator import model_events
from tests.emulator.conftest import Laptop

# What AWS does with a function's role: write its log, poll its queue or stream, keep the events that it failed on.
ON_BEHALF = {"WriteOwnLog", "ReceiveMessages", "KeepFailedEvents", "ReadChanges", "ListChanges"}
PIPELINE = ("simulator", "ingestion", "label", "processing")
FUNCTIONS = (*PIPELINE, *model_events.FUNCTIONS)


def role_of(laptop: Laptop, function: str) -> str:
    name = laptop.stack.outputs.function_name(function)
    return laptop.endpoint.client("lambda").get_function_configuration(FunctionName=name)["Role"].split("/")[-1]


def inline_policy(laptop: Laptop, role: str) -> tuple[str, dict[str, Any]]:
    """The policy of what a function does; what lets it go on (`-itself-policy`) is apart."""
    iam = laptop.endpoint.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    [name] = [name for name in names if "-itself-policy" not in name]
    return name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


@contextmanager
def policy(laptop: Laptop, role: str, statements: list[dict[str, Any]]) -> Iterator[None]:
    """The role with other statements, for as long as the block lasts."""
    iam, (name, document) = laptop.endpoint.client("iam"), inline_policy(laptop, role)
    put = {"RoleName": role, "PolicyName": name}
    iam.put_role_policy(**put, PolicyDocument=json.dumps({**document, "Statement": statements}))
    try:
        yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(document))


def may(laptop: Laptop, role_arn: str, action: str, resource: str) -> bool:
    answer = laptop.endpoint.client("iam").simulate_principal_policy(
        PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
    )
    return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"


def trusted(laptop: Laptop, role_arn: str) -> dict[str, Any]:
    document = laptop.endpoint.client("iam").get_role(RoleName=role_arn.split("/")[-1])["Role"][
        "AssumeRolePolicyDocument"
    ]
    [statement] = document["Statement"]
    return statement


def grants(laptop: Laptop, role_arn: str) -> set[tuple[str, str]]:
    statements = inline_policy(laptop, role_arn.split("/")[-1])[1]["Statement"]
    return {(action, where) for each in statements for action in each["Action"] for where in each["Resource"]}
