"""Alarm events: each change of an episode, from the stream of the table of alarms to the event bus.

The table is the outbox: a change is published because it was stored, at least once and in order of a machine's changes,
with an id that is the same each time. A verdict is kept as a label on the same way.
"""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord, DynamoDBStreamEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import AlarmEventSettings
from handlers import runtime
from handlers.logs import count, logger, metrics
from handlers.stores import EventBus, clients
from mlops_core.alerting import episode_changed
from mlops_core.alerting.episodes import Episode, StepKind

_settings = runtime.settings(AlarmEventSettings)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Publish a batch of changes; returns how many. What it raises has the batch delivered again."""
    records = list(DynamoDBStreamEvent(event).records)
    count(AlarmChangesRead=len(records))
    published = [_publish(record) for record in records]
    count(AlarmEventsPublished=sum(published))
    return {"published": sum(published)}


def _publish(record: DynamoDBRecord) -> bool:
    """Publish what a record changed of an episode; False where nothing."""
    if record.dynamodb is None:
        return False
    before, after = _episode(record.dynamodb.old_image), _episode(record.dynamodb.new_image)
    changed = episode_changed(before, after, sequence=int((record.dynamodb.new_image or {}).get("sequence", 0)))
    if changed is None or after is None:
        return False
    if changed.change is StepKind.VERDICT:
        runtime.label_history(_settings()).record_verdict(after)
    _bus().publish(changed)
    logger.info("Alarm event published", extra={"event_id": changed.event_id, "change": changed.change})
    return True


@cache
def _bus() -> EventBus:
    return EventBus(clients.events(), _settings().event_bus_name)


def _episode(image: dict[str, Any] | None) -> Episode | None:
    text = (image or {}).get("episode")
    return None if text is None else Episode.model_validate_json(text)
