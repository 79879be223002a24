"""Alarms that wait: a shelved one returns when its time is over, and an unacknowledged one is announced again.

So is what a process stored and did not live to announce, once its minute is over: nothing else may ever look at it.
"""

from datetime import UTC, datetime, timedelta
from functools import partial

from handlers.announcements import AlarmDesk
from handlers.stores.alarms import Alarms
from mlops_core.alerting import tended_alarm
from mlops_core.alerting.episodes import Alarm


def tend(alarms: Alarms, desk: AlarmDesk, *, remind_after: timedelta | None) -> int:
    """Change and announce every alarm whose time has come; returns how many.

    remind_after: how long an episode may wait for an answer; None: for ever.
    """
    step, now = partial(tended_alarm, remind_after=remind_after), datetime.now(UTC)
    stored = alarms.load_all()
    for alarm in filter(partial(_is_left, now=now), stored):
        desk.announce(alarm)
    due = [alarm for alarm in stored if step(alarm, now=now) != alarm]
    for alarm in due:
        desk.change(alarm.machine_id, alarm.source, step, subject=alarm.subject, known=alarm)
    return len(due)


def _is_left(alarm: Alarm, *, now: datetime) -> bool:
    """Whether an announcement is due that nobody is making; what a person has closed needs none any more."""
    is_wanted = alarm.episode is not None and not alarm.episode.was_closed_by_person
    return is_wanted and alarm.is_due() and not alarm.is_claimed(now)
