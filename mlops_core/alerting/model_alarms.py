"""A fleet's predictions over time, and as alarms: when a machine raises one, and when it is calm again.

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

from mlops_core.alerting.episodes import Alarm, Episode, Stage
from mlops_core.prognosis import Prediction, statements
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
    row, known_row = (prediction.window_end, revision), (known.window_end, previous.revision)
    if row < known_row or (row == known_row and prediction.model_version == known.model_version):
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


def model_alarm(alarm: Alarm, score: Score, *, horizon_hours: float, now: datetime) -> Alarm:
    """Return the alarm that follows from a machine's newest score; itself where nothing does."""
    episode, state = alarm.episode, score.alarm.state
    is_open = alarm.is_open
    if state is AlarmState.NORMAL:
        if episode is None or not is_open:
            return alarm
        after = episode.ended(score.alarm.since)
    elif episode is not None and (is_open or episode.opened >= score.alarm.since):
        # An episode that a person closed stays closed until the machine has been normal again.
        after = episode.raised(Stage(state), _reasons(score, horizon_hours))
    else:
        after = Episode(
            machine_id=alarm.machine_id,
            source=alarm.source,
            stage=Stage(state),
            opened=score.alarm.since,
            reasons=_reasons(score, horizon_hours),
        )
    return alarm if after == episode else alarm.following(episode=after, evidence="", now=now)


def _reasons(score: Score, horizon_hours: float) -> tuple[str, ...]:
    prediction = score.prediction
    until = f"{prediction.window_end:%Y-%m-%d %H:%M} UTC"
    life = f"{prediction.rul_hours_p10:.0f} to {prediction.rul_hours_p90:.0f} h"
    return (
        (
            f"it may fail within {horizon_hours:g} h with a probability of {prediction.failure_probability:.0%}, from"
            f" readings until {until}; it has {prediction.rul_hours_p50:.0f} h left, in 8 of 10 cases {life}"
            f" (model {prediction.model_version})"
        ),
        *statements(prediction, risk=0.0),
        *(["some of its features are unlike all that the model has seen"] if prediction.unusual_features else []),
    )
