"""The words of every message that a person receives."""

from collections.abc import Mapping, Sequence
from typing import Final

from mlops_core.alerting.episode_notices import Notice
from mlops_core.alerting.hysteresis import AlarmState, Score
from mlops_core.alerting.silence import ChannelOfMachine, Heard

__all__ = ["Notice", "notice", "silence_notice"]

_NAMED_AT_MOST: Final = 50
_SUBJECT_LIMIT: Final = 100  # of SNS


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


def silence_notice(
    fallen: Sequence[ChannelOfMachine], again: Sequence[ChannelOfMachine], now: Mapping[ChannelOfMachine, Heard]
) -> Notice:
    """Return what to tell people of the channels that have turned: one message, however many there are."""
    counts = [
        *([f"{len(fallen)} silent"] if fallen else []),
        *([f"{len(again)} heard again"] if again else []),
    ]
    lines = [
        *(
            f"{name.machine_id} {name.channel}: silent since before {now[name].not_after:%Y-%m-%d %H:%M} UTC"
            for name in fallen
        ),
        *(f"{name.machine_id} {name.channel}: heard again" for name in again),
    ]
    more = len(lines) - _NAMED_AT_MOST
    total = sum(heard.is_silent for heard in now.values())
    text = [*lines[:_NAMED_AT_MOST], *([f"and {more} more"] if more > 0 else []), f"Silent in all: {total}."]
    return Notice(f"Sensors: {', '.join(counts)}", "\n".join(text))
