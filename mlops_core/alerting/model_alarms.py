"""Predictions as alarms: what a machine's score makes of its stored alarm."""

from datetime import datetime

from mlops_core.alerting.episodes import Alarm, Episode, Stage
from mlops_core.alerting.hysteresis import AlarmState, Score
from mlops_core.prognosis import statements


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
