"""What a stack may be configured with: the only reader of `pulumi.Config`.

`Pulumi.yaml` holds each key's type, default and description, `infra.setting_groups` what one value can be, and
`StackSettings` what values can be together. What cannot work is refused here, before a single resource is registered,
with the key and the remedy.
"""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self, TypedDict, TypeVar, cast

import pulumi
import yaml
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from infra.fleet_fit import unfit
from infra.naming import is_namespace, namespace, own_topic_prefix
from infra.provider_settings import REFUSED, ProviderSettings
from infra.setting_groups import (
    FunctionSettings,
    GeneralSettings,
    IngestionSettings,
    LakeSettings,
    ProcessingSettings,
    ServingSettings,
    TrainingSettings,
)
from infra.setting_warnings import warnings
from mlops_core.features import RUNNING, channel_statistics
from mlops_core.telemetry import CHANNELS

PROJECT_FILE = Path(__file__).resolve().parent.parent / "Pulumi.yaml"

# A role's inline policies hold 10,240 characters, and the simulator's names three topics for each machine. Counted in
# the partition and a region of the longest names.
_TOPIC_LIST_CHARACTERS = 9000
_TOPICS_OF_A_MACHINE = (*CHANNELS, "event/failure")  # the simulator plays the channels out of the box
_TOPIC_ARN_CHARACTERS = len('"arn:aws-us-gov:iot:ap-northeast-1:000000000000:topic/",')
# All environment variables of a function hold 4 KB together.
_MACHINE_LIST_CHARACTERS = 3000


# An item of DynamoDB holds 400 KB, of which a number takes up to 21 bytes; the rest is for what is not a feature.
_ITEM_BYTES = 380_000
_NUMBER_BYTES = 22


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


def _conflict(key: str, problem: str) -> PydanticCustomError:
    return PydanticCustomError("conflict", "{problem}", {"key": key, "problem": problem})


class StackSettings(
    LakeSettings,
    IngestionSettings,
    ProcessingSettings,
    TrainingSettings,
    ServingSettings,
    FunctionSettings,
    GeneralSettings,
):
    """One stack's configuration, checked: what values can be together."""

    @model_validator(mode="after")
    def _hop_divides(self) -> Self:
        # The lake is partitioned by the hour, so what divides the hour divides the window and every length.
        if 60 % self.feature_hop_minutes:
            lengths = ", ".join(f"{hours} h" for hours in (self.time_window_hours, *self.feature_lengths_hours))
            raise _conflict(
                "featureHopMinutes",
                f"a hop of {self.feature_hop_minutes} minutes does not divide every hour of the lake"
                f" (timeWindowHours and featureLengthsHours: {lengths}); choose 60, 30, 20, 15, 10 or 5",
            )
        return self

    @model_validator(mode="after")
    def _targets_have_names_of_their_own(self) -> Self:
        names = [target.name for target in self.work_order_targets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise _conflict("workOrderTargets", f"{', '.join(twice)} is listed twice; give each target its own name")
        return self

    @model_validator(mode="after")
    def _large_batch_has_window(self) -> Self:
        if self.ingestion_batch_size > 10 and self.ingestion_batch_window_seconds < 1:
            raise _conflict(
                "ingestionBatchWindowSeconds",
                f"a batch of {self.ingestion_batch_size} messages needs a window of at least 1 second; raise it, or"
                " lower ingestionBatchSize to 10",
            )
        return self

    @model_validator(mode="after")
    def _fleet_can_fit(self) -> Self:
        if problem := unfit(self):
            raise _conflict("fleetSize", problem)
        return self

    @model_validator(mode="after")
    def _budget_is_told_to_somebody(self) -> Self:
        if self.monthly_budget and not self.notice_emails:
            raise _conflict("monthlyBudget", "nobody would be told that it is exceeded; name somebody in noticeEmails")
        return self

    @model_validator(mode="after")
    def _reservation_holds_the_readers(self) -> Self:
        for function in ("ingestion", "labels"):
            reserved = self.reserved_concurrency.get(function)
            if reserved is not None and reserved < self.ingestion_maximum_concurrency:
                raise _conflict(
                    "reservedConcurrency",
                    f"{reserved} for {function} is below ingestionMaximumConcurrency,"
                    f" {self.ingestion_maximum_concurrency}: runs beyond it are refused and messages give up; raise it",
                )
        return self

    @model_validator(mode="after")
    def _readings_outlive_their_use(self) -> Self:
        used = self.allowed_lateness_hours + max(self.feature_lengths_hours)
        least = -(-used // 24) + 1  # S3 deletes by the day
        if 0 < self.raw_retention_days < least:
            raise _conflict(
                "rawRetentionDays",
                f"readings would be deleted before processing is done with them: it looks back {used} hours"
                f" (allowedLatenessHours and the longest of featureLengthsHours); choose {least} or more",
            )
        return self

    @model_validator(mode="after")
    def _history_reaches_beyond_lateness(self) -> Self:
        if self.historical_reach_days * 24 < self.allowed_lateness_hours:
            raise _conflict(
                "historicalReachDays",
                f"is shorter than allowedLatenessHours, {self.allowed_lateness_hours}: what is marked as historical"
                " would be refused where an ordinary reading is taken; raise it",
            )
        return self

    @model_validator(mode="after")
    def _catch_up_holds_a_step(self) -> Self:
        if self.maximum_catch_up_minutes * 60 < self.sampling_interval_seconds:
            raise _conflict(
                "maximumCatchUpMinutes", "is shorter than samplingIntervalSeconds, so time would never advance"
            )
        return self

    @model_validator(mode="after")
    def _rules_name_channels(self) -> Self:
        rules = {name: each.running for name, each in self.machine_classes.items() if each.running is not None}
        for name, rule in rules.items():
            if rule.channel not in self.channels:
                raise _conflict("machineClasses", f"{name} runs by the channel {rule.channel}, which is not configured")
        if rules and RUNNING in self.channels:
            raise _conflict("channels", f"a channel {RUNNING} is made by the rules of machineClasses; rename yours")
        return self

    @model_validator(mode="after")
    def _simulator_has_machines(self) -> Self:
        if self.simulator_enabled and not self.machine_ids:
            raise _conflict("machineIds", "names no machine to simulate; name one, or set simulatorEnabled to false")
        return self

    @model_validator(mode="after")
    def _simulator_is_understood(self) -> Self:
        for name, simulated in CHANNELS.items() if self.simulator_enabled else ():
            if name not in self.channels or self.channels[name].payload_field != simulated.payload_field:
                raise _conflict(
                    "channels",
                    f"holds no channel {name} with the payloadField {simulated.payload_field}, which the simulator"
                    " publishes; add it, or set simulatorEnabled to false",
                )
        return self

    @model_validator(mode="after")
    def _features_fit_an_item(self) -> Self:
        of_a_length = sum(
            len(f"{channel}_{statistic}_1000h") + _NUMBER_BYTES
            for channel, statistics in channel_statistics(self.channels).items()
            for statistic in statistics
        )
        if of_a_length * len(self.feature_lengths_hours) > _ITEM_BYTES:
            raise _conflict(
                "channels",
                f"{len(self.channels)} channels with these statistics, in {len(self.feature_lengths_hours)} window"
                " lengths, do not fit an item of DynamoDB (400 KB); name fewer statistics, or fewer lengths",
            )
        return self

    @model_validator(mode="after")
    def _machines_fit(self) -> Self:
        topics = sum(
            _TOPIC_ARN_CHARACTERS + len(f"{self.mqtt_topic_prefix}/{machine}/{topic}")
            for machine in self.machine_ids
            for topic in _TOPICS_OF_A_MACHINE
        )
        if topics > _TOPIC_LIST_CHARACTERS or len(json.dumps(self.machine_ids)) > _MACHINE_LIST_CHARACTERS:
            raise _conflict(
                "machineIds",
                f"{len(self.machine_ids)} machines do not fit the policy that names each topic of the simulator;"
                " simulate fewer here, and seed larger fleets in bulk",
            )
        return self

    @model_validator(mode="after")
    def _limits_are_of_channels(self) -> Self:
        for name, each in self.machine_classes.items():
            if unknown := each.limits.keys() - self.channels.keys():
                raise _conflict(
                    "machineClasses",
                    f"class {name} has limits for {', '.join(sorted(unknown))};"
                    f" the channels are {', '.join(self.channels)}",
                )
        size = sum(len(each.model_dump_json(exclude_defaults=True)) for each in self.machine_classes.values())
        if size > _MACHINE_LIST_CHARACTERS:
            raise _conflict("machineClasses", "does not fit the environment of a function; use patterns of machine ids")
        return self


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
        named = {key for key, _, _ in problems}  # of a value that could not be read, no more is to be said
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
