"""A fleet's predictions over time: when a machine raises an alarm, and when it is calm again.

```
probability  act        . . . . . . . x . . . . . . . . . . .   WATCH becomes ACT
             threshold  . . x x x . x . . . . . . . . . . . .   raised by the third prediction in a row at or above it
                        ........x . . x x . . . . . . . . . .   between the two nothing changes
             half of it . . . . . . . . . x . . x x x . . . .   cleared by the third in a row below this
```
Hysteresis: a probability that hovers about the threshold sends one message and not one an hour. The model's plan was
found by a replay of these very rules (`mlops_core.prognosis.alarm_replay`).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from mlops_core.prognosis import Prediction
from mlops_core.prognosis.alarm_budget import AlarmPlan
from mlops_core.prognosis.alarm_replay import CALM, CLEAR_SHARE


class AlarmState(StrEnum):
    """Whether a machine needs somebody; WATCH and ACT are the stages of an episode."""

    NORMAL = "NORMAL"
    WATCH = "WATCH"
    ACT = "ACT"


@dataclass(frozen=True)
class MachineAlarm:
    """A state, the `window_end` since which it holds, and how many predictions in a row speak for another.

    `hot` counts those at or above the threshold, `calm` those below half of it.
    """

    state: AlarmState
    since: datetime
    calm: int = 0
    hot: int = 0


@dataclass(frozen=True)
class Score:
    """What is kept of a machine after its newest prediction.

    Attributes:
        prediction: the newest.
        revision: of the feature row that it was made from.
        alarm: what follows from it and from those before.
        sequence: how often the machine was scored; guards the next write.

    """

    prediction: Prediction
    revision: int
    alarm: MachineAlarm
    sequence: int


def next_score(
    previous: Score | None,
    prediction: Prediction,
    *,
    revision: int,
    plan: AlarmPlan,
    open_alarm: MachineAlarm | None = None,
) -> Score | None:
    """Return the score that follows `previous`; None where the prediction is not newer, or no other than that one.

    Args:
        previous: the machine's last score; None: it has none.
        prediction: the new one.
        revision: of the feature row that it was made from.
        plan: of the model; without thresholds nothing is raised.
        open_alarm: the state of the machine's open episode, which goes on where the score before was lost.

    """
    if previous is None:
        first = open_alarm or MachineAlarm(AlarmState.NORMAL, prediction.window_end)
        return Score(prediction, revision, _next_alarm(first, prediction, plan, is_later=True), 1)
    known = previous.prediction
    if (prediction.window_end, revision) < (known.window_end, previous.revision):
        return None
    same_row = (prediction.window_end, revision) == (known.window_end, previous.revision)
    if same_row and prediction.model_version == known.model_version:
        return None
    is_later = prediction.window_end > known.window_end
    alarm = _next_alarm(previous.alarm, prediction, plan, is_later=is_later)
    return Score(prediction, revision, alarm, previous.sequence + 1)


def _next_alarm(alarm: MachineAlarm, prediction: Prediction, plan: AlarmPlan, *, is_later: bool) -> MachineAlarm:
    # The same hour predicted again is no further evidence, by another model or of corrected features.
    probability = prediction.failure_probability
    if plan.watch is not None and probability >= plan.watch:
        hot = max(alarm.hot + is_later, 1)
        if alarm.state is AlarmState.NORMAL and hot < plan.persistence:
            return replace(alarm, hot=hot, calm=0)
        is_urgent = plan.act is not None and probability >= plan.act
        state = AlarmState.ACT if is_urgent or alarm.state is AlarmState.ACT else AlarmState.WATCH
        since = prediction.window_end if alarm.state is AlarmState.NORMAL else alarm.since
        return MachineAlarm(state, since, hot=hot)
    if alarm.state is AlarmState.NORMAL:
        return replace(alarm, hot=0)
    if plan.watch is not None and probability >= CLEAR_SHARE * plan.watch:
        return MachineAlarm(alarm.state, alarm.since)
    calm = alarm.calm + is_later
    if calm >= CALM:
        return MachineAlarm(AlarmState.NORMAL, prediction.window_end)
    return MachineAlarm(alarm.state, alarm.since, calm)
