"""A fleet's predictions over time: when a machine raises an alarm, and when it is calm again.

```
probability  threshold  . . . . . x . . . . . . . . . . . . .   raised by the first prediction at or above it
                        ........x . . x x . . . . . . . . . .   between the two nothing changes
             half of it . . . . . . . . . x . . x x x . . . .   cleared by the third in a row below this
```
Hysteresis: a probability that hovers about the threshold sends one message and not one an hour.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mlops_core.prognosis import Prediction

__all__ = ["CALM_PREDICTIONS", "CLEAR_SHARE", "AlarmState", "MachineAlarm", "Score", "next_score"]

CLEAR_SHARE: Final = 0.5
"""An alarm is calming down below this share of the threshold that raised it."""

CALM_PREDICTIONS: Final = 3
"""And over after this many predictions in a row that are."""


class AlarmState(StrEnum):
    """Whether a machine needs somebody."""

    NORMAL = "NORMAL"
    ALARM = "ALARM"


@dataclass(frozen=True)
class MachineAlarm:
    """A state, the `window_end` since which it holds, and how many calm predictions an alarm has had in a row."""

    state: AlarmState
    since: datetime
    calm: int = 0


@dataclass(frozen=True)
class Score:
    """What is kept of a machine after its newest prediction.

    Attributes:
        prediction: the newest.
        revision: of the feature row that it was made from.
        alarm: what follows from it and from those before.
        announced: the state that people were last told of; a machine that was never heard of counts as normal.
        sequence: how often the machine was scored; guards the next write.

    """

    prediction: Prediction
    revision: int
    alarm: MachineAlarm
    announced: AlarmState
    sequence: int

    @property
    def is_due(self) -> bool:
        """Whether people are yet to be told."""
        return self.alarm.state != self.announced


def next_score(
    previous: Score | None, prediction: Prediction, *, revision: int, threshold: float | None
) -> Score | None:
    """Return the score that follows `previous`; None where the prediction is not newer, or no other than that one.

    threshold: the probability from which an alarm is worth acting on; None where the model has none: nothing is raised.
    """
    if previous is None:
        first = MachineAlarm(AlarmState.NORMAL, prediction.window_end)
        alarm = _next_alarm(first, prediction, threshold, is_later=True)
        return Score(prediction, revision, alarm, AlarmState.NORMAL, 1)
    known = previous.prediction
    if (prediction.window_end, revision) < (known.window_end, previous.revision):
        return None
    same_row = (prediction.window_end, revision) == (known.window_end, previous.revision)
    if same_row and prediction.model_version == known.model_version:
        return None
    is_later = prediction.window_end > known.window_end
    alarm = _next_alarm(previous.alarm, prediction, threshold, is_later=is_later)
    return Score(prediction, revision, alarm, previous.announced, previous.sequence + 1)


def _next_alarm(alarm: MachineAlarm, told: Prediction, threshold: float | None, *, is_later: bool) -> MachineAlarm:
    if threshold is not None and told.failure_probability >= threshold:
        if alarm.state is AlarmState.ALARM:
            return MachineAlarm(AlarmState.ALARM, alarm.since)
        return MachineAlarm(AlarmState.ALARM, told.window_end)
    if alarm.state is AlarmState.NORMAL:
        return alarm
    if threshold is not None and told.failure_probability >= CLEAR_SHARE * threshold:
        return MachineAlarm(AlarmState.ALARM, alarm.since)
    calm = alarm.calm + is_later  # the same hour predicted again is no further evidence
    if calm >= CALM_PREDICTIONS:
        return MachineAlarm(AlarmState.NORMAL, told.window_end)
    return MachineAlarm(AlarmState.ALARM, alarm.since, calm)
