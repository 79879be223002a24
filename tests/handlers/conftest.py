"""AWS in this process (moto), a clean environment for each function, and faults injected into the SDK."""

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from handlers.stores import clients

BUCKET = "lake"
EVENTS = Path(__file__).parent / "events"
HANDLERS = ("simulator", "ingestion", "labels", "processing")
COMMON = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "POWERTOOLS_SERVICE_NAME": "tests",
    "POWERTOOLS_METRICS_NAMESPACE": "tests",
}
ENVIRONMENTS = {
    "simulator": {
        "MACHINE_STATE_TABLE": "machine-state",
        "MQTT_TOPIC_PREFIX": "industrial/machine",
        "MACHINE_IDS": '["PUMP-A01", "FAN-B01"]',
        "SIMULATOR_SEED": "7",
    },
    "ingestion": {"DATA_LAKE_BUCKET": BUCKET, "MQTT_TOPIC_PREFIX": "industrial/machine"},
    "labels": {
        "DATA_LAKE_BUCKET": BUCKET,
        "LABEL_HISTORY_TABLE": "label-history",
        "MQTT_TOPIC_PREFIX": "industrial/machine",
    },
    "processing": {
        "DATA_LAKE_BUCKET": BUCKET,
        "DYNAMODB_TABLE_NAME": "realtime-features",
        "TIME_WINDOW": "6",
        "FEATURE_LENGTHS_HOURS": "[1, 6]",
    },
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
def aws() -> Iterator[SimpleNamespace]:
    """The bucket and the tables of a stack, and the clients that the handlers use."""
    for make in (clients.s3, clients.dynamodb, clients.iot_data):
        make.cache_clear()
    with mock_aws():
        aws = SimpleNamespace(s3=clients.s3(), dynamodb=clients.dynamodb(), iot_data=clients.iot_data(None))
        aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for table, keys in {
            "machine-state": ("machine_id",),
            "label-history": ("machine_id", "event_timestamp"),
            "realtime-features": ("machine_id",),
        }.items():
            aws.dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
            )
        yield aws
