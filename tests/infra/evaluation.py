"""The program, or a piece of one, evaluated without the engine: what it registers is recorded, nothing is created.

As in a real preview, what only AWS can know (ARNs, made-up names) is unknown when `preview` is set.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi.output import Unknown
from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2

from infra.local.engine.monitor import RecordingMonitor, Registration as Recorded
from infra.local.engine.program import program_at, run_program, stack_config
from infra.settings import key_schemas, read_provider_settings, read_settings
from infra.stack_settings import StackSettings

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "mlops-industrial"
ACCOUNT, REGION = "123456789012", "eu-west-1"

# Where in the program a resource is made, for the engine's messages: a tenth of an evaluation, and nothing reads it.
resource._get_stack_trace = source_pb2.StackTrace


@dataclass(frozen=True)
class Registration:
    """One resource as the program registered it; `inputs` are plain, assets as hashes of their content."""

    type: str
    name: str
    parent: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    provider: str
    aliases: list[dict[str, Any]] = field(default_factory=list)
    """As registered: `urn`, or those of `type`, `name`, `parentUrn` and `noParent` that differ."""

    @property
    def arn(self) -> str:
        return arn_of(self.type, physical_name(self.type, self.name, self.inputs))


@dataclass
class Evaluation:
    """All that one evaluation registered."""

    registrations: list[Registration] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Registration]:
        """Registrations whose type ends in `kind`, such as "sqs/queue:Queue", by name."""
        return {each.name: each for each in self.registrations if each.type.endswith(kind)}

    @property
    def aws(self) -> list[Registration]:
        return [each for each in self.registrations if each.type.startswith("aws:")]

    def canonical(self) -> str:
        """Everything, in one order: equal for two evaluations if and only if they registered the same."""
        dump = sorted(
            (
                [each.type, each.name, each.parent, each.inputs, each.options, each.provider]
                for each in self.registrations
            ),
            key=lambda row: (row[0], row[1]),
        )
        return json.dumps({"resources": dump, "outputs": self.outputs}, sort_keys=True, indent=1)


class Mocks(pulumi.runtime.Mocks):
    def __init__(self, *, preview: bool, partition: str = "aws") -> None:
        self._preview, self._partition = preview, partition

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        made, known = self._new_resource(args)
        return made, {**{key: self._there(value) for key, value in known.items()}, **args.inputs}

    def _there(self, value: Any) -> Any:
        return value.replace("arn:aws:", f"arn:{self._partition}:") if isinstance(value, str) else value

    def _new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if self._preview or not args.typ.startswith("aws:"):
            return ("" if self._preview else args.name), dict(args.inputs)
        name = physical_name(args.typ, args.name, args.inputs)
        arn = arn_of(args.typ, name)
        url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        known = {"name": name, "bucket": name, "arn": arn, "keyId": f"id-of-{name}", "url": url}
        if "streamEnabled" in args.inputs:
            known["streamArn"] = f"{arn}/stream/2026-11-20T06:00:00.000"
        if args.typ == "aws:apigatewayv2/api:Api":
            known |= {
                "apiEndpoint": f"https://{name}.execute-api.{REGION}.amazonaws.com",
                "executionArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{name}",
            }
        return f"id-of-{name}", known | dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        answers = {
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "accountId": ACCOUNT,
                "arn": f"arn:{self._partition}:iam::{ACCOUNT}:root",
            },
            "aws:index/getRegion:getRegion": {"region": REGION},
            "aws:iot/getEndpoint:getEndpoint": {"endpointAddress": f"a1b2c3-ats.iot.{REGION}.amazonaws.com"},
        }
        if args.token == "aws:secretsmanager/getSecretVersion:getSecretVersion":
            return {"secretString": f"secret of {args.args['secretId']}"}
        return answers[args.token]


def physical_name(kind: str, name: str, inputs: Mapping[str, Any]) -> str:
    """The name in AWS: the program's, or as Pulumi would make it."""
    key = "bucket" if kind.endswith("bucket:Bucket") else "name"
    return inputs.get(key) or f"{name}-0a1b2c"


def arn_of(kind: str, name: str) -> str:
    service = re.sub(r"^aws:(\w+)/.*", r"\1", kind)
    return {
        "aws:s3/bucket:Bucket": f"arn:aws:s3:::{name}",
        "aws:iam/role:Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "aws:lambda/function:Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "aws:dynamodb/table:Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}",
        "aws:cloudwatch/logGroup:LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}",
        "aws:sfn/stateMachine:StateMachine": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}",
        "aws:cloudwatch/eventRule:EventRule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}",
        "aws:cloudwatch/eventBus:EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}",
        "aws:kms/key:Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}",
    }.get(kind, f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")


def plain(value: Any) -> Any:
    """What was recorded as JSON would hold it: assets and archives as hashes of what they hold, the unknown named."""
    if isinstance(value, pulumi.AssetArchive):
        return {name: plain(asset) for name, asset in sorted(value.assets.items())}
    if isinstance(value, pulumi.FileAsset | pulumi.FileArchive):
        return {"path": value.path, "sha256": hashlib.sha256(Path(value.path).read_bytes()).hexdigest()}
    if isinstance(value, pulumi.StringAsset):
        return {"text": value.text}
    if isinstance(value, Unknown):
        return "<unknown>"
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def evaluate(
    program: Callable[[], None],
    *,
    preview: bool = False,
    project: str = PROJECT,
    stack: str = "dev",
    config: Mapping[str, str] | None = None,
    into: Evaluation | None = None,
    partition: str = "aws",
) -> Evaluation:
    """Run `program` as the engine would; what it raises is raised here, and `into` holds what it did until then."""
    monitor = RecordingMonitor(Mocks(preview=preview, partition=partition))
    evaluation = into if into is not None else Evaluation()
    try:
        run_program(monitor, program, project=project, stack=stack, config=config or {}, preview=preview)
    finally:
        evaluation.registrations.extend(map(_registration, monitor.registrations))
        evaluation.outputs.update(plain(monitor.stack_outputs))
    return evaluation


def _registration(recorded: Recorded) -> Registration:
    return Registration(
        type=recorded.type,
        name=recorded.name,
        parent=recorded.parent,
        inputs=plain(recorded.inputs),
        options={
            "protect": recorded.protect,
            "retain": recorded.retain_on_delete,
            "ignore": list(recorded.ignore_changes),
            "dependencies": sorted(recorded.dependencies),
        },
        provider=recorded.provider,
    )


def evaluate_stack(
    stack: str = "dev",
    *,
    preview: bool = False,
    config: Mapping[str, Any] | None = None,
) -> Evaluation:
    """The evaluation of `__main__.py` as one of the stacks, made once a process for what comes to one configuration.

    `config` (ours, unqualified unless it has a colon) stands over the stack's own.
    """
    return _evaluated(stack, preview, json.dumps(configured(stack, config or {}), sort_keys=True))


@cache
def _evaluated(stack: str, preview: bool, config: str) -> Evaluation:
    return evaluate_stack_afresh(stack, preview=preview, config=json.loads(config))


CHANGED: dict[str, Any] = {
    "alarmEmails": ["a@example.com", "b@example.com"],
    "alarmsEnabled": True,
    "basicIngest": True,
    "dataLakeBucketName": "acme-lake",
    "eventFeatures": ["error"],
    "featureHopMinutes": 30,
    "featureLengthsHours": [2],
    "inferenceMemoryMb": 1004,
    "inferenceTimeoutSeconds": 24,
    "ingestionBatchSize": 77,
    "ingestionBatchWindowSeconds": 5,
    "ingestionMaximumConcurrency": 3,
    "lakeShards": 12,
    "lambdaMemoryMb": 1001,
    "lambdaTimeoutSeconds": 101,
    "logLevel": "ERROR",
    "logRetentionDays": 7,
    "owner": "ignored",
    "processingMemoryMb": 1002,
    "processingTimeoutSeconds": 102,
    "reservedConcurrency": {"processing": 4},
    "tags": {"CostCentre": "4711", "Owner": "line 3"},
    "timeZone": "Europe/Berlin",
    "trainingMemoryMb": 1003,
    "trainingTimeoutSeconds": 103,
}
"""Keys that have nothing to do with each other, each the matter of a test: one evaluation shows what all of them do."""

CHANGED_OTHERWISE: dict[str, Any] = {
    "ingestionBatchSize": 10,
    "ingestionBatchWindowSeconds": 0,
    "lambdaTimeoutSeconds": 1,
    "logLevel": "DEBUG",
    "machineIds": ["M1"],
    "mqttTopicPrefix": "plant/line-3",
    "noticeEmails": ["a@example.com"],
    "tags": {"owner": "line 3", "PROJECT": "x"},
}
"""As CHANGED, with other values."""


def evaluate_stack_afresh(
    stack: str = "dev",
    *,
    preview: bool = False,
    config: Mapping[str, Any] | None = None,
    into: Evaluation | None = None,
    partition: str = "aws",
) -> Evaluation:
    """Evaluate a stack once more, in another partition, or so that `into` holds what it did until it failed."""
    return evaluate(
        program_at(ROOT),
        preview=preview,
        stack=stack,
        config=configured(stack, config or {}),
        into=into,
        partition=partition,
    )


def settings_of(**changes: Any) -> StackSettings:
    """The settings of a stack by the defaults of the project file, with some changed."""
    defaults = {key: schema["default"] for key, schema in key_schemas().items() if "default" in schema}
    return StackSettings.model_validate(defaults | {"mqttTopicPrefix": "industrial/dev/machine"} | changes)


def evaluate_settings(config: Mapping[str, Any]) -> None:
    """Read the settings of a stack as `__main__.py` does, and go no further: the rest is other tests' matter."""

    def program() -> None:
        read_settings()
        read_provider_settings()

    evaluate(program, config=configured("dev", config))


def configured(stack: str, config: Mapping[str, Any]) -> dict[str, str]:
    """The configuration of a stack as Pulumi stores it, under `config` (ours, unqualified unless it has a colon)."""
    over = {
        key if ":" in key else f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }
    return _of_files(stack) | over


@cache
def _of_files(stack: str) -> dict[str, str]:
    return stack_config(stack, ROOT)[1]


def statements(policy: str) -> dict[str, dict[str, Any]]:
    """The statements of a policy document by Sid."""
    found = json.loads(policy)["Statement"]
    by_sid = {statement["Sid"]: statement for statement in found}
    assert len(by_sid) == len(found), "two statements with one Sid"
    return by_sid
