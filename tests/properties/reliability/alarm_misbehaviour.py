"""What mutants of alarms do at the ports: the writes that they are about, and what happens in their place."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mlops_core.alerting import Score
from mlops_core.alerting.episodes import ANNOUNCING
from tests.properties.reliability.mutation import of_pages
from tests.properties.reliability.ports import Arguments, Ports, Proceed, scratch


def is_change_of_episode(arguments: Arguments) -> bool:
    """Whether an alarm is replaced by the one that follows it."""
    return arguments["TableName"] == "alarms" and ":evidence" in arguments["ExpressionAttributeValues"]


def is_note_of_announcement(arguments: Arguments) -> bool:
    """Whether it is noted of an alarm that it was announced."""
    return arguments["TableName"] == "alarms" and ":announced" in arguments["ExpressionAttributeValues"]


def is_claim(arguments: Arguments) -> bool:
    """Whether an announcement is claimed that its writer has not made."""
    return arguments["TableName"] == "alarms" and ":announcement" in arguments["ExpressionAttributeValues"]


def judged_at_each_run(anomaly_alarm: Callable[..., Any]) -> Callable[..., Any]:
    """Take the moment of a run for that of the features that it judges."""

    def judged(alarm: Any, anomaly: Any, *, now: datetime, **of: Any) -> Any:
        return anomaly_alarm(alarm, anomaly, now=now, **(of | {"window_end": now}))

    return judged


def claiming_what_is_due(following: Callable[..., Any]) -> Callable[..., Any]:
    """Let whoever changes an alarm whose announcement is due claim it, although it may be another's."""

    def claiming(alarm: Any, *, now: datetime, **of: Any) -> Any:
        after = following(alarm, now=now, **of)
        return after.model_copy(update={"claimed_until": now + ANNOUNCING}) if after.is_due() else after

    return claiming


def note_scored(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Note that a run has stored scores."""
    answer = proceed(**arguments)
    scratch("stored scores", list[Arguments]).append(arguments)
    return answer


def of_own_scores(model_alarm: Callable[..., Any]) -> Callable[..., Any]:
    """Let alarms follow only where this run has stored scores."""

    def following(alarm: Any, **of: Any) -> Any:
        return model_alarm(alarm, **of) if scratch("stored scores", list[Arguments]) else alarm

    return following


def counting_runs(next_score: Callable[..., Any]) -> Callable[..., Any]:
    """Take each run for another hour."""

    def counted(previous: Score | None, prediction: Any, **of: Any) -> Any:
        if previous is not None and previous.prediction.window_end == prediction.window_end:
            earlier = replace(previous.prediction, window_end=prediction.window_end - timedelta(microseconds=1))
            previous = replace(previous, prediction=earlier)
        return next_score(previous, prediction, **of)

    return counted


def taking_older_rows(next_score: Callable[..., Any]) -> Callable[..., Any]:
    """Score what a run has read, although a newer row has been scored meanwhile."""

    def scored(previous: Score | None, prediction: Any, **of: Any) -> Any:
        if previous is not None and previous.prediction.window_end > prediction.window_end:
            older = replace(previous.prediction, window_end=prediction.window_end - timedelta(hours=1))
            previous = replace(previous, prediction=older)
        return next_score(previous, prediction, **of)

    return scored


def labelled_at_each_delivery(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Keep a verdict under a key of its own each time that its change is delivered."""
    ports.stack["labels"] = number = ports.stack.get("labels", 0) + 1
    item = arguments["Item"]
    key = {"S": f"{item['event_timestamp']['S']}~{number}"}
    return proceed(**{**arguments, "Item": {**item, "event_timestamp": key}})


@of_pages
def list_no_trials(pages: Iterator[Any], prefix: str, _: Ports) -> Iterator[Any]:
    """List no trial that is kept."""
    if not prefix.startswith("trials/"):
        yield from pages
