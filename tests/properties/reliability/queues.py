"""SQS in memory: delivered at least once, in any order and grouping, and given up after so many receives."""

# ruff: noqa: ARG002, N803  the arguments are boto3's

from dataclasses import dataclass, field
from typing import Any

from tests.properties.reliability.calls import perform

TEMPLATE: dict[str, Any] = {
    "receiptHandle": "receipt",
    "messageAttributes": {},
    "md5OfBody": "",
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
    "awsRegion": "eu-west-1",
}


@dataclass
class QueuedMessage:
    """One message; a copy that is delivered once more has the same id."""

    message_id: str
    body: str
    sent_ms: int
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """The message as Lambda hands it to a function."""
        attributes = {
            "ApproximateReceiveCount": str(self.receives),
            "SentTimestamp": str(self.sent_ms),
            "SenderId": "sender",
            "ApproximateFirstReceiveTimestamp": str(self.sent_ms),
        }
        return {**TEMPLATE, "messageId": self.message_id, "body": self.body, "attributes": attributes}


@dataclass
class Queue:
    """One queue. `waiting` holds what is not acknowledged; `acknowledged` what was, which SQS may yet deliver again."""

    name: str
    receives_at_most: int | None = None
    dead_letters: "Queue | None" = None
    waiting: dict[str, QueuedMessage] = field(default_factory=dict[str, QueuedMessage])
    acknowledged: list[QueuedMessage] = field(default_factory=list[QueuedMessage])
    sent: int = 0

    def send(self, body: str, now_ms: int) -> str:
        """Take a message; returns its id."""
        self.sent += 1
        message = QueuedMessage(f"{self.name}-{self.sent:04}", body, now_ms)
        self.waiting[message.message_id] = message
        return message.message_id

    def receive(self, chosen: list[QueuedMessage]) -> list[QueuedMessage]:
        """Deliver messages; those delivered too often already become dead letters instead."""
        delivered: list[QueuedMessage] = []
        for message in chosen:
            message.receives += 1
            if self.dead_letters is not None and message.receives > (self.receives_at_most or 0):
                del self.waiting[message.message_id]
                self.dead_letters.waiting[message.message_id] = message
            else:
                delivered.append(message)
        return delivered

    def acknowledge(self, message: QueuedMessage) -> None:
        """Delete a message, which may be gone already."""
        if self.waiting.pop(message.message_id, None):
            self.acknowledged.append(message)

    def again(self, message: QueuedMessage) -> None:
        """Deliver what was deleted once more, as SQS does when a server missed the deletion."""
        self.acknowledged.remove(message)
        self.waiting[message.message_id] = message


class SqsClient:
    """What `mlops quarantine redrive` needs of a client, over queues named by their URLs."""

    def __init__(self, queues: dict[str, Queue], now_ms: int) -> None:
        self._queues = queues
        self._now_ms = now_ms
        self._hidden: set[str] = set()

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            visible = [each for each in self._queues[QueueUrl].waiting.values() if each.message_id not in self._hidden]
            received = visible[:MaxNumberOfMessages]
            self._hidden |= {message.message_id for message in received}
            return {
                "Messages": [
                    {
                        "MessageId": message.message_id,
                        "ReceiptHandle": message.message_id,
                        "Body": message.body,
                        "Attributes": {"SentTimestamp": str(message.sent_ms)},
                    }
                    for message in received
                ]
            }

        return perform("ReceiveMessage", effect)

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> dict[str, str]:
        return perform("SendMessage", lambda: {"MessageId": self._queues[QueueUrl].send(MessageBody, self._now_ms)})

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        perform("DeleteMessage", lambda: self._queues[QueueUrl].waiting.pop(ReceiptHandle, None))

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        perform("ChangeMessageVisibility", lambda: self._hidden.discard(ReceiptHandle))
