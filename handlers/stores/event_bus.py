"""The event bus that carries the changes of alarms to downstream systems."""

from typing import Any, Final, Protocol

from mlops_core.alerting import EpisodeChanged
from mlops_core.errors import MlopsError

SOURCE: Final = "mlops.alarms"
DETAIL_TYPE: Final = "Alarm episode changed"


class _Client(Protocol):
    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Put events on buses."""
        ...


class EventRefusedError(MlopsError):
    """The bus did not take an event."""

    def __init__(self, event_id: str, problem: str) -> None:
        super().__init__(f"The bus did not take event {event_id}: {problem}", "It is tried again")


class EventBus:
    """A bus of EventBridge."""

    def __init__(self, client: _Client, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, event: EpisodeChanged) -> None:
        """Put one event on the bus. Raises EventRefusedError; the SDK's errors come through as they are."""
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": DETAIL_TYPE,
                    "Time": event.at,
                    "Resources": [event.episode.machine_id],
                    "Detail": event.model_dump_json(),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            refused = answer["Entries"][0]
            raise EventRefusedError(event.event_id, f"{refused.get('ErrorCode')} {refused.get('ErrorMessage')}")
