"""Messages to people, through a topic that they subscribe to."""

from typing import TYPE_CHECKING

from mlops_core.alerting.episode_notices import Notice

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class NoticeBoard:
    """A topic. The attribute `about` lets a subscription choose."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, notice: Notice, *, about: str) -> None:
        """Publish one message. The SDK's errors come through as they are."""
        self._client.publish(
            TopicArn=self._topic_arn,
            Subject=notice.subject,
            Message=notice.text,
            MessageAttributes={"about": {"DataType": "String", "StringValue": about}},
        )
