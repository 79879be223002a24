"""Alarms from their stored state to a message: stored first, then sent, then noted, so that each is sent at least once.

Who stores a change announces it. Where that process dies in between, whoever meets the alarm after its claim has run
out claims it anew, by one conditional write, and announces it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handlers.stores.alarms import MOST_ATTEMPTS, AlarmContendedError, Alarms
from handlers.stores.notices import NoticeBoard
from mlops_core.alerting import episodes
from mlops_core.alerting.episode_notices import episode_notice, is_reminder
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.errors import MlopsError

logger = Logger(child=True)
metrics = Metrics()


class Step(Protocol):
    """What becomes of an alarm at `now`; itself where nothing does."""

    def __call__(self, alarm: Alarm, /, *, now: datetime) -> Alarm:
        """Return the alarm that follows."""
        ...


class AnnouncementPendingError(MlopsError):
    """Another process has claimed an announcement and not noted it yet: whether it gets that far is open."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(f"{alarm.machine_id} {alarm.key} is being announced by another process", "Try again later")


class AlarmDesk:
    """Changes alarms by optimistic concurrency and announces what changed."""

    def __init__(
        self, alarms: Alarms, board: NoticeBoard, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._alarms = alarms
        self._board = board
        self._clock = clock

    def change(
        self,
        machine_id: str,
        source: AlarmSource,
        step: Step,
        *,
        subject: str = "",
        known: Alarm | None = None,
    ) -> Alarm:
        """Apply `step` until it returns what it was given; returns the alarm as it is stored then.

        known: the alarm as this process has it in memory, which saves reading it. Every change of the episode is
        announced. Raises AlarmContendedError.
        """
        alarm = known or self._alarms.load(machine_id, source, subject)
        attempts = 0
        while True:
            now = self._clock()
            after = step(alarm, now=now)
            if after == alarm:
                return self.announce(alarm)
            if self._alarms.save(after, now=now):
                alarm = self.announce(after, is_writer=True)
                continue
            attempts += 1
            if attempts == MOST_ATTEMPTS:
                raise AlarmContendedError(alarm)
            alarm = self._alarms.load(machine_id, source, subject)

    def announce(self, alarm: Alarm, *, is_writer: bool = False) -> Alarm:
        """Send what is due of an alarm; returns it as it is known now.

        Raises AnnouncementPendingError, so that whoever asked keeps its message until the announcement is certain.
        """
        if alarm.episode is None or not alarm.is_due():
            return alarm
        now = self._clock()
        if not is_writer:
            alarm = self._alarms.load(alarm.machine_id, alarm.source, alarm.subject)
            if alarm.episode is None or not alarm.is_due():
                return alarm
            if alarm.is_claimed(now) or not self._alarms.claim(alarm, until=now + episodes.ANNOUNCING):
                raise AnnouncementPendingError(alarm)
        is_sent = False
        try:
            about = "escalation" if is_reminder(alarm.episode) else "machine"
            self._board.publish(episode_notice(alarm.episode), about=about)
            is_sent = True
        finally:
            if not is_sent:
                self._alarms.release(alarm, at=now)
        self._alarms.note_announced(alarm)
        metrics.add_metric("AlarmsAnnounced", MetricUnit.Count, 1)
        logger.info("Alarm announced", extra={"episode": alarm.episode.id, "announcement": alarm.episode.announcement})
        return alarm.model_copy(update={"announced": alarm.episode.announcement})
