"""The state of a machine: one rule, for the HTTP API, the commands, the page and every message.

```
RETIRED > FAILED > IN_MAINTENANCE > SILENT > OFF > NEW > RUNNING        the first whose facts hold
```
Alarm stages (WATCH, ACT) are no states: they belong to alarm episodes of a machine that runs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from mlops_core.condition.classes import MachineRecord
from mlops_core.condition.severity import evaluation_zone

ENOUGH_HISTORY: Final = timedelta(hours=24)
"""A machine that has run for less is NEW: its longest windows are not full and its normal level is unknown."""


class OperatingState(StrEnum):
    """What a machine does.

    NEW: no features, or less than `ENOUGH_HISTORY` of them. RUNNING. OFF: it sends and does not run, by the rule of
    its class. SILENT: no channel of it sends. IN_MAINTENANCE: within planned maintenance. FAILED: from a functional
    failure until the return to service. RETIRED: it has left the fleet.
    """

    NEW = "NEW"
    RUNNING = "RUNNING"
    OFF = "OFF"
    SILENT = "SILENT"
    IN_MAINTENANCE = "IN_MAINTENANCE"
    FAILED = "FAILED"
    RETIRED = "RETIRED"

    @property
    def is_predicted(self) -> bool:
        """Whether a model says anything of such a machine; of one that is silent, from its last readings."""
        return self in {OperatingState.NEW, OperatingState.RUNNING, OperatingState.SILENT}

    @property
    def may_alarm(self) -> bool:
        """Whether limits, models and silence may open an alarm episode: where something is predicted, too."""
        return self.is_predicted


def is_silent(last: datetime | None, *, until: datetime, after: timedelta) -> bool:
    """Return whether nothing arrived for `after` or longer; what was never seen is silent.

    Args:
        last: event time of the newest reading, or the latest time that it may have; None: nothing ever arrived.
        until: up to when readings are known.
        after: how long it may say nothing.

    """
    return last is None or until - last >= after


@dataclass(frozen=True)
class MachineFacts:
    """What is known of one machine.

    Attributes:
        machine_id: which.
        last_seen_by: event time of its newest reading on any channel, or the latest time that it may have.
        is_silent: whether every channel of it is silent, by `is_silent`.
        history: time covered by its features; None: it has no features.
        is_off: whether it does not run although it sends, by the rule of its class.
        failed_at: its functional failure that no return to service has followed.
        record: its record as kept by operators.

    """

    machine_id: str
    last_seen_by: datetime | None
    is_silent: bool
    history: timedelta | None = None
    is_off: bool = False
    failed_at: datetime | None = None
    record: MachineRecord | None = None


class StateSince(NamedTuple):
    """A state and since when it holds, where that is known."""

    state: OperatingState
    since: datetime | None = None


def operating_state(facts: MachineFacts, *, at: datetime) -> StateSince:
    """Return the state of a machine at `at`: of those whose facts hold, the one that counts first."""
    record = facts.record
    if record is not None and record.is_retired(at):
        return StateSince(OperatingState.RETIRED, record.retired_at)
    if facts.failed_at is not None and facts.failed_at <= at:
        return StateSince(OperatingState.FAILED, facts.failed_at)
    if record is not None and (planned := record.maintenance_at(at)) is not None:
        return StateSince(OperatingState.IN_MAINTENANCE, planned.begins)
    if facts.is_silent and not _is_awaited(facts, at):
        return StateSince(OperatingState.SILENT, facts.last_seen_by)
    if facts.is_off:
        return StateSince(OperatingState.OFF)
    if facts.history is None or facts.history < ENOUGH_HISTORY:
        return StateSince(OperatingState.NEW)
    return StateSince(OperatingState.RUNNING)


def _is_awaited(facts: MachineFacts, at: datetime) -> bool:
    """Whether nothing has arrived yet of a machine that was added a short while ago."""
    known_since = None if facts.record is None else facts.record.since
    return facts.last_seen_by is None and known_since is not None and at - known_since < ENOUGH_HISTORY


@dataclass(frozen=True)
class Freshness:
    """When a machine's channel was last seen.

    ``last_seen`` is the event time of its newest reading, None where no reading of the last hours shows it; then the
    features bound it: it was ``not_after`` that moment. Both are None for a channel that was never seen.
    """

    channel: str
    last_seen: datetime | None
    not_after: datetime | None

    def is_silent(self, now: datetime, after: timedelta) -> bool:
        """Whether nothing has arrived for longer than ``after``."""
        return is_silent(self.bound, until=now, after=after)

    @property
    def bound(self) -> datetime | None:
        """The event time of its newest reading, or the latest that it may have."""
        return self.last_seen or self.not_after


@dataclass(frozen=True)
class KnownMachine:
    """What is known of one machine: ``status`` of a simulated one, ``vibration`` (mm/s) of its newest features."""

    machine_id: str
    state: StateSince
    status: str | None
    window_end: datetime | None
    vibration: float | None
    channels: tuple[Freshness, ...]
    record: MachineRecord | None = None

    @property
    def zone(self) -> str | None:
        """The ISO 20816 zone of its vibration; None where the newest windows hold none."""
        return None if self.vibration is None else str(evaluation_zone(self.vibration))

    @property
    def last_seen(self) -> datetime | None:
        """When any of its channels was last seen, among the newest readings."""
        return max((channel.last_seen for channel in self.channels if channel.last_seen is not None), default=None)

    @property
    def last_seen_by(self) -> datetime | None:
        """When it was last seen at the latest: by its newest readings, or by the features that bound it."""
        return max((channel.bound for channel in self.channels if channel.bound is not None), default=None)

    def as_report(self, now: datetime, silent_after: timedelta) -> dict[str, object]:
        """As part of a report."""
        return {
            "machine_id": self.machine_id,
            "state": str(self.state.state),
            "state_since": self.state.since,
            "status": self.status,
            "zone": self.zone,
            "vibration": self.vibration,
            "window_end": self.window_end,
            "channels": [
                {
                    "channel": channel.channel,
                    "last_seen": channel.last_seen,
                    "not_after": channel.not_after,
                    "silent": channel.is_silent(now, silent_after),
                }
                for channel in self.channels
            ],
        }
