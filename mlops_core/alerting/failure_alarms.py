"""Functional failures as alarms: a failure that a sensor announces opens an episode, the return to service ends it."""

from datetime import datetime

from mlops_core.alerting.episodes import Alarm, Episode, Stage
from mlops_core.telemetry import FailureEvent


def failure_alarm(alarm: Alarm, event: FailureEvent, *, returned_at: datetime | None, now: datetime) -> Alarm:
    """Return the alarm that follows a failure event; itself where the event is known or history.

    returned_at: when the machine was last returned to service, as far as is recorded.
    """
    at, episode = event.event_timestamp, alarm.episode
    if returned_at is not None and at <= returned_at:
        return alarm
    if episode is not None and episode.is_open and not (returned_at is not None and episode.opened < returned_at):
        return alarm  # it has failed already, and did not run since
    if episode is not None and episode.closed is not None and at <= episode.closed:
        return alarm
    failed = Episode(
        machine_id=alarm.machine_id,
        source=alarm.source,
        stage=Stage.ACT,
        opened=at,
        reasons=(
            (
                f"it reported {event.event_code} at {at:%Y-%m-%d %H:%M:%S} UTC:"
                f" measured {event.measured_value:.4g}, threshold {event.threshold:.4g}"
            ),
        ),
    )
    return alarm.following(episode=failed, evidence="", now=now)


def returned_alarm(alarm: Alarm, *, returned_at: datetime | None, now: datetime) -> Alarm:
    """Return the alarm of a machine that was returned to service; itself where it has not been since it failed."""
    episode = alarm.episode
    if episode is None or not episode.is_open or returned_at is None or returned_at < episode.opened:
        return alarm
    return alarm.following(episode=episode.ended(returned_at), evidence="", now=now)
