"""The stack's schedules, made to do within seconds what they do within hours."""

import json
from datetime import UTC, datetime
from typing import Any

from infra.local.engine.emulator import Endpoint

_GROUP = "default"


class ScheduledRunError(RuntimeError):
    """A function that a schedule invokes ended with an error."""

    def __init__(self, schedule: str, answer: object) -> None:
        super().__init__(f"What the schedule {schedule} invokes failed: {answer}")


class Schedules:
    """Schedules by name, in EventBridge Scheduler's default group, where the program puts them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._scheduler = endpoint.client("scheduler")
        self._functions = endpoint.client("lambda", read_timeout=900)

    def invoke_target(self, name: str) -> dict[str, Any]:
        """Invoke what the schedule invokes, with the input that it gives. Raises ScheduledRunError."""
        target = self._get(name)["Target"]
        response = self._functions.invoke(FunctionName=target["Arn"], Payload=target["Input"].encode())
        answer = json.loads(response["Payload"].read() or b"null")
        if "FunctionError" in response:
            raise ScheduledRunError(name, answer)
        return answer

    def fire_once(self, name: str) -> None:
        """Have the scheduler itself fire the schedule's target now: a copy, due once, that goes when it has fired."""
        self._scheduler.create_schedule(
            Name=f"{name[:58]}-once",
            GroupName=_GROUP,
            ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target=self._get(name)["Target"],
        )

    def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Pause a schedule, or let it go on."""
        kept = ("GroupName", "Name", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
        schedule = self._get(name)
        unchanged = {key: schedule[key] for key in kept if key in schedule}
        self._scheduler.update_schedule(**unchanged, State="ENABLED" if enabled else "DISABLED")

    def _get(self, name: str) -> dict[str, Any]:
        return self._scheduler.get_schedule(Name=name, GroupName=_GROUP)
