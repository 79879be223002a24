"""The machines of a stack: what the tables and the newest readings say of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from handlers.stores.alarms import Alarms
from handlers.stores.items import DamagedItem, OnDamaged, readable, refuse_damaged, scanned
from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from handlers.stores.machine_facts import UNKNOWN, MachineKnowledge
from handlers.stores.machines import Machines
from handlers.stores.online_features import FeatureRow
from handlers.stores.readings import OnDamagedObject, stored_readings
from mlops_core.alerting import NewestWindows, latest_possible
from mlops_core.condition import MachineRecord, StateSince, evaluation_zone, is_silent, operating_state
from mlops_core.lake import hour_path
from mlops_core.simulation import MachineState
from mlops_core.telemetry import VELOCITY_RMS
from ops.stack import Stack

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

HOUR = timedelta(hours=1)
Seen = Mapping[tuple[str, str], datetime]
"""The newest event time of each machine and channel."""


@dataclass(frozen=True)
class Freshness:
    """When a machine's channel was last heard of.

    ``last_seen`` is the event time of its newest reading, None where no reading of the last hours shows it; then the
    features bound it: it was ``not_after`` that moment. Both are None for a channel that was never heard of.
    """

    channel: str
    last_seen: datetime | None
    not_after: datetime | None

    def is_silent(self, now: datetime, after: timedelta) -> bool:
        """Whether nothing has been heard for longer than ``after``."""
        return is_silent(self.bound, until=now, after=after)

    @property
    def bound(self) -> datetime | None:
        """The event time of its newest reading, or the latest that it may have."""
        return self.last_seen or self.not_after


@dataclass(frozen=True)
class Machine:
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
        """When any of its channels was last heard of, among the newest readings."""
        return max((channel.last_seen for channel in self.channels if channel.last_seen is not None), default=None)

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


def pass_over(key: str, problem: str) -> None:
    """Say nothing of what is damaged: `mlops status` and `mlops doctor` name it."""


def silent_after(stack: Stack) -> timedelta:
    """How long a channel of a stack may say nothing."""
    return timedelta(hours=stack.outputs.silent_after_hours)


def read_fleet(
    stack: Stack, now: datetime, after: timedelta | None = None, *, on_damaged: OnDamagedObject = pass_over
) -> list[Machine]:
    """Every machine that any table or the newest readings name, in order of name.

    after: how long a channel may say nothing; by default as long as the stack lets it. What is damaged hides no other
    machine: its key, or its table and key, and the problem go to `on_damaged`.
    """

    def passed_over(item: DamagedItem) -> None:
        on_damaged(f"{item.table}/{'/'.join(item.keys)}", item.problem)

    after = silent_after(stack) if after is None else after
    states = machine_states(stack.dynamodb, stack.outputs.machine_state_table_name, on_damaged=passed_over)
    rows = {row.machine_id: row for row in stack.fleet.load_fleet(on_damaged=passed_over)}
    known = machine_knowledge(stack).of_fleet()
    recorded = [name for name, each in known.items() if each.record is not None]
    seen = newest_readings(stack.lake, now, on_damaged=on_damaged)
    lengths = sorted(timedelta(hours=hours) for hours in stack.outputs.feature_lengths_hours)
    velocities = stack.channels.of_quantity(VELOCITY_RMS)

    def read(machine_id: str) -> Machine:
        row, channels = rows.get(machine_id), list(stack.channels)
        fresh = tuple(freshness(machine_id, row, seen, lengths, channels))
        each = known.get(machine_id, UNKNOWN)
        facts = each.facts(
            machine_id,
            row,
            last_heard=max((one.bound for one in fresh if one.bound is not None), default=None),
            is_silent=all(one.is_silent(now, after) for one in fresh),
        )
        return Machine(
            machine_id,
            operating_state(facts, at=now),
            str(states[machine_id].status) if machine_id in states else None,
            None if row is None else row.window_end,
            None if row is None else newest_velocity(row, lengths, velocities),
            fresh,
            each.record,
        )

    return [read(name) for name in sorted({*states, *rows, *recorded, *(name for name, _ in seen)})]


def machine_knowledge(stack: Stack) -> MachineKnowledge:
    """What the tables of a stack say of its machines."""
    tables = stack.outputs
    return MachineKnowledge(
        Alarms(stack.dynamodb, tables.alarms_table_name),
        LabelHistory(stack.dynamodb, tables.label_history_table_name),
        Machines(stack.dynamodb, tables.machines_table_name),
    )


def newest_velocity(row: FeatureRow, lengths: Sequence[timedelta], channels: Sequence[str]) -> float | None:
    """The r.m.s. of the worst of `channels` in the shortest window that holds any: velocities add up as energies."""
    for length in lengths:
        values = [row.features.get(f"{channel}_rms_{length // HOUR}h") for channel in channels]
        if measured := [value for value in values if value is not None]:
            return max(measured)
    return None


def machine_states(
    client: "DynamoDBClient", table: str, *, on_damaged: OnDamaged = refuse_damaged
) -> dict[str, MachineState]:
    """The states of the simulated machines, by machine."""

    def decode(item: dict[str, Any]) -> MachineState:
        return MachineState.model_validate_json(item["state"]["S"])

    states = readable(scanned(client, table), decode, table=table, keys=("machine_id",), on_damaged=on_damaged)
    return {state.machine_id: state for state in states}


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
    last = {channel: seen.get((machine_id, channel)) for channel in sorted(channels)}
    return [
        Freshness(channel, at, at or (latest_possible(_windows(row), channel, lengths) if row is not None else None))
        for channel, at in last.items()
    ]


def _windows(row: FeatureRow) -> NewestWindows:
    return NewestWindows(row.machine_id, row.window_end, row.features)
