"""The machines of a stack: what the tables and the newest readings say of each, and where a stack keeps that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from pydantic import BaseModel

from handlers.stores.alarms import Alarms
from handlers.stores.fleet import FleetStore
from handlers.stores.items import DamagedItem, Item, OnDamaged, Table
from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from handlers.stores.machine_facts import UNKNOWN, MachineKnowledge
from handlers.stores.machines import Machines
from handlers.stores.online_features import FeatureRow
from handlers.stores.readings import OnDamagedObject, stored_readings
from mlops_core.alerting import NewestWindows, latest_possible
from mlops_core.condition import Freshness, KnownMachine, operating_state
from mlops_core.lake import hour_path
from mlops_core.telemetry import VELOCITY_RMS, Channels, MachineId

HOUR = timedelta(hours=1)
Seen = Mapping[tuple[str, str], datetime]
"""The newest event time of each machine and channel."""


class _Simulated(BaseModel):
    """Of the state of a simulated machine what is shown: the simulator alone reads the rest, which is its physics."""

    machine_id: MachineId
    status: str


class SimulatedMachines(Table[_Simulated]):
    """The table of simulated machines, as those read it who do not simulate."""

    @staticmethod
    def decode(item: Item) -> _Simulated:
        """Return the machine of an item."""
        return _Simulated.model_validate_json(item["state"]["S"])

    def statuses(self, *, on_damaged: OnDamaged) -> dict[str, str]:
        """Return the status of each machine."""
        return {state.machine_id: state.status for state in self._decoded(self._items(), on_damaged)}


@dataclass(frozen=True)
class FleetSources:
    """Where a stack keeps what is known of its machines, and how that is read.

    `silent_after`: how long a channel may say nothing.
    """

    stack: str
    lake: DataLake
    fleet: FleetStore
    alarms: Alarms
    labels: LabelHistory
    machines: Machines
    simulated: SimulatedMachines
    channels: Channels
    feature_lengths: Sequence[timedelta]
    silent_after: timedelta
    time_zone: str = "UTC"

    @property
    def knowledge(self) -> MachineKnowledge:
        """What the tables say of the machines."""
        return MachineKnowledge(self.alarms, self.labels, self.machines)


def pass_over(key: str, problem: str) -> None:
    """Say nothing of what is damaged: `mlops status` and `mlops doctor` name it."""


def read_fleet(
    sources: FleetSources, now: datetime, after: timedelta | None = None, *, on_damaged: OnDamagedObject = pass_over
) -> list[KnownMachine]:
    """Every machine that any table or the newest readings name, in order of name.

    after: how long a channel may say nothing; by default as long as the stack lets it. What is damaged hides no other
    machine: its key, or its table and key, and the problem go to `on_damaged`.
    """

    def passed_over(item: DamagedItem) -> None:
        on_damaged(f"{item.table}/{'/'.join(item.keys)}", item.problem)

    after = sources.silent_after if after is None else after
    statuses = sources.simulated.statuses(on_damaged=passed_over)
    rows = {row.machine_id: row for row in sources.fleet.load_fleet(on_damaged=passed_over)}
    known = sources.knowledge.of_fleet()
    recorded = [name for name, each in known.items() if each.record is not None]
    seen = newest_readings(sources.lake, now, on_damaged=on_damaged)
    lengths = sorted(sources.feature_lengths)
    velocities = sources.channels.of_quantity(VELOCITY_RMS)

    def read(machine_id: str) -> KnownMachine:
        row, channels = rows.get(machine_id), list(sources.channels)
        fresh = tuple(freshness(machine_id, row, seen, lengths, channels))
        each = known.get(machine_id, UNKNOWN)
        facts = each.facts(
            machine_id,
            row,
            last_seen_by=max((one.bound for one in fresh if one.bound is not None), default=None),
            is_silent=all(one.is_silent(now, after) for one in fresh),
        )
        return KnownMachine(
            machine_id,
            operating_state(facts, at=now),
            statuses.get(machine_id),
            None if row is None else row.window_end,
            None if row is None else newest_velocity(row, lengths, velocities),
            fresh,
            each.record,
        )

    return [read(name) for name in sorted({*statuses, *rows, *recorded, *(name for name, _ in seen)})]


def newest_velocity(row: FeatureRow, lengths: Sequence[timedelta], channels: Sequence[str]) -> float | None:
    """The r.m.s. of the worst of `channels` in the shortest window that holds any: velocities add up as energies."""
    for length in lengths:
        values = [row.features.get(f"{channel}_rms_{length // HOUR}h") for channel in channels]
        if measured := [value for value in values if value is not None]:
            return max(measured)
    return None


def newest_readings(
    lake: DataLake, now: datetime, *, on_damaged: OnDamagedObject = pass_over
) -> dict[tuple[str, str], datetime]:
    """The newest event time of each machine and channel in this hour and the one before."""
    # A malformed line is processing's to count and log; it must not hide the machines beside it.
    paths = (f"{hour_path(hour)}/" for hour in (now - HOUR, now))
    readings = stored_readings(lake, paths, on_malformed=lambda _: None, on_damaged=on_damaged)
    newest = readings.group_by("machine_id", "channel").agg(pl.col("event_timestamp").max())
    return {(machine_id, channel): at for machine_id, channel, at in newest.iter_rows()}


def freshness(
    machine_id: str, row: FeatureRow | None, seen: Seen, lengths: Sequence[timedelta], channels: Iterable[str]
) -> list[Freshness]:
    """How fresh each of a machine's `channels` is; ``lengths`` of the feature windows, shortest first."""
    windows = None if row is None else NewestWindows(machine_id, row.window_end, row.features)
    last = {channel: seen.get((machine_id, channel)) for channel in sorted(channels)}
    return [
        Freshness(channel, at, at or (None if windows is None else latest_possible(windows, channel, lengths)))
        for channel, at in last.items()
    ]
