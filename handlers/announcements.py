"""Alarms from their stored state to a message: stored first, then sent, then noted, so that each is sent at least once.

Who stores a change that is news (an episode opened, rose, ended, or is due again) claims its announcement with that
write, and makes it; other changes leave the claim alone. Where that process dies in between, the next one that meets
the alarm after the claim has expired claims it anew, by one conditional write: it has the same message again, the next
reading of the channel, or is a scoring run. Until then the announcement is left to the process that has claimed it.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handlers.stores.alarms import MOST_ATTEMPTS, AlarmContendedError, Alarms
from handlers.stores.notices import Notifier
from mlops_core.alerting import episodes
from mlops_core.alerting.digest import MOST_NOTICES, digest_notice
from mlops_core.alerting.episode_notices import Notice, episode_notice, is_reminder
from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode

logger = Logger(child=True)
metrics = Metrics()


class Step(Protocol):
    """What becomes of an alarm at `now`; itself where nothing does."""

    def __call__(self, alarm: Alarm, /, *, now: datetime) -> Alarm:
        """Return the alarm that follows."""
        ...


class AlarmDesk:
    """Changes alarms by optimistic concurrency and announces what changed."""

    def __init__(
        self, alarms: Alarms, notifier: Notifier, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._alarms = alarms
        self._notifier = notifier
        self._clock = clock
        self._gathered: dict[tuple[str, str], Alarm] | None = None
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
        alarm = known or self._alarms.load(machine_id, source, subject)
        attempts = 0
        while True:
            now = self._clock()
            after = step(alarm, now=now)
            if after == alarm:
                return self.announce(alarm)
            if self._alarms.save(after, now=now):
                alarm = self.announce(after, has_claimed=after.claimed_until is not None)
                continue
            attempts += 1
            if attempts == MOST_ATTEMPTS:
                raise AlarmContendedError(alarm)
            alarm = self._alarms.load(machine_id, source, subject)

    def announce(self, alarm: Alarm, *, has_claimed: bool = False) -> Alarm:
        """Send what is due of an alarm, unless another process has claimed it; returns it as it is known now."""
        episode = alarm.episode
        if episode is None or not alarm.is_due():
            return alarm
        now = self._clock()
        waiting = (self._gathered or {}).get((alarm.machine_id, alarm.key))
        if waiting and waiting.episode and waiting.episode.announcement == episode.announcement:
            return _announced(alarm)
        if not has_claimed:
            alarm = self._alarms.load(alarm.machine_id, alarm.source, alarm.subject)
            episode = alarm.episode
            if episode is None or not alarm.is_due() or alarm.is_claimed(now):
                return alarm
            until = now + episodes.ANNOUNCING
            if not self._alarms.claim(alarm, until=until):
                return alarm
            alarm = alarm.model_copy(update={"claimed_until": until})
        if self._gathered is not None:
            return self._gather(self._gathered, alarm, now)
        self._send(episode_notice(episode), [alarm], about=_about(episode), now=now)
        return _announced(alarm)

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Send what changes within the block at its end: each by itself, or all in one where they are many.

        What waits longer than half of the time in which others leave it alone is sent before.
        """
        self._gathered = {}
        try:
            yield
        finally:
            gathered, self._gathered = self._gathered, None
            self._send_gathered((gathered or {}).values())

    def _gather(self, gathered: dict[tuple[str, str], Alarm], alarm: Alarm, now: datetime) -> Alarm:
        since = (self._gathering_since if gathered else None) or now
        self._gathering_since = since
        gathered[alarm.machine_id, alarm.key] = alarm
        if now - since > episodes.ANNOUNCING / 2:
            self._gathered = {}
            self._send_gathered(gathered.values())
        return _announced(alarm)

    def _send_gathered(self, alarms: Iterable[Alarm]) -> None:
        by_kind: dict[str, list[Alarm]] = {}
        for alarm in alarms:
            if alarm.episode is not None:
                by_kind.setdefault(_about(alarm.episode), []).append(alarm)
        for about, due in by_kind.items():
            changed = [alarm.episode for alarm in due if alarm.episode is not None]
            if len(due) > MOST_NOTICES:
                self._send(digest_notice(changed), due, about=about, now=self._clock())
            else:
                for alarm, episode in zip(due, changed, strict=True):
                    self._send(episode_notice(episode), [alarm], about=about, now=self._clock())

    def _send(self, notice: Notice, alarms: Sequence[Alarm], *, about: str, now: datetime) -> None:
        is_sent = False
        try:
            self._notifier.publish(notice, about=about)
            is_sent = True
        finally:
            if not is_sent:
                for alarm in alarms:
                    self._alarms.release(alarm, at=now)
        for alarm in alarms:
            self._alarms.note_announced(alarm)
            if alarm.episode is not None:
                extra = {"episode": alarm.episode.id, "announcement": alarm.episode.announcement}
                logger.info("Alarm announced", extra=extra)
        metrics.add_metric("AlarmsAnnounced", MetricUnit.Count, len(alarms))


def _announced(alarm: Alarm) -> Alarm:
    """Return an alarm as it is once its announcement is sent."""
    return alarm.model_copy(update={"announced": alarm.episode.announcement}) if alarm.episode else alarm


def _about(episode: Episode) -> str:
    return "escalation" if is_reminder(episode) else "machine"
