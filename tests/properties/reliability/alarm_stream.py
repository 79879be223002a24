"""The stream of the table of alarms: changes in the order of their writes, delivered until they are taken."""

from typing import Any

import handlers.alarm_events
from tests.properties.reliability.calls import Invocation
from tests.properties.reliability.pipeline import Pipeline, context
from tests.properties.reliability.tables import Written


class AlarmStream:
    """The stream of one stack, read by the function that publishes changes and keeps verdicts as labels."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._records: list[dict[str, Any]] = []
        self._taken = 0
        pipeline.dynamodb.watchers.append(self._written)

    @property
    def is_taken(self) -> bool:
        """Whether no change waits."""
        return self._taken == len(self._records)

    def deliver(self, invocation: Invocation, *, most: int, again: int = 0) -> Any:
        """Hand the next changes to the function, behind so many that it has taken; they wait where it fails."""
        records = self._records[max(0, self._taken - again) : self._taken + most]
        answer = self._pipeline.operate(
            invocation, lambda: handlers.alarm_events.handler({"Records": records}, context())
        )
        if not isinstance(answer, BaseException):
            self._taken = min(self._taken + most, len(self._records))
        return answer

    def _written(self, written: Written) -> None:
        if written.table == "alarms":
            images = {"OldImage": written.old, "NewImage": written.item}
            held = {name: item for name, item in images.items() if item is not None}
            self._records.append({"eventName": "MODIFY" if written.old else "INSERT", "dynamodb": held})
