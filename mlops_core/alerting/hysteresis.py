"""A fleet's predictions over time: when a machine raises an alarm, and when it is calm again.

```
probability  threshold  . . . . . x . . . . . . . . . . . . .   raised by the first prediction at or above it
                        ........x . . x x . . . . . . . . . .   between the two nothing changes
             half of it . . . . . . . . . x . . x x x . . . .   cleared by the third in a row below this
```
One that hovers about the threshold thus sends one message and not one an hour.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mlops_core.prognosis import Prediction

__all__ = ["CALM_PREDICTIONS", "CLEAR_SHARE", "AlarmState", "MachineAlarm", "Notice", "Score", "next_score", "notice"]

CLEAR_SHARE: Final = 0.5
"""An alarm is calming down below this share of the threshold that raised it."""

CALM_PREDICTIONS: Final = 3
"""And over after this many predictions in a row that are."""

_SUBJECT_LIMIT: Final = 100  # of SNS


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


@dataclass(frozen=True)
class Notice:
    """A message about one machine: `subject` of at most 100 ASCII characters, and `text`."""

    subject: str
    text: str


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


def notice(score: Score, *, horizon_hours: float) -> Notice:
    """Return what to tell people of a machine whose state has changed."""
    told = score.prediction
    if score.alarm.state is AlarmState.ALARM:
        headline = f"{told.machine_id} may fail within {horizon_hours:g} h"
    else:
        headline = f"{told.machine_id} is back to normal"
    until = f"{told.window_end:%Y-%m-%d %H:%M} UTC"
    life = f"{told.rul_hours_p50:.0f} h; in 8 of 10 cases {told.rul_hours_p10:.0f} to {told.rul_hours_p90:.0f} h"
    lines = [
        f"{headline}: probability {told.failure_probability:.0%}, from readings until {until}.",
        f"Remaining life: {life}.",
        *([f"Vibration severity: zone {told.evaluation_zone}."] if told.evaluation_zone else []),
        *(["Why:", *(f"- {reason.text}" for reason in told.reasons)] if told.reasons else []),
        *(
            [f"Unlike all that the model has seen: {', '.join(told.unusual_features)}."]
            if told.unusual_features
            else []
        ),
        f"Model {told.model_version}.",
    ]
    return Notice(headline[:_SUBJECT_LIMIT], "\n".join(lines))


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
