"""A running stack as the commands see it: its outputs and the AWS clients that reach it."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import boto3
from botocore.config import Config
from pydantic import ValidationError

from contract.outputs import StackOutputs
from handlers.stores import (
    Alarms,
    DataLake,
    DeviceRegistry,
    FleetSources,
    FleetStore,
    LabelHistory,
    Machines,
    OnlineFeatures,
    Quarantine,
    SimulatedMachines,
    load_channels,
)
from mlops_core.telemetry import Channels
from ops.errors import (
    LocalStackAbsentError,
    OutputAbsentError,
    OutputsUnreadableError,
    PulumiAbsentError,
    PulumiFailedError,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_iot import IoTClient
    from types_boto3_iot_data import IoTDataPlaneClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient
    from types_boto3_stepfunctions import SFNClient

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "local"
LOCAL_STACK_FILES = tuple(ROOT / "build" / folder / "stack.json" for folder in ("local-stack", "local"))
"""Of `mlops local up` and of `make local KEEP=1`; the one that came up last is meant."""
CONNECTIONS = 32  # the most threads that any verb uses at once
LONGEST_FUNCTION_SECONDS = 900  # Lambda's limit: an invocation is waited for, never given up and started twice


class QueueDepth(NamedTuple):
    """About how many messages wait in a queue, and how many are being handled."""

    waiting: int
    in_flight: int


@dataclass(frozen=True)
class Stack:
    """Outputs of a deployment and the session that reaches it; ``endpoint_url`` only on the local stack."""

    name: str
    outputs: StackOutputs[str]
    session: boto3.Session
    endpoint_url: str | None = None

    @property
    def topic_prefix(self) -> str:
        """What the topics of every machine begin with."""
        return self.outputs.mqtt_topic_prefix

    @cached_property
    def lake(self) -> DataLake:
        """The data lake."""
        return DataLake(self.s3, self.outputs.data_lake_bucket)

    @cached_property
    def fleet(self) -> FleetStore:
        """The newest features and predictions of its machines."""
        return FleetStore(
            self.lake,
            self.dynamodb,
            features=self.outputs.realtime_features_table_name,
            predictions=self.outputs.predictions_table_name,
        )

    @property
    def quarantine(self) -> Quarantine:
        """The messages that were refused."""
        return Quarantine(self.lake)

    @property
    def alarms(self) -> Alarms:
        """The table of alarms."""
        return Alarms(self.dynamodb, self.outputs.alarms_table_name)

    @property
    def label_history(self) -> LabelHistory:
        """The table of failures and repairs."""
        return LabelHistory(self.dynamodb, self.outputs.label_history_table_name)

    @property
    def machines(self) -> Machines:
        """The table of machines."""
        return Machines(self.dynamodb, self.outputs.machines_table_name)

    @property
    def online_features(self) -> OnlineFeatures:
        """The table of the newest features."""
        return OnlineFeatures(self.dynamodb, self.outputs.realtime_features_table_name)

    def depth(self, queue_url: str) -> QueueDepth:
        """Return how many messages a queue holds."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        counts = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        return QueueDepth(*(int(counts[name]) for name in names))

    @cached_property
    def channels(self) -> Channels:
        """What its machines measure; a stack deployed before channels were configured measures those out of the box."""
        return load_channels(self.lake, self.outputs.channels_key)

    @cached_property
    def sources(self) -> FleetSources:
        """Where it keeps what is known of its machines."""
        outputs = self.outputs
        return FleetSources(
            stack=self.name,
            lake=self.lake,
            fleet=self.fleet,
            alarms=self.alarms,
            labels=self.label_history,
            machines=self.machines,
            simulated=SimulatedMachines(self.dynamodb, outputs.machine_state_table_name),
            channels=self.channels,
            feature_lengths=[timedelta(hours=hours) for hours in outputs.feature_lengths_hours],
            silent_after=timedelta(hours=outputs.silent_after_hours),
            time_zone=outputs.time_zone or "UTC",
        )

    @cached_property
    def s3(self) -> "S3Client":
        """The data lake's client."""
        return self._client("s3")

    @cached_property
    def link_signer(self) -> "S3Client":
        """The client that signs links, by the one signature that a bucket under a KMS key takes."""
        return self._client("s3", signature_version="s3v4")

    @cached_property
    def principal(self) -> str:
        """As whom AWS knows the caller: an ARN."""
        return str(self._client("sts").get_caller_identity()["Arn"])

    @cached_property
    def sqs(self) -> "SQSClient":
        """The queues' client."""
        return self._client("sqs")

    @cached_property
    def metrics(self) -> Any:  # noqa: ANN401 - the stubs of this client are not among the dependencies
        """The client of the metrics."""
        return self._client("cloudwatch")

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """The tables' client."""
        return self._client("dynamodb")

    @cached_property
    def iot_data(self) -> "IoTDataPlaneClient":
        """The client that publishes."""
        return self._client("iot-data")

    @cached_property
    def iot(self) -> "IoTClient":
        """The client of the broker's registry."""
        return self._client("iot")

    @property
    def knows_devices(self) -> bool:
        """Whether it was deployed with what real machines need."""
        return self.outputs.has("device_group_name")

    @cached_property
    def device_registry(self) -> DeviceRegistry:
        """The machines that may publish."""
        return DeviceRegistry(self.iot, policy=self.outputs.device_policy_name, group=self.outputs.device_group_name)

    @cached_property
    def state_machines(self) -> "SFNClient":
        """The client of training's state machine."""
        return self._client("stepfunctions")

    @cached_property
    def functions(self) -> "LambdaClient":
        """The client that invokes functions: it waits as long as a function may run, and asks once."""
        return self._client("lambda", read_timeout=LONGEST_FUNCTION_SECONDS + 30, retries={"total_max_attempts": 1})

    def _client(self, service: str, **options: object) -> Any:  # noqa: ANN401 - typed by each caller
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 8},
            max_pool_connections=CONNECTIONS,
            connect_timeout=10,
        )
        if self.endpoint_url is not None:
            config = config.merge(Config(s3={"addressing_style": "path"}, inject_host_prefix=False))
        session: Any = self.session  # its overloads name the stubs of services that are not installed
        return session.client(
            service, endpoint_url=self.endpoint_url, config=config.merge(Config(**cast("Any", options)))
        )


def load_stack(name: str, outputs_file: Path | None = None, *, local_file: Path | None = None) -> Stack:
    """The stack called ``name``.

    The local one is described by the file that stands while one is up, by default the newest; a deployed one by
    ``outputs_file`` where given, otherwise by the Pulumi CLI. Credentials of a deployed stack come from the SDK's usual
    chain, its region from its ARNs.
    """
    if outputs_file is not None:
        document = _document(outputs_file)
        return _local(name, outputs_file, document) if "endpoint_url" in document else _deployed(name, document)
    if name == LOCAL:
        file = local_file or _newest(LOCAL_STACK_FILES)
        if not file.exists():
            raise LocalStackAbsentError(file, "no such file")
        return _local(name, file, _document(file))
    return _deployed(name, _pulumi_outputs(name))


def _newest(files: tuple[Path, ...]) -> Path:
    """Return the file that was written last; the first where there is none."""
    return max(files, key=lambda file: file.stat().st_mtime_ns if file.exists() else 0)


def _local(name: str, file: Path, document: Mapping[str, Any]) -> Stack:
    absent = {"access_key_id", "secret_access_key", "region", "endpoint_url", "outputs"} - document.keys()
    if absent:
        raise OutputsUnreadableError(file, f"it lacks {', '.join(sorted(absent))}")
    session = boto3.Session(
        aws_access_key_id=document["access_key_id"],
        aws_secret_access_key=document["secret_access_key"],
        region_name=document["region"],
    )
    return Stack(name, _outputs(name, document["outputs"]), session, document["endpoint_url"])


def _deployed(name: str, outputs: Mapping[str, object]) -> Stack:
    return Stack(name, _outputs(name, outputs), boto3.Session(region_name=_region(outputs)))


def _outputs(stack: str, document: Mapping[str, object]) -> StackOutputs[str]:
    """The outputs of a stack. Raises OutputsUnreadableError; reading an absent one raises OutputAbsentError."""
    try:
        return StackOutputs.read(document, absent=lambda name: OutputAbsentError(stack, name, document))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise OutputsUnreadableError(f"Stack {stack}", f"{fault['loc'][0]}: {fault['msg']}") from error


def _region(outputs: Mapping[str, object]) -> str | None:
    """The region that a function's, table's or queue's ARN names (a bucket's names none); None leaves it to the SDK."""
    for value in outputs.values():
        match str(value).split(":", 5):
            case ["arn", _, "lambda" | "dynamodb" | "sqs", region, *_]:
                return region
            case _:
                pass
    return None


def _document(file: Path) -> dict[str, Any]:
    try:
        document: object = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OutputsUnreadableError(file, "no such file") from None
    except (ValueError, OSError) as error:
        raise OutputsUnreadableError(file, str(error)) from None
    if not isinstance(document, dict):
        raise OutputsUnreadableError(file, "it is no JSON object")
    return cast("dict[str, Any]", document)


def _pulumi_outputs(name: str) -> dict[str, Any]:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise PulumiAbsentError(name)
    command = [pulumi, "stack", "output", "--json", "--non-interactive", "--stack", name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if ran.returncode != 0:
        reason = next((line for line in ran.stderr.splitlines() if line.strip()), f"exit status {ran.returncode}")
        raise PulumiFailedError(name, reason.removeprefix("error: ").rstrip("."))
    return cast("dict[str, Any]", json.loads(ran.stdout))
