"""A stack in this process (moto), described by a file of outputs as the Pulumi CLI prints them."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer import testing
from typer.testing import CliRunner, Result

from mlops_core.lake import QuarantineRecord, encode_quarantine, encode_readings
from mlops_core.telemetry import Message, Reading, parse_message
from ops import dead_letters, journal
from ops.cli import app
from ops.stack import Stack, load_stack
from tests.aws_emulation import mock_aws
from tests.handlers.aws_in_process import TABLES, create_tables

REGION = "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:processing"


# The tree of commands is the same for each run of one.
testing._get_command = cache(testing._get_command)

COMPLETE = {"feature_rows": 24, "online_written": 1, "is_complete": True, "window_end": None}


@dataclass
class Functions:
    """Stands for the Lambda client: answers by ``script``, records the events."""

    events: list[dict[str, str]] = field(default_factory=list)
    script: Callable[[dict[str, str]], dict[str, Any]] = lambda _: COMPLETE

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "processing"
        event = json.loads(Payload)
        self.events.append(event)
        answer = self.script(event)
        failure = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"Payload": BytesIO(json.dumps(answer).encode()), **failure}


@dataclass
class LivePath:
    """Stands for broker, queue and ingestion: what is published is in the lake at once, or in quarantine."""

    stack: Stack
    messages: list[Message] = field(default_factory=list)

    def publish(self, *, topic: str, qos: int, payload: bytes) -> None:
        assert qos == 1
        self.messages.append(Message(topic, payload))
        reading = parse_message(topic, payload, datetime.now(UTC))
        assert isinstance(reading, Reading)
        keep(self.stack, [reading])


def keep(stack: Stack, readings: Iterable[Reading]) -> None:
    """Put readings into the lake, as ingestion does."""
    for raw in encode_readings(readings):
        stack.lake.create(*raw)


@dataclass
class Deployed:
    """A stack and what a test does with it."""

    stack: Stack
    outputs_file: Path
    functions: Functions
    live: LivePath

    def run(self, *arguments: str) -> Result:
        """Run ``mlops`` on this stack."""
        return CliRunner().invoke(app, [*arguments, "--stack", "dev", "--outputs", str(self.outputs_file)])

    def json(self, *arguments: str) -> dict[str, Any]:
        """What ``mlops ... --json`` prints on standard output; it must succeed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *arguments: str) -> str:
        """What ``mlops ...`` says on standard error; it must end as a failure."""
        result = self.run(*arguments)
        assert result.exit_code == 1, result.output
        return result.stderr

    def set_outputs(self, **outputs: object) -> None:
        """Give the stack more outputs."""
        known = json.loads(self.outputs_file.read_text())
        self.outputs_file.write_text(json.dumps(known | outputs))

    def refuse(self, record: QuarantineRecord) -> str:
        """Put a message into quarantine; returns its key."""
        raw = encode_quarantine(record)
        self.stack.lake.create(*raw)
        return raw.key

    def send(self, output: str, body: dict[str, object]) -> None:
        """Put a message into a queue."""
        self.stack.sqs.send_message(QueueUrl=getattr(self.stack.outputs, output), MessageBody=json.dumps(body))

    def received(self, output: str) -> list[dict[str, Any]]:
        """Take what a queue holds."""
        messages = self.stack.sqs.receive_message(QueueUrl=getattr(self.stack.outputs, output), MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


def envelope(topic: str, payload: bytes) -> dict[str, object]:
    """What a topic rule puts into a queue."""
    return {"payload_base64": b64encode(payload).decode(), "topic": topic, "received_at_ms": 1_767_225_600_000}


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """A deployed stack with an empty lake, and nothing of the caller's environment."""
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "MLOPS_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "replay")
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)  # moto waits as long as a queue is empty
    with mock_aws():
        outputs = make_resources() | {
            "processing_function_name": "processing",
            "processing_function_arn": ARN,
            "log_group_names": {"processing": "/aws/lambda/features"},
            "mqtt_topic_prefix": "industrial/machine",
            "lake_shards": 1,
            "feature_lengths_hours": [1, 6, 24],
            "feature_hop_minutes": 60,
            "allowed_lateness_hours": 48,
            "historical_reach_days": 9125,
            "silent_after_hours": 1,
        }
        outputs_file = tmp_path / "outputs.json"
        outputs_file.write_text(json.dumps(outputs))
        stack = load_stack("dev", outputs_file)
        functions, live = Functions(), LivePath(stack)
        monkeypatch.setattr(Stack, "functions", functions)
        monkeypatch.setattr(Stack, "iot_data", live)
        yield Deployed(stack, outputs_file, functions, live)


def make_resources() -> dict[str, object]:
    """Create bucket, tables and queues; returns the outputs that name them."""
    outputs: dict[str, object] = {"data_lake_bucket": "lake"}
    make_bucket()
    create_tables(boto3.client("dynamodb", region_name=REGION))
    outputs |= {f"{table.replace('-', '_')}_table_name": table for table in TABLES}
    sqs = boto3.client("sqs", region_name=REGION)
    for output in ("ingestion_queue_url", "label_queue_url", "dead_letter_queue_url"):
        outputs[output] = sqs.create_queue(QueueName=output.replace("_", "-"))["QueueUrl"]
    return outputs


def make_bucket() -> None:
    """Create the bucket."""
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
