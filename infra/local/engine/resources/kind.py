"""The form of a row of the resource tables: one AWS call that creates, and what it gives back.

The API's casing and types come from botocore (``infra.local.engine.mapping``): a row says only what the model cannot
know.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Values: TypeAlias = Mapping[str, Any]
ACCOUNT_ID = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True)
class Created:
    """A resource after its creating call: its inputs with the generated name filled in, and the response."""

    inputs: Values
    response: Values


@dataclass(frozen=True)
class FollowUp:
    """A call of its own that sets one input after creation."""

    operation: str
    parameters: Callable[[Any, Created], dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """How one resource type is created.

    ``named``: the input that takes a generated name where the program gives none. ``rename``: dotted input path to
    the parameter's member, or ``Parent.Member``. ``ignore``: inputs without a meaning here. ``reshape``: rewrites the
    inputs before they are mapped. ``then``: inputs that have a call of their own. ``outputs``: ``id`` and every output
    that a program may read, as format strings of the inputs and of ``response``; ``more``: outputs that a format string
    cannot express. The inputs are outputs too.
    """

    service: str
    operation: str
    outputs: Mapping[str, str]
    more: Callable[[Created], dict[str, Any]] = lambda _: {}
    named: str = ""
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    ignore: frozenset[str] = frozenset()
    reshape: Callable[[Values], dict[str, Any]] = dict
    then: Mapping[str, FollowUp] = field(default_factory=dict[str, FollowUp])

    def outputs_of(self, created: Created) -> dict[str, Any]:
        """Return the outputs of a resource that was made."""
        fields = {"response": created.response, **created.inputs}
        return {key: text.format_map(fields) for key, text in self.outputs.items()} | self.more(created)


def arn(service: str, resource: str, *, region: str = REGION) -> str:
    """Return the ARN of a resource of the emulator's account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT_ID}:{resource}"


def named_outputs(service: str, prefix: str, *, region: str = REGION) -> dict[str, str]:
    """Return the outputs of a kind whose id is its name and whose ARN is ``prefix`` and that name."""
    return {"id": "{name}", "arn": arn(service, f"{prefix}{{name}}", region=region)}


def inside(parent: str, keys: Iterable[str]) -> dict[str, str]:
    """Return renames that put each input, capitalised, into the parameter ``parent``."""
    return {key: f"{parent}.{key[0].upper()}{key[1:]}" for key in keys}
