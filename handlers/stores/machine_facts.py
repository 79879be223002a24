"""The facts from which a machine's state follows, read from the tables: for the endpoint, scoring and commands.

A machine has failed where a failure that was announced is open, or a technician has recorded one in time, and no return
to service has followed. A failure that was recorded more than a week after it happened is history: it says nothing of
today.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from handlers.stores.alarms import Alarms
from handlers.stores.label_history import LabelEntry, LabelHistory, last_return
from handlers.stores.machines import Machines
from handlers.stores.online_features import FeatureRow
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.condition import ENOUGH_HISTORY, MachineFacts, MachineRecord, OperatingState, operating_state
from mlops_core.features import is_off
from mlops_core.telemetry import MaintenanceKind

TIMELY: Final = timedelta(days=7)
_AGE: Final = "age_hours"


@dataclass(frozen=True)
class Known:
    """What the tables say of one machine beside its readings.

    Attributes:
        record: its record as kept by operators.
        failure: its alarm of functional failures.
        failed_at: its failure that no return to service has followed.
        returned_at: when it was last returned to service.

    """

    record: MachineRecord | None = None
    failure: Alarm | None = None
    failed_at: datetime | None = None
    returned_at: datetime | None = None

    def facts(
        self, machine_id: str, row: FeatureRow | None, *, last_seen_by: datetime | None, is_silent: bool
    ) -> MachineFacts:
        """Return the facts of the machine with its newest features, and when it was last seen."""
        return MachineFacts(
            machine_id=machine_id,
            last_seen_by=last_seen_by,
            is_silent=is_silent,
            history=None if row is None else self._history(row),
            is_off=row is not None and is_off(row.features),
            failed_at=self.failed_at,
            record=self.record,
        )

    def state_without_readings(self, machine_id: str, at: datetime) -> OperatingState:
        """Return the state that records and failures alone imply: RUNNING where they imply none."""
        facts = MachineFacts(
            machine_id, at, is_silent=False, history=ENOUGH_HISTORY, failed_at=self.failed_at, record=self.record
        )
        return operating_state(facts, at=at).state

    def _history(self, row: FeatureRow) -> timedelta:
        """Return for how long a machine has been in service; its age counts from the last return, if there was one."""
        hours = row.features.get(_AGE)
        return ENOUGH_HISTORY if self.returned_at is not None or hours is None else timedelta(hours=hours)


UNKNOWN: Final = Known()
"""Of a machine that no table names."""


class MachineKnowledge:
    """The tables of alarms, of label history and of machines."""

    def __init__(self, alarms: Alarms, history: LabelHistory, machines: Machines) -> None:
        self._alarms = alarms
        self._history = history
        self._machines = machines

    def of_machine(self, machine_id: str) -> Known:
        """Return what is known of one machine."""
        alarm = self._alarms.load(machine_id, AlarmSource.FAILURE)
        stored = alarm if alarm.sequence else None
        return _known(self._machines.load(machine_id), stored, self._history.of_machine(machine_id))

    def of_fleet(self) -> Mapping[str, Known]:
        """Return what is known of each machine that a table names; of others nothing is: `UNKNOWN`."""
        alarms = {alarm.machine_id: alarm for alarm in self._alarms.load_all(AlarmSource.FAILURE)}
        entries: defaultdict[str, list[LabelEntry]] = defaultdict(list)
        for entry in self._history.entries():
            entries[entry.machine_id].append(entry)
        records = self._machines.load_all()
        return {
            machine_id: _known(records.get(machine_id), alarms.get(machine_id), entries[machine_id])
            for machine_id in sorted({*alarms, *entries, *records})
        }


def replaced_of(known: Mapping[str, Known]) -> dict[str, Mapping[str, datetime]]:
    """Return by machine and channel since when its sensor is there, where it was replaced or moved."""
    return {name: each.record.replaced for name, each in known.items() if each.record and each.record.replaced}


def _known(record: MachineRecord | None, alarm: Alarm | None, entries: Sequence[LabelEntry]) -> Known:
    returned, episode = last_return(entries), None if alarm is None else alarm.episode
    recorded = [
        entry.event_timestamp
        for entry in entries
        if entry.kind is MaintenanceKind.FAILURE
        and entry.recorded_at is not None
        and entry.recorded_at - entry.event_timestamp < TIMELY
    ]
    failures = [*recorded, *([episode.opened] if episode is not None and episode.is_open else [])]
    since = max((at for at in failures if returned is None or returned < at), default=None)
    return Known(record, alarm, since, returned)
