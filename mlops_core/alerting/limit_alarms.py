"""Limits as alarms: what readings of one machine and channel make of its stored alarm."""

from collections.abc import Sequence
from datetime import datetime

from mlops_core.alerting.episodes import Alarm, Episode, Stage
from mlops_core.condition.limits import ChannelLimits, LimitState, judge


def limit_state(alarm: Alarm) -> LimitState:
    """Return what is remembered of an alarm's channel."""
    return LimitState.model_validate_json(alarm.evidence) if alarm.evidence else LimitState()


def limit_alarm(
    alarm: Alarm, readings: Sequence[tuple[datetime, float]], limits: ChannelLimits | None, *, unit: str, now: datetime
) -> Alarm:
    """Return the alarm that follows from readings (event time, value) of its machine and channel; itself where none.

    One change of stage at a time: call again with what it returned until it returns what it was given. Where limits
    were taken away (None), an open episode ends with the newest reading that is not from before it.
    """
    if limits is None:
        newest = max((at for at, _ in readings), default=None)
        if alarm.episode is None or not alarm.is_open or newest is None or newest < alarm.episode.opened:
            return alarm
        return alarm.following(episode=alarm.episode.ended(newest), evidence="", now=now)
    state = limit_state(alarm)
    after = judge(state, readings, limits)
    if after == state:
        return alarm
    episode = alarm.episode
    if after.stage is None:
        episode = episode.ended(after.changed) if episode and state.stage and after.changed else episode
    elif after.stage != state.stage:
        reasons = (_reason(alarm.subject, after, limits, unit),)
        if episode is not None and episode.is_open:
            episode = episode.raised(Stage(after.stage), reasons)
        else:
            # The one before was closed by a person, or there was none.
            opened = after.changed if state.stage else after.opened
            episode = Episode(
                machine_id=alarm.machine_id,
                source=alarm.source,
                subject=alarm.subject,
                stage=Stage(after.stage),
                opened=opened or now,
                reasons=reasons,
            )
    return alarm.following(episode=episode, evidence=after.model_dump_json(exclude_none=True), now=now)


def _reason(channel: str, state: LimitState, limits: ChannelLimits, unit: str) -> str:
    limit, name = (limits.act, limits.act_name) if state.stage == Stage.ACT else (limits.watch, limits.watch_name)
    if limit is None or state.value is None or state.opened is None:
        raise AssertionError  # a stage has a limit, and a reading that reached it
    side = "from" if limits.is_upper else "down from"
    return (
        f"{channel} is {state.value:.3g} {unit}, {name} ({side} {limit:g} {unit}, {limits.source}),"
        f" since {state.opened:%Y-%m-%d %H:%M} UTC"
    )
