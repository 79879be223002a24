"""AWS in this process (moto), a clean environment for each function, and faults injected into the SDK."""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handlers.stores import ModelRegistry
from tests import http_contract
from tests.aws_emulation import mock_aws
from tests.handlers import stores
from tests.handlers.aws_in_process import BUCKET, Aws, Faults
from tests.http_requests import event_of

EVENTS = Path(__file__).parent / "events"
COMMON = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "POWERTOOLS_SERVICE_NAME": "tests",
    "POWERTOOLS_METRICS_NAMESPACE": "tests",
}
SERVING = {
    "DATA_LAKE_BUCKET": BUCKET,
    "DYNAMODB_TABLE_NAME": "realtime-features",
    "ALARMS_TABLE": "alarms",
    "LABEL_HISTORY_TABLE": "label-history",
    "MACHINES_TABLE": "machines",
    "SILENT_AFTER_HOURS": "1",
    "FEATURE_LENGTHS_HOURS": "[1, 6]",
}
ALARMS = {"ALARMS_TABLE": "alarms", "NOTICE_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices"}
ENVIRONMENTS = {
    "simulator": {
        "MACHINE_STATE_TABLE": "machine-state",
        "LABEL_HISTORY_TABLE": "label-history",
        "MQTT_TOPIC_PREFIX": "industrial/machine",
        "MACHINE_IDS": '["PUMP-A01", "FAN-B01"]',
        "SIMULATOR_SEED": "7",
    },
    "ingestion": ALARMS
    | {"DATA_LAKE_BUCKET": BUCKET, "MACHINES_TABLE": "machines", "MQTT_TOPIC_PREFIX": "industrial/machine"},
    "labels": ALARMS
    | {
        "DATA_LAKE_BUCKET": BUCKET,
        "LABEL_HISTORY_TABLE": "label-history",
        "MQTT_TOPIC_PREFIX": "industrial/machine",
    },
    "processing": {
        "DATA_LAKE_BUCKET": BUCKET,
        "DYNAMODB_TABLE_NAME": "realtime-features",
        "LABEL_HISTORY_TABLE": "label-history",
        "NOTICE_TOPIC_ARN": ALARMS["NOTICE_TOPIC_ARN"],
        "MACHINES_TABLE": "machines",
        "TIME_WINDOW": "6",
        "FEATURE_LENGTHS_HOURS": "[1, 6]",
    },
    "baseline": {
        "DATA_LAKE_BUCKET": BUCKET,
        "MACHINES_TABLE": "machines",
        "LABEL_HISTORY_TABLE": "label-history",
        "TRAINING_HISTORY_DAYS": "90",
    },
    "trial": {
        "DATA_LAKE_BUCKET": BUCKET,
        "LABEL_HISTORY_TABLE": "label-history",
        "NOTICE_TOPIC_ARN": ALARMS["NOTICE_TOPIC_ARN"],
    },
    "training_set": {
        "DATA_LAKE_BUCKET": BUCKET,
        "MACHINES_TABLE": "machines",
        "LABEL_HISTORY_TABLE": "label-history",
        "FEATURE_LENGTHS_HOURS": "[1, 6]",
        "PREDICTION_HORIZON_HOURS": "12",
        "TRAINING_HISTORY_DAYS": "90",
    },
    "training": {"DATA_LAKE_BUCKET": BUCKET, "PREDICTION_HORIZON_HOURS": "12", "TRAINING_SEED": "1"},
    "evaluation": {"DATA_LAKE_BUCKET": BUCKET},
    "promotion": {"DATA_LAKE_BUCKET": BUCKET},
    "inference": SERVING | {"FEATURES_STALE_AFTER_HOURS": "12"},
    "maintenance": {"DYNAMODB_TABLE_NAME": "realtime-features", "LABEL_HISTORY_TABLE": "label-history"},
    "scoring": SERVING | ALARMS | {"PREDICTIONS_TABLE": "predictions"},
    "snapshot": {
        "STACK_NAME": "dev",
        "DATA_LAKE_BUCKET": BUCKET,
        "ALARMS_TABLE": "alarms",
        "DYNAMODB_TABLE_NAME": "realtime-features",
        "LABEL_HISTORY_TABLE": "label-history",
        "MACHINES_TABLE": "machines",
        "MACHINE_STATE_TABLE": "machine-state",
        "PREDICTIONS_TABLE": "predictions",
        "FEATURE_LENGTHS_HOURS": "[1, 6]",
        "SILENT_AFTER_HOURS": "1",
    },
    "alarm_answers": {"ALARMS_TABLE": "alarms"},
    "alarm_events": {"EVENT_BUS_NAME": "alarms", "LABEL_HISTORY_TABLE": "label-history"},
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in ENVIRONMENTS.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    for name, value in COMMON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def environments() -> dict[str, dict[str, str]]:
    """A complete environment of each function, without what all have in common."""
    return ENVIRONMENTS


@pytest.fixture
def aws() -> Iterator[Aws]:
    """A stack's storage, empty."""
    with mock_aws():
        yield Aws()


@pytest.fixture
def hook() -> Iterator[Callable[[Any, str, Callable[..., object]], None]]:
    """Hook into what a client does, for one test: `hook(client, event, function)`."""
    hooked: list[tuple[Any, str, Callable[..., object]]] = []

    def register(client: Any, event: str, function: Callable[..., object]) -> None:
        client.meta.events.register(event, function)
        hooked.append((client, event, function))

    yield register
    for client, event, function in hooked:
        client.meta.events.unregister(event, function)


@pytest.fixture
def faults(aws: Aws, hook) -> Faults:
    """Faults of the SDK."""
    return Faults(hook)


@pytest.fixture
def context() -> SimpleNamespace:
    """What Lambda passes as the second argument."""
    return SimpleNamespace(
        function_name="function",
        function_version="$LATEST",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:function",
        aws_request_id="5f1c7a2e-6a0f-4e0e-8a57-0a0000000001",
        get_remaining_time_in_millis=lambda: 300_000,
    )


@pytest.fixture
def deploy(aws: Aws, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    """Start a function afresh: `deploy(name, VARIABLE=value, ...)` gives `invoke(event)`."""

    def start(name: str, **changes: str) -> Callable[[dict[str, Any]], Any]:
        for variable, value in (ENVIRONMENTS[name] | changes).items():
            monkeypatch.setenv(variable, value)
        module = import_module(f"handlers.{name}")
        for function in vars(module).values():
            if hasattr(function, "cache_clear") and function.__module__ in {module.__name__, "handlers.runtime"}:
                function.cache_clear()
        if name == "processing":  # its tests say what time it is, which may not be later than it is
            monkeypatch.setattr(module, "_clock", lambda: datetime(2099, 1, 1, tzinfo=UTC))
        monkeypatch.setattr(module.logger.registered_handler, "stream", sys.stdout)  # the one that this test captures
        return lambda event: module.handler(event, context)

    return start


@pytest.fixture
def registry(aws: Aws) -> ModelRegistry:
    """The models of a stack."""
    return stores.models()


@pytest.fixture
def api(deploy):
    """Start a function behind the HTTP API: `api(name)` gives `ask(route, body, path=..., query=...)`.

    What it answers must be as documented.
    """

    def start(name: str, **changes: str) -> Callable[..., tuple[int, Any]]:
        invoke = deploy(name, **changes)

        def ask(route: str, body: dict[str, Any] | str | None = None, *, path=None, query=None, **more: Any):
            event = event_of(route, path=path, query=query) | more
            if body is not None:
                event |= {"body": body if isinstance(body, str) else json.dumps(body)}
            answer = invoke(event)
            document = json.loads(answer["body"])
            http_contract.check(route, answer["statusCode"], answer["headers"]["Content-Type"], document)
            return answer["statusCode"], document

        return ask

    return start


@pytest.fixture
def meanwhile(hook):
    """Let `run` happen just before the next call of a client's operation; what it returned is added to the result."""

    def register(client: Any, operation: str, run: Callable[[], object]) -> list[object]:
        begun: list[bool] = []
        results: list[object] = []

        def before(**_: object) -> None:
            if not begun:  # what happens in between may call the operation itself
                begun.append(True)
                results.append(run())

        hook(client, f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}", before)
        return results

    return register


@pytest.fixture
def document() -> Callable[[str], dict[str, Any]]:
    """Read an event document, as AWS sends it."""
    return lambda name: json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def deliver(document) -> Callable[..., dict[str, Any]]:
    """Make the event that delivers messages (topic, payload) as a topic rule wraps them, or bodies (None, body)."""
    template = document("sqs_ingestion_batch")["Records"][0]

    def make(*messages: tuple[str | None, bytes], received_at_ms: int = 1_795_256_100_250) -> dict[str, Any]:
        records: list[dict[str, Any]] = []
        for number, (topic, payload) in enumerate(messages):
            record = deepcopy(template) | {"messageId": f"00000000-0000-4000-8000-{number:012}"}
            record["body"] = (
                payload.decode(errors="surrogatepass")
                if topic is None
                else json.dumps(
                    {
                        "payload_base64": base64.b64encode(payload).decode(),
                        "topic": topic,
                        "received_at_ms": received_at_ms,
                    }
                )
            )
            records.append(record)
        return {"Records": records}

    return make


@pytest.fixture
def counters(capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, float]]:
    """Add up the metrics that were published since the last call; a dimension `reason` is part of the name."""

    def read() -> dict[str, float]:
        totals: dict[str, float] = {}
        for line in capsys.readouterr().out.splitlines():
            blob = json.loads(line)
            for directive in blob.get("_aws", {}).get("CloudWatchMetrics", []):
                assert directive["Namespace"] == "tests"
                assert blob["service"] == "tests"
                for name in (metric["Name"] for metric in directive["Metrics"]):
                    value = blob[name]
                    key = f"{name}.{blob['reason']}" if "reason" in blob else name
                    totals[key] = totals.get(key, 0) + (sum(value) if isinstance(value, list) else value)
        return totals

    return read
