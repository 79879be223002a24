"""Messages that could not be handled at all: put back into the queue that they were meant for."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

THREADS = 10  # as many messages as one receive gives
WAIT_SECONDS = 2  # long polling asks every server of the queue: an empty answer means an empty queue
HIDDEN_SECONDS = 120  # how long a received message stays out of sight of another reader
_EVENT_TOPIC = re.compile(r"/event/[^/]+\Z")
ENVELOPE = frozenset({"payload_base64", "topic", "received_at_ms"})


@dataclass
class Redriven:
    """How many messages went back to each queue, and how many stay because they are no message of a machine."""

    sent: Counter[str] = field(default_factory=Counter[str])
    left: int = 0


def envelope_of(body: str, sent_at_ms: int) -> dict[str, object] | None:
    """The envelope that a topic rule would have made of a dead letter; None where it is no message of a machine.

    A dead letter is either such an envelope (its function failed) or what AWS IoT hands to a rule's error action (the
    rule failed), which holds the original payload and no time: the time at which it became a dead letter replaces
    that.
    """
    try:
        fields: object = json.loads(body)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    letter = cast("dict[str, Any]", fields)
    if letter.keys() >= ENVELOPE:
        return letter
    if isinstance(letter.get("topic"), str) and isinstance(letter.get("base64OriginalPayload"), str):
        return {
            "payload_base64": letter["base64OriginalPayload"],
            "topic": letter["topic"],
            "received_at_ms": sent_at_ms,
        }
    return None


class DeadLetters:
    """The dead-letter queue of one stack, and the queues that its messages were meant for."""

    def __init__(self, client: "SQSClient", dead_letter_queue: str, *, readings: str, failures: str) -> None:
        self._client = client
        self._dead_letter_queue = dead_letter_queue
        self._readings = readings
        self._failures = failures

    def redrive(self, limit: int) -> Redriven:
        """Send up to ``limit`` messages back, each removed only once its queue has it.

        Stopped between the two, a message is in both queues: it is handled twice and kept once. What is no message of
        a machine stays, and becomes visible again at the end.
        """
        redriven = Redriven()
        left: list[str] = []
        seen: set[str] = set()
        with ThreadPoolExecutor(THREADS) as pool:
            while redriven.sent.total() < limit:
                received = self._receive(min(THREADS, limit - redriven.sent.total()))
                # With the whole queue in sight again nothing is gained by going round.
                fresh = [letter for letter in received if letter.get("MessageId", "") not in seen]
                if not fresh:
                    break
                seen.update(letter.get("MessageId", "") for letter in fresh)
                for letter, queue in zip(fresh, pool.map(self._send_back, fresh), strict=True):
                    if queue is None:
                        left.append(letter.get("ReceiptHandle", ""))
                    else:
                        redriven.sent[queue] += 1
        redriven.left = len(left)
        for handle in left:
            self._client.change_message_visibility(
                QueueUrl=self._dead_letter_queue, ReceiptHandle=handle, VisibilityTimeout=0
            )
        return redriven

    def _receive(self, most: int) -> "list[MessageTypeDef]":
        return self._client.receive_message(
            QueueUrl=self._dead_letter_queue,
            MaxNumberOfMessages=most,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
            WaitTimeSeconds=WAIT_SECONDS,
        ).get("Messages", [])

    def _send_back(self, letter: "MessageTypeDef") -> str | None:
        sent_at_ms = int(letter.get("Attributes", {}).get("SentTimestamp", "0"))
        envelope = envelope_of(letter.get("Body", ""), sent_at_ms)
        if envelope is None:
            return None
        # Back in a queue it is another message to SQS. Its first id goes with it, so that a message which was refused
        # before it died, or is sent back twice, is one and the same in quarantine.
        envelope.setdefault("message_id", letter.get("MessageId", ""))
        is_event = _EVENT_TOPIC.search(str(envelope["topic"])) is not None
        queue = self._failures if is_event else self._readings
        self._client.send_message(QueueUrl=queue, MessageBody=json.dumps(envelope, separators=(",", ":")))
        self._client.delete_message(QueueUrl=self._dead_letter_queue, ReceiptHandle=letter.get("ReceiptHandle", ""))
        return "failures" if is_event else "readings"
