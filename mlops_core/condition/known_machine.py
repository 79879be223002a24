"""One machine as commands, the page and its snapshot see it: its state, and how fresh each of its channels is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_core.condition.machine_record import MachineRecord
from mlops_core.condition.operating_state import StateSince, is_silent
from mlops_core.condition.severity import evaluation_zone


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
