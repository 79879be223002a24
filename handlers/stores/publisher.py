"""Publishing to MQTT topics over HTTPS."""

from typing import TYPE_CHECKING

from mlops_core.telemetry import Message

if TYPE_CHECKING:
    from types_boto3_iot_data import IoTDataPlaneClient


class Publisher:
    """Publishes with quality of service 1: when `publish` returns, the broker has the message."""

    def __init__(self, client: "IoTDataPlaneClient") -> None:
        self._client = client

    def publish(self, message: Message) -> None:
        """Publish one message. The SDK's errors come through as they are."""
        self._client.publish(topic=message.topic, qos=1, payload=message.payload)
