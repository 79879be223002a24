"""Create on the emulator what the real Pulumi program registers.

Pulumi's mocks stand in for its engine: each registration becomes an AWS call (``resources``), and what AWS answers
becomes the resource's outputs. There is no state, update or destroy: a laptop run deploys to an empty emulator.
"""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from infra.local.engine.emulator import Endpoint
from infra.local.engine.environments import PROJECT_ROOT
from infra.local.engine.invokes import answer
from infra.local.engine.mapping import to_parameters
from infra.local.engine.monitor import RecordingMonitor, Registration, plain
from infra.local.engine.program import autoname, program_at, run_program, stack_config
from infra.local.engine.resources import KINDS, Created

DEPLOY_TIMEOUT_SECONDS = 120.0
_PROVIDER = "pulumi:providers:"


class DeployError(RuntimeError):
    """A resource of the program could not be created on the emulator."""

    def __init__(self, type_: str, name: str, cause: Exception) -> None:
        super().__init__(f"{type_} {name!r} could not be deployed: {cause}")


class UnknownResourceTypeError(LookupError):
    """The program registers a resource type that the laptop run does not know."""

    def __init__(self, type_: str) -> None:
        super().__init__(f"no resource type {type_} here: add what it becomes to infra/local/engine/resources")


class ReadResourceError(ValueError):
    """The program reads or imports a resource that exists already; an empty emulator has none."""

    def __init__(self, type_: str, resource_id: str) -> None:
        super().__init__(f"{type_} {resource_id!r} is read, not made: nothing exists before a laptop run")


class Deployment(NamedTuple):
    """What a run of the program made: its outputs, every registration in order, and how many resources exist.

    ``settings`` is the project's configuration that it ran with, by key without the project's name.
    """

    outputs: Mapping[str, Any]
    settings: Mapping[str, str]
    registrations: tuple[Registration, ...]
    resources: int


def deploy(
    endpoint: Endpoint,
    *,
    stack: str = "local",
    root: Path = PROJECT_ROOT,
    overrides: Mapping[str, str] | None = None,
    timeout: float = DEPLOY_TIMEOUT_SECONDS,
) -> Deployment:
    """Run ``root``/__main__.py as ``stack``, with ``overrides`` of its qualified configuration keys.

    Raises DeployError for a resource that cannot be created, TimeoutError, and whatever the program itself raises.
    """
    project, config = stack_config(stack, root)
    config |= overrides or {}
    deployer = Deployer(endpoint, autoname(project, stack, config))
    monitor = RecordingMonitor(deployer)
    try:
        run_program(monitor, program_at(root), project=project, stack=stack, config=config, timeout=timeout)
    finally:
        if deployer.failure is not None:  # rather than Pulumi's account of it, or of what followed from it
            raise deployer.failure
    registrations = tuple(monitor.registrations)
    made = sum(1 for each in registrations if each.custom and not each.type.startswith(_PROVIDER))
    own = {key.removeprefix(f"{project}:"): value for key, value in config.items() if key.startswith(f"{project}:")}
    return Deployment(monitor.stack_outputs, own, registrations, made)


class Deployer(Mocks):
    """Creates each registered resource with boto3. Registrations arrive on several threads at once."""

    def __init__(self, endpoint: Endpoint, name_of: Callable[[str, str], str]) -> None:
        self.endpoint, self.name_of = endpoint, name_of
        self.failure: DeployError | None = None
        self._guard = threading.Lock()
        self._default_tags: dict[str, dict[str, str]] = {}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """Answer a provider function."""
        return answer(args.token, plain(cast("object", args.args)), self.endpoint), []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Create one resource; components and providers need nothing made."""
        inputs: dict[str, Any] = plain(cast("object", args.inputs))
        if args.typ.startswith(_PROVIDER):
            self._note_default_tags(args.name, inputs)
            return f"{args.name}-id", inputs
        if not args.custom and not args.resource_id:
            return None, inputs
        try:
            return self._create(args, inputs)
        except (BotoCoreError, ClientError, LookupError, TypeError, ValueError, OSError) as error:
            with self._guard:
                self.failure = self.failure or DeployError(args.typ, args.name, error)
            raise self.failure from error

    def _create(self, args: MockResourceArgs, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if args.resource_id:
            raise ReadResourceError(args.typ, args.resource_id)
        if args.typ not in KINDS:
            raise UnknownResourceTypeError(args.typ)
        kind = KINDS[args.typ]
        inputs = {key: value for key, value in given.items() if value is not None and key not in kind.ignore}
        if kind.named:
            inputs.setdefault(kind.named, self.name_of(args.typ, args.name))
        client = self.endpoint.client(kind.service)
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[kind.operation]).input_shape
        sent = {key: value for key, value in inputs.items() if key not in kind.then}
        if "tags" in {member.lower() for member in shape.members} - kind.ignore:
            sent["tags"] = {**self._default_tags.get(_provider_name(args.provider), {}), **inputs.get("tags", {})}
        parameters = to_parameters(f"{kind.service}.{kind.operation}", shape, kind.reshape(sent), kind.rename)
        created = Created(inputs, getattr(client, kind.operation)(**parameters))
        for key, follow_up in kind.then.items():
            if inputs.get(key):
                getattr(client, follow_up.operation)(**follow_up.parameters(inputs[key], created))
        outputs = kind.outputs_of(created)
        return outputs["id"], {**given, **inputs, **outputs}

    def _note_default_tags(self, provider: str, inputs: Mapping[str, Any]) -> None:
        default: Any = inputs.get("defaultTags") or "{}"  # a provider's objects arrive as JSON
        with self._guard:
            self._default_tags[provider] = json.loads(default).get("tags", {})


def _provider_name(reference: str | None) -> str:
    """Return the logical name in a provider's reference, ``urn:pulumi:stack::project::type::name::id``."""
    return reference.split("::")[3] if reference else ""
