"""The only reader of `pulumi.Config`.

`Pulumi.yaml` holds each key's type, default and description, `infra.stack_settings` what the values can be. What cannot
work is refused here, before a single resource is registered, with the key and the remedy.
"""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

import pulumi
import yaml
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.naming import is_namespace, namespace, own_topic_prefix
from infra.provider_settings import REFUSED, ProviderSettings
from infra.setting_warnings import warnings
from infra.stack_settings import StackSettings

PROJECT_FILE = Path(__file__).resolve().parent.parent / "Pulumi.yaml"


class KeySchema(TypedDict, total=False):
    """What Pulumi.yaml says of one key."""

    type: str
    default: Any
    description: str


class SettingsError(pulumi.RunError):
    """The configuration cannot work. `problems` holds (key, what is wrong, what to do) for each fault."""

    def __init__(self, problems: list[tuple[str, str, str]]) -> None:
        lines = (f"  {key}: {wrong}. {remedy}" for key, wrong, remedy in problems)
        super().__init__("\n".join(["The stack's configuration cannot work:", *lines]))
        self.problems = problems


Model = TypeVar("Model", bound=BaseModel)


def read_settings() -> StackSettings:
    """The settings of the stack that is being evaluated, warnings logged.

    Raises SettingsError, which names every fault at once.
    """
    if not is_namespace(namespace()):
        wrong = f"{namespace()} cannot begin the names of resources: lower case, digits and hyphens, at most 37 of them"
        raise SettingsError([("stack", wrong, "Choose another name: pulumi stack init NAME")])
    settings = _read(StackSettings, pulumi.get_project(), key_schemas(), {"mqttTopicPrefix": own_topic_prefix()})
    for warning in warnings(settings, pulumi.get_stack(), is_emulated=read_provider_settings().is_emulated):
        pulumi.log.warn(warning)
    return settings


def read_provider_settings() -> ProviderSettings:
    """The `aws:` keys of the stack that is being evaluated. Raises SettingsError."""
    kinds = ProviderSettings.model_json_schema()["properties"]
    schemas: dict[str, KeySchema] = {
        key: {"type": kind["type"] if "type" in kind else kind["anyOf"][0]["type"]} for key, kind in kinds.items()
    }
    return _read(ProviderSettings, "aws", schemas)


@cache
def key_schemas() -> dict[str, KeySchema]:
    """Type, default and description of each of our keys, from Pulumi.yaml."""
    project = cast("dict[str, dict[str, KeySchema]]", yaml.safe_load(PROJECT_FILE.read_text("utf-8")))
    return {key: schema for key, schema in project["config"].items() if ":" not in key}


def _read(
    model: type[Model], namespace: str, schemas: dict[str, KeySchema], where_empty: Mapping[str, str] | None = None
) -> Model:
    """The checked values of a namespace; `where_empty` holds defaults that only the program knows."""
    config = pulumi.Config(namespace)
    values: dict[str, Any] = {}
    problems = [_unknown(namespace, key, schemas) for key in sorted(_configured(namespace) - schemas.keys())]
    for key, schema in schemas.items():
        raw = config.get(key)
        if raw is None:
            values |= {key: schema["default"]} if "default" in schema else {}
            continue
        try:
            values[key] = raw if schema.get("type") == "string" else json.loads(raw)
        except ValueError:
            problems.append(
                (f"{namespace}:{key}", f"{raw!r} is not of type {schema.get('type')}", _remedy(namespace, key, schema))
            )
    values |= {key: value for key, value in (where_empty or {}).items() if values.get(key) == ""}
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        faults = [_problem(namespace, fault, schemas) for fault in error.errors(include_url=False)]
        named = {key for key, _, _ in problems}  # of a value that could not be read, there is no more to report
        problems += [fault for fault in faults if fault[0] not in named]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _configured(namespace: str) -> set[str]:
    """The keys that the stack sets, known or not: Pulumi has no public list of them."""
    keys = runtime_config.CONFIG.get().keys() | runtime_config.get_config_env().keys()
    return {key.partition(":")[2] for key in keys if key.startswith(f"{namespace}:")}


def _unknown(namespace: str, key: str, schemas: dict[str, KeySchema]) -> tuple[str, str, str]:
    if namespace == "aws" and key in REFUSED:
        return f"{namespace}:{key}", REFUSED[key], f"Remove it: pulumi config rm {namespace}:{key}"
    near = difflib.get_close_matches(key, schemas, n=1)
    advice = f"Did you mean {near[0]}? " if near else ""
    return f"{namespace}:{key}", "there is no such key", f"{advice}Remove it: pulumi config rm {namespace}:{key}"


def _problem(namespace: str, fault: ErrorDetails, schemas: dict[str, KeySchema]) -> tuple[str, str, str]:
    key = str(fault.get("ctx", {}).get("key") or fault["loc"][0])
    message = fault["msg"].removeprefix("Value error, ")
    wrong = (
        message if fault["type"] == "conflict" else f"{fault['input']!r} is refused: {message[0].lower()}{message[1:]}"
    )
    return f"{namespace}:{key}", wrong, _remedy(namespace, key, schemas.get(key, {}))


def _remedy(namespace: str, key: str, schema: KeySchema) -> str:
    meaning = f"{schema['description']}. " if "description" in schema else ""
    name = key if namespace == pulumi.get_project() else f"{namespace}:{key}"
    place = {"array": f"--path '{name}[0]'", "object": f"--path '{name}.KEY'"}.get(schema.get("type", ""), name)
    return f"{meaning}Change it: pulumi config set {place} VALUE"
