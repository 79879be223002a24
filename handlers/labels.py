"""Labels: events from the queue become objects of the lake, failures rows of the label history, and notifications.

The lake comes first: the history can be made again from it. A record is acknowledged when both hold its event and the
failure has been announced, unless it is history: replayed, known already, or repaired since.
"""

from datetime import datetime
from functools import cache, partial
from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import LabelSettings
from handlers import runtime
from handlers.announcements import AlarmDesk, alarm_desk
from handlers.deliveries import Delivered, DurableBatch, Parsed, grouped
from handlers.logs import count, logger, metrics
from handlers.stores import last_return
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.alerting.failure_alarms import failure_alarm
from mlops_core.errors import MlopsError
from mlops_core.lake import encode_events, hour_path
from mlops_core.telemetry import Event, FailureEvent, parse_messages

_settings = runtime.settings(LabelSettings)


class AnnouncementPendingError(MlopsError):
    """Another process has claimed an announcement and not noted it yet: whether it gets that far is open.

    Nothing may follow a failure for a long time, so its message is kept until the announcement is certain.
    """

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(f"{alarm.machine_id} {alarm.key} is being announced by another process", "Try again later")


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Keep a batch of events; returns the records that are to be delivered again."""
    batch = DurableBatch(runtime.lake(_settings()), _events)
    with batch(event["Records"], batch.open, context):
        batch.process()  # pyright: ignore[reportUnknownMemberType] - untyped in Powertools
        batch.quarantine()
        kept = batch.keep(grouped(batch.accepted, _hour), encode_events)
        messages = [one for group, _ in kept for one in group]
        durable = [[Delivered(record, one)] for record, one in messages if isinstance(one, FailureEvent)]
        recorded = batch.attempt(durable, _record)
        batch.attempt((group for group, _ in recorded), _announce)
        if others := len(messages) - len(durable):
            count(EventsAccepted=others)
        count(FailuresAccepted=len(recorded), FailuresDuplicate=sum(not is_new for _, is_new in recorded))
        batch.log_failures()
    return batch.response()


@cache
def _desk() -> AlarmDesk:
    return alarm_desk(_settings())


def _announce(failures: list[FailureEvent]) -> bool:
    for failure in failures:
        if not failure.replayed:
            returned_at = last_return(runtime.label_history(_settings()).of_machine(failure.machine_id))
            step = partial(failure_alarm, event=failure, returned_at=returned_at)
            alarm = _desk().change(failure.machine_id, AlarmSource.FAILURE, step)
            if alarm.is_due():
                raise AnnouncementPendingError(alarm)
    return True


def _events(topic: str, payload: bytes, received_at: datetime) -> Parsed[FailureEvent | Event]:
    chosen = _settings()
    return parse_messages(
        topic,
        payload,
        received_at,
        topic_prefix=chosen.mqtt_topic_prefix,
        allowed_lateness=chosen.allowed_lateness,
        historical_reach=chosen.historical_reach,
    ).events(payload)


def _hour(event: FailureEvent | Event) -> str:
    return hour_path(event.event_timestamp)


def _record(failures: list[FailureEvent]) -> bool:
    recorded = [runtime.label_history(_settings()).record(failure) for failure in failures]
    return any(recorded)
