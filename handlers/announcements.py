"""Alarms from their stored state to a message: stored first, then sent, then noted, so that each is sent at least once.

Who stores a change that is news (an episode opened, rose, ended, or is due again) claims its announcement with that
write, and makes it; other changes leave the claim alone. If that process dies before it has announced, the claim
expires, and the next process that reads the alarm claims it by a conditional write: one that gets the same message
again, or the next reading of the channel, or a scoring run. Until then no other process announces it.

Each scoring run reads all alarms: a shelved episode returns when its time is over, an unacknowledged one is announced
again, and an announcement whose claim has expired is made. Nothing else need ever read such an alarm again.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from contract.environment import AlarmSettings
from handlers.logs import count, logger
from handlers.stores import MOST_ATTEMPTS, AlarmContendedError, Alarms, Notifier, clients
from mlops_core.alerting import episodes, overdue_alarm
from mlops_core.alerting.episode_notices import MOST_NOTICES, Notice, digest_notice, episode_notice, is_reminder
from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode

_Due = tuple[Alarm, Episode]
"""An alarm whose announcement is due, and its episode."""


class Step(Protocol):
    """What becomes of an alarm at `now`; itself where nothing does."""

    def __call__(self, alarm: Alarm, /, *, now: datetime) -> Alarm:
        """Return the alarm that follows."""
        ...


class AlarmDesk:
    """Changes `alarms` by optimistic concurrency and announces through `notifier` what changed."""

    def __init__(
        self, alarms: Alarms, notifier: Notifier, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.alarms = alarms
        self.notifier = notifier
        self._clock = clock
        self._gathered: dict[tuple[str, str], _Due] | None = None
        self._gathering_since: datetime | None = None

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

        known: the alarm as this process has it in memory, which saves reading it. Raises AlarmContendedError.
        """
        alarm = known or self.alarms.load(machine_id, source, subject)
        attempts = 0
        while True:
            now = self._clock()
            after = step(alarm, now=now)
            if after == alarm:
                return self.announce(alarm)
            if self.alarms.save(after, now=now):
                alarm = self.announce(after, has_claimed=after.claimed_until is not None)
                continue
            attempts += 1
            if attempts == MOST_ATTEMPTS:
                raise AlarmContendedError(alarm)
            alarm = self.alarms.load(machine_id, source, subject)

    def announce(self, alarm: Alarm, *, has_claimed: bool = False) -> Alarm:
        """Send the announcement that is due, unless another process has claimed it; returns the alarm as known now."""
        episode = alarm.episode
        if episode is None or not alarm.is_due():
            return alarm
        now = self._clock()
        waiting = (self._gathered or {}).get((alarm.machine_id, alarm.key))
        if waiting and waiting[1].announcement == episode.announcement:
            return _announced(alarm)
        if not has_claimed:
            alarm = self.alarms.load(alarm.machine_id, alarm.source, alarm.subject)
            episode = alarm.episode
            if episode is None or not alarm.is_due() or alarm.is_claimed(now):
                return alarm
            until = now + episodes.ANNOUNCING
            if not self.alarms.claim(alarm, until=until):
                return alarm
            alarm = alarm.model_copy(update={"claimed_until": until})
        if self._gathered is not None:
            self._gather(self._gathered, (alarm, episode), now)
        else:
            self._send(episode_notice(episode), [(alarm, episode)])
        return _announced(alarm)

    def announce_waiting(self, *, remind_after: timedelta | None) -> int:
        """Change and announce every alarm whose time has come; returns how many.

        remind_after: how long an episode may wait for an answer; None: for ever.
        """
        step, now = partial(overdue_alarm, remind_after=remind_after), self._clock()
        stored = self.alarms.load_all()
        for alarm in filter(partial(_is_unclaimed, now=now), stored):
            self.announce(alarm)
        due = [alarm for alarm in stored if step(alarm, now=now) != alarm]
        for alarm in due:
            self.change(alarm.machine_id, alarm.source, step, subject=alarm.subject, known=alarm)
        return len(due)

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Send the announcements of the block at its end: each by itself, or one digest where there are many.

        They are sent earlier once the oldest has waited for half of the time that its claim lasts.
        """
        self._gathered = {}
        try:
            yield
        finally:
            gathered, self._gathered = self._gathered, None
            self._send_gathered((gathered or {}).values())

    def _gather(self, gathered: dict[tuple[str, str], _Due], due: _Due, now: datetime) -> None:
        since = (self._gathering_since if gathered else None) or now
        self._gathering_since = since
        gathered[due[0].machine_id, due[0].key] = due
        if now - since > episodes.ANNOUNCING / 2:
            self._gathered = {}
            self._send_gathered(gathered.values())

    def _send_gathered(self, gathered: Iterable[_Due]) -> None:
        by_kind: defaultdict[str, list[_Due]] = defaultdict(list)
        for alarm, episode in gathered:
            by_kind[_about(episode)].append((alarm, episode))
        for due in by_kind.values():
            if len(due) > MOST_NOTICES:
                self._send(digest_notice([episode for _, episode in due]), due)
            else:
                for alarm, episode in due:
                    self._send(episode_notice(episode), [(alarm, episode)])

    def _send(self, notice: Notice, due: Sequence[_Due]) -> None:
        """Send a notice of alarms of one kind."""
        try:
            self.notifier.publish(notice, about=_about(due[0][1]))
        except BaseException:
            for alarm, _ in due:
                self.alarms.release(alarm, at=self._clock())
            raise
        for alarm, episode in due:
            self.alarms.note_announced(alarm)
            logger.info("Alarm announced", extra={"episode": episode.id, "announcement": episode.announcement})
        count(AlarmsAnnounced=len(due))


def alarm_desk(chosen: AlarmSettings) -> AlarmDesk:
    """Return the desk of the table and the topic that these settings name."""
    return AlarmDesk(
        Alarms(clients.dynamodb(), chosen.alarms_table),
        Notifier(clients.sns(), chosen.notice_topic_arn, chosen.time_zone),
    )


def _is_unclaimed(alarm: Alarm, *, now: datetime) -> bool:
    """Whether an announcement is due and no process has claimed it. An episode that a person closed needs none."""
    is_wanted = alarm.episode is not None and not alarm.episode.was_closed_by_person
    return is_wanted and alarm.is_due() and not alarm.is_claimed(now)


def _announced(alarm: Alarm) -> Alarm:
    """Return an alarm as it is once its announcement is sent."""
    return alarm.model_copy(update={"announced": alarm.episode.announcement}) if alarm.episode else alarm


def _about(episode: Episode) -> str:
    return "escalation" if is_reminder(episode) else "machine"
