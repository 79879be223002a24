"""Names of what the stack owns.

Pulumi names most resources itself, by the pattern in Pulumi.yaml. Named by us is what that pattern cannot serve: IoT
rules and Glue catalogues, which allow no hyphen, log groups, which are looked up by name, and queues, which name each
other.
"""

import re

import pulumi


def namespace() -> str:
    """`{project}-{stack}`, the beginning of every name."""
    return f"{pulumi.get_project()}-{pulumi.get_stack()}"


def is_namespace(text: str) -> bool:
    """Tell whether names that begin with `text` are legal everywhere.

    Buckets are in lower case. What has 64 characters at most carries the stack's name without the project's
    (Pulumi.yaml), or is a schedule, of which the longest leaves 37.
    """
    return re.fullmatch(r"[a-z][a-z0-9-]{0,36}", text) is not None


def identifier(name: str) -> str:
    """`{project}_{stack}_{name}` in lower case, where only letters, digits and underscores are allowed."""
    return re.sub(r"[^0-9a-z_]", "_", f"{namespace()}_{name}".lower())


def topic_prefix_of(stack: str) -> str:
    """The topic prefix of a stack that configures none: the broker belongs to the account, so it names the stack."""
    return f"industrial/{stack}/machine"


def own_topic_prefix() -> str:
    """`topic_prefix_of` the stack that is being evaluated."""
    return topic_prefix_of(pulumi.get_stack())


def log_group_name(function: str) -> str:
    """The log group of the function that is called `function` in the program."""
    return f"/aws/lambda/{namespace()}-{function}"


def access_log_group_name(api: str) -> str:
    """Log group of an API's access log."""
    return f"/aws/apigateway/{namespace()}-{api}"


def execution_log_group_name(state_machine: str) -> str:
    """Log group of a state machine's executions, under the prefix that AWS keeps for logs that a service delivers."""
    return f"/aws/vendedlogs/states/{namespace()}-{state_machine}"
