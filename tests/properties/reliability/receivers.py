"""Who takes what the functions send on: people, other runs of a function, and the event bus of alarms."""

import json
from typing import Any

from tests.properties.reliability.calls import perform


class Functions:
    """Takes asynchronous invocations: those that a run has made of itself to be continued."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:  # noqa: N803  boto3's
        assert (FunctionName, InvocationType) == ("function", "Event")
        perform("Invoke", lambda: self.asked.append(json.loads(Payload)))


class Topic:
    """Takes messages to people: what each is about, and its text."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def publish(self, *, TopicArn: str, Subject: str, Message: str, MessageAttributes: dict[str, Any]) -> None:  # noqa: ARG002, N803  boto3's
        perform("Notify", lambda: self.sent.append((MessageAttributes["about"]["StringValue"], Message)))


class Bus:
    """Takes changes of alarms, each by its id."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  boto3's
        def take() -> dict[str, Any]:
            self.taken += [json.loads(entry["Detail"])["event_id"] for entry in Entries]
            return {"FailedEntryCount": 0, "Entries": []}

        return perform("PutEvents", take)
