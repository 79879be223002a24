"""Notifications, through a topic that has subscribers."""

from typing import TYPE_CHECKING

from mlops_core.alerting.episode_notices import Notice
from mlops_core.alerting.plant_time import in_time_zone

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class Notifier:
    """A topic. The attribute `about` lets a subscription choose; times in texts are given in `time_zone`."""

    def __init__(self, client: "SNSClient", topic_arn: str, time_zone: str = "UTC") -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._time_zone = time_zone

    def publish(self, notice: Notice, *, about: str) -> None:
        """Publish one message. The SDK's errors come through as they are."""
        self._client.publish(
            TopicArn=self._topic_arn,
            Subject=notice.subject,
            Message=in_time_zone(notice.text, self._time_zone),
            MessageAttributes={"about": {"DataType": "String", "StringValue": about}},
        )
