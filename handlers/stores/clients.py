"""The boto3 clients, made once per process at first use: making one costs more than most invocations take."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_iot_data import IoTDataPlaneClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient

THREADS = 16
"""Calls in flight at once, and so the connections that a client keeps."""

# The stubs of services that are not used here are not installed, hence the ignored overloads below.

# "standard" retries throttling, 5xx and dropped connections with full jitter. The timeouts are short enough that a
# call which hangs is tried again within a function's time: a worker never waits on one dead connection until killed.
CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=THREADS,
)


@cache
def s3() -> "S3Client":
    """Make the S3 client."""
    return boto3.client("s3", config=CONFIG)  # pyright: ignore[reportUnknownMemberType] - the stubs' overloads know the service names of this project only


@cache
def dynamodb() -> "DynamoDBClient":
    """Make the DynamoDB client."""
    return boto3.client("dynamodb", config=CONFIG)  # pyright: ignore[reportUnknownMemberType] - the stubs' overloads know the service names of this project only


@cache
def iot_data(endpoint: str | None = None) -> "IoTDataPlaneClient":
    """Make the MQTT publishing client, at `endpoint` (a URL) or else at the region's own."""
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] - the stubs' overloads know the service names of this project only
        "iot-data", endpoint_url=endpoint, config=CONFIG
    )


@cache
def functions() -> "LambdaClient":
    """Make the client that invokes functions."""
    return boto3.client("lambda", config=CONFIG)  # pyright: ignore[reportUnknownMemberType] - the stubs' overloads know the service names of this project only


@cache
def sns() -> "SNSClient":
    """Make the client of notifications."""
    return boto3.client("sns", config=CONFIG)  # pyright: ignore[reportUnknownMemberType] - the stubs' overloads know the service names of this project only


@cache
def events() -> Any:  # noqa: ANN401 - its stubs are not installed
    """Make the client that puts events on a bus."""
    session: Any = boto3  # the overloads of its stubs name services that are not installed
    return session.client("events", config=CONFIG)
