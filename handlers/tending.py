"""Alarms that wait: a shelved one returns when its time is over, and an unacknowledged one is announced again."""

from datetime import UTC, datetime, timedelta
from functools import partial

from handlers.announcements import AlarmDesk
from handlers.stores.alarms import Alarms
from mlops_core.alerting import tended_alarm


def tend(alarms: Alarms, desk: AlarmDesk, *, remind_after: timedelta | None) -> int:
    """Change and announce every alarm whose time has come; returns how many.

    remind_after: how long an episode may wait for an answer; None: for ever.
    """
    step = partial(tended_alarm, remind_after=remind_after)
    due = [alarm for alarm in alarms.load_all() if step(alarm, now=datetime.now(UTC)) != alarm]
    for alarm in due:
        desk.change(alarm.machine_id, alarm.source, step, subject=alarm.subject, known=alarm)
    return len(due)
