"""Ingestion: readings from the queue become objects of the lake; what is refused goes to quarantine, each by itself.

A record is acknowledged when the objects that hold its elements are durable and the alarms that its readings raise, if
any, have been stored and announced. What another process has claimed to announce is left to it, and to the next reading
of the channel where it dies. Objects are named by their content, so a batch that is delivered again, after a crash
anywhere, changes nothing.
"""

from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import IngestionSettings
from handlers import runtime
from handlers.announcements import alarm_desk
from handlers.deliveries import Done, DurableBatch, Parsed, grouped
from handlers.limits import LimitWatch
from handlers.logs import count, logger, metrics
from handlers.stores import Machines, clients
from mlops_core.features import first_window_end
from mlops_core.lake import encode_readings
from mlops_core.telemetry import Channels, Reading, parse_messages

_settings = runtime.settings(IngestionSettings)

HOUR = timedelta(hours=1)

_IDENTITY_AND_VALUE = itemgetter(slice(4))


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Keep a batch of messages; returns the records that are to be delivered again."""
    batch = DurableBatch(runtime.lake(_settings()), _readings)
    with batch(event["Records"], batch.open, context):
        batch.process()  # pyright: ignore[reportUnknownMemberType] - untyped in Powertools
        batch.quarantine()
        kept = batch.keep(grouped(batch.accepted, _hour), encode_readings)
        _count(kept, refused=sum(refused.message.readings for refused in batch.refused))
        if kept:
            batch.attempt(_watch().to_judge(delivered for group, _ in kept for delivered in group), _watch().judge)
        batch.log_failures()
    return batch.response()


@cache
def _watch() -> LimitWatch:
    machines = Machines(clients.dynamodb(), _settings().machines_table)
    return LimitWatch(alarm_desk(_settings()), _settings().machine_classes, _channels(), machines)


@cache
def _channels() -> Channels:
    return runtime.channels(_settings())


def _readings(topic: str, payload: bytes, received_at: datetime) -> Parsed[Reading]:
    chosen = _settings()
    return parse_messages(
        topic,
        payload,
        received_at,
        topic_prefix=chosen.mqtt_topic_prefix,
        channels=_channels(),
        allowed_lateness=chosen.allowed_lateness,
        historical_reach=chosen.historical_reach,
    ).readings(payload)


def _hour(reading: Reading) -> tuple[int, int]:
    at = reading.event_timestamp
    return at.toordinal(), at.hour


def _count(kept: Done[Reading], *, refused: int) -> None:
    accepted = new = late = bad = 0
    for group, is_new in kept:  # of one hour, which every group ends with
        readings = [reading for _, reading in group]
        window_end = first_window_end(readings[0].event_timestamp, HOUR)
        accepted += len(readings)
        new += len(set(map(_IDENTITY_AND_VALUE, readings))) if is_new else 0
        late += [window_end <= reading.received_at for reading in readings].count(True)
        bad += [reading.value for reading in readings].count(None)
    count(ReadingsAccepted=accepted, ReadingsRefused=refused, ReadingsDuplicate=accepted - new, ReadingsLate=late)
    if bad:
        count(ReadingsBad=bad)
