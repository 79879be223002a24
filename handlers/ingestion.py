"""Ingestion: readings from the queue become objects of the lake; what is no reading goes to quarantine, whole.

A record is acknowledged when the object that holds its message is durable. Objects are named by their content, so a
batch that is delivered again, after a crash anywhere, changes nothing.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import IngestionSettings
from handlers import settings
from handlers.deliveries import Done, DurableBatch, grouped
from handlers.stores import clients
from handlers.stores.lake import DataLake
from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.features import first_window_end
from mlops_core.lake import RawObject, encode_readings, hour_path, shard_of
from mlops_core.telemetry import FailureEvent, Reading, parse_message

logger = Logger()
metrics = Metrics()

HOUR = timedelta(hours=1)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Keep a batch of messages; returns the records that are to be delivered again."""
    batch = DurableBatch(_lake(), _reading)
    with batch(event["Records"], batch.open, context):
        batch.process()  # pyright: ignore[reportUnknownMemberType]  untyped in Powertools
        batch.quarantine()
        _count(batch.keep(grouped(batch.accepted, _partition), _encode))
        batch.log_failures(logger)
    return batch.response()


@cache
def _settings() -> IngestionSettings:
    return settings.read(IngestionSettings)


@cache
def _lake() -> DataLake:
    return DataLake(clients.s3(), _settings().data_lake_bucket)


def _reading(topic: str, payload: bytes, received_at: datetime) -> Reading:
    accepted = parse_message(
        topic,
        payload,
        received_at,
        topic_prefix=_settings().mqtt_topic_prefix,
        allowed_lateness=_settings().allowed_lateness,
    )
    if isinstance(accepted, FailureEvent):
        raise MessageRejectedError(QuarantineReason.BAD_TOPIC, "a failure event, which belongs in the label queue")
    return accepted


def _partition(reading: Reading) -> tuple[str, int]:
    return hour_path(reading.event_timestamp), shard_of(reading.machine_id, _settings().lake_shards)


def _encode(readings: list[Reading]) -> list[RawObject]:
    return encode_readings(readings, shards=_settings().lake_shards)


def _count(kept: Done[Reading]) -> None:
    readings = [reading for group, _ in kept for _, reading in group]
    new = {
        (reading.machine_id, reading.channel, reading.event_timestamp, reading.value)
        for group, is_new in kept
        if is_new
        for _, reading in group
    }
    metrics.add_metric("ReadingsAccepted", MetricUnit.Count, len(readings))
    metrics.add_metric("ReadingsDuplicate", MetricUnit.Count, len(readings) - len(new))
    late = sum(first_window_end(reading.event_timestamp, HOUR) <= reading.received_at for reading in readings)
    metrics.add_metric("ReadingsLate", MetricUnit.Count, late)
