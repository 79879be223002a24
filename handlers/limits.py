"""Limits: readings are compared with them where they arrive, and an alarm is stored and announced where one is crossed.

What is stored of a channel is kept in the process and looked up again every minute: few channels have an alarm. A
process that knows less than is stored finds out by the conditional write, looks again and judges anew, so what it does
not know delays an alarm's end by a minute and never loses or doubles one. The records of machines (class, planned
maintenance, retirement) are looked up every five minutes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from handlers.announcements import AlarmDesk
from handlers.deliveries import Delivered, grouped
from handlers.logs import logger
from handlers.stores import Machines
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.alerting.limit_alarms import limit_alarm, limit_state
from mlops_core.condition import MachineRecord
from mlops_core.condition.classes import MachineClasses, class_of, limits_of
from mlops_core.condition.limits import ChannelLimits
from mlops_core.telemetry import Channel, Reading, RunningRule, RunningTrack

LOOKED_UP_EVERY: Final = timedelta(minutes=1)
MACHINES_LOOKED_UP_EVERY: Final = timedelta(minutes=5)
OLDEST: Final = timedelta(hours=1)
"""A reading that was older when it arrived is late data: it changes features and raises no alarm."""

_Channel = tuple[str, str]
Found = TypeVar("Found")


class LimitWatch:
    """Judges the readings of one process."""

    def __init__(
        self,
        desk: AlarmDesk,
        classes: MachineClasses,
        channels: Mapping[str, Channel],
        machines: Machines,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._desk = desk
        self._classes = classes
        self._channels = channels
        self._machines = machines
        self._clock = clock
        self._records: Mapping[str, MachineRecord] = {}
        self._track = RunningTrack()
        self._records_looked_up: datetime | None = None
        self._known: dict[_Channel, Alarm] = {}
        self._looked_up: datetime | None = None
        self._of_machine: dict[str, tuple[RunningRule | None, Mapping[str, ChannelLimits]]] = {}

    def to_judge(self, delivered: Iterable[Delivered[Reading]]) -> list[list[Delivered[Reading]]]:
        """Return the readings that may change an alarm, by machine and channel; nearly always none."""
        self._look_up_machines()
        delivered = list(delivered)
        self._note_states(each.message for each in delivered)
        self._look_up()
        limited = [each for each in delivered if self._is_watched(each.message) and self._is_judged(each.message)]
        self._track.forget()
        groups = grouped(limited, _channel)
        return [group for group in groups if self._may_change(group)]

    def judge(self, readings: list[Reading]) -> bool:
        """Judge readings of one machine and channel; True where their alarm changed."""
        channel, limits = _channel(readings[0]), self._limit(readings[0])
        known = self._known.get(channel) or Alarm(machine_id=channel[0], source=AlarmSource.LIMIT, subject=channel[1])
        step = partial(
            limit_alarm,
            readings=[(reading.event_timestamp, reading.value) for reading in readings if reading.value is not None],
            limits=limits,
            unit=self._channels[channel[1]].unit,
        )
        after = self._desk.change(channel[0], AlarmSource.LIMIT, step, subject=channel[1], known=known)
        self._known[channel] = after
        return after.sequence != known.sequence

    def _is_watched(self, reading: Reading) -> bool:
        """Whether a reading's channel has limits, or an open episode of limits that it had."""
        known = self._known.get(_channel(reading))
        return self._limit(reading) is not None or (known is not None and known.is_open)

    def _is_judged(self, reading: Reading) -> bool:
        """Whether a reading was measured and arrived in time, and its machine runs, neither worked on nor retired."""
        if reading.value is None or reading.received_at - reading.event_timestamp > OLDEST:
            return False
        record = self._records.get(reading.machine_id)
        if record is not None and (
            record.is_retired(reading.event_timestamp) or record.maintenance_at(reading.event_timestamp) is not None
        ):
            return False
        return not self._track.is_off(reading.machine_id, reading.event_timestamp)

    def _note_states(self, readings: Iterable[Reading]) -> None:
        if all(each.running is None for each in self._classes.values()):
            return
        for reading in readings:
            rule, _ = self._rule_and_limits(reading.machine_id)
            if rule is not None and reading.value is not None and reading.channel == rule.channel:
                self._track.note(reading.machine_id, reading.event_timestamp, runs=rule.runs(reading.value))

    def _limit(self, reading: Reading) -> ChannelLimits | None:
        return self._rule_and_limits(reading.machine_id)[1].get(reading.channel)

    def _rule_and_limits(self, machine_id: str) -> tuple[RunningRule | None, Mapping[str, ChannelLimits]]:
        """Return when a machine runs, and the limits of its channels; remembered until the records are read again."""
        known = self._of_machine.get(machine_id)
        if known is None:
            record = self._records.get(machine_id)
            rule = class_of(machine_id, self._classes, record).running
            known = rule, limits_of(machine_id, self._classes, self._channels, record)
            self._of_machine[machine_id] = known
        return known

    def _may_change(self, group: list[Delivered[Reading]]) -> bool:
        """Whether a channel is not quiet, or a reading is not clear of its first limit."""
        known = self._known.get(_channel(group[0].message))
        if known is not None and (known.is_due() or not limit_state(known).is_quiet):
            return True
        limits = self._limit(group[0].message)
        values = (each.message.value for each in group)
        return limits is not None and any(
            limits.is_beyond(value, limits.first) for value in values if value is not None
        )

    def _look_up(self) -> None:
        now = self._clock()
        if self._looked_up is not None and now - self._looked_up < LOOKED_UP_EVERY:
            return
        stored = _unless_it_passes(lambda: self._desk.alarms.load_all(AlarmSource.LIMIT))
        if stored is not None:
            self._known = {(alarm.machine_id, alarm.subject): alarm for alarm in stored}
            self._looked_up = now

    def _look_up_machines(self) -> None:
        now = self._clock()
        if self._records_looked_up is not None and now - self._records_looked_up < MACHINES_LOOKED_UP_EVERY:
            return
        records = _unless_it_passes(self._machines.load_all)
        if records is not None:
            self._records, self._of_machine = records, {}
            self._records_looked_up = now


def _unless_it_passes(read: Callable[[], Found]) -> Found | None:
    """Return what is stored; None where it cannot be read now: the readings are kept, and the next batch looks again.

    Whatever is written next is conditional, so what was known before goes on.
    """
    try:
        return read()
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "AccessDeniedException":
            raise  # that does not pass by itself
        logger.warning("A table cannot be read; what is known of it goes on", exc_info=True)
        return None


def _channel(reading: Reading) -> _Channel:
    return reading.machine_id, reading.channel
