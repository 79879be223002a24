"""Every message that was published, found again: in the lake, in quarantine or among the dead letters, exactly once."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from pydantic import BaseModel

from handlers.stores import DataLake, MachineStates, stored_readings
from infra.local.run.bad_messages import BadMessage
from mlops_core.errors import QuarantineReason
from mlops_core.lake import (
    EVENTS_PREFIX,
    QUARANTINE_PREFIX,
    decode_failures,
    decode_quarantine,
)
from mlops_core.simulation import MachineState, advance
from ops.stack import Stack

READING = ["machine_id", "channel", "event_timestamp", "value"]
FAILURE = ["machine_id", "event_timestamp", "event_code"]
Refusal = tuple[str, bytes, QuarantineReason]


class NotDrainedError(RuntimeError):
    """Messages still wait in a queue."""

    def __init__(self, waiting: Mapping[str, int], seconds: float) -> None:
        super().__init__(f"After {seconds:.0f} s messages still wait: {dict(waiting)}. Their function may be failing.")


class ReconciliationError(RuntimeError):
    """What was published and what was kept differ."""

    def __init__(self, differences: Iterable[str]) -> None:
        super().__init__("What was published was not all kept, or more was kept:\n  " + "\n  ".join(differences))


class Ledger(BaseModel, frozen=True):
    """Distinct elements of messages (readings and events): what was published, and where it was found."""

    published: int
    lake_distinct: int
    quarantined: int
    dead_lettered: int
    quarantined_by_reason: Mapping[str, int]


@dataclass(frozen=True)
class Lived:
    """What machines published between two of their states."""

    readings: pl.DataFrame
    failures: pl.DataFrame


def lived(
    before: Mapping[str, MachineState], after: Mapping[str, MachineState], interval: timedelta, also: pl.DataFrame
) -> Lived:
    """Return what the simulator published between these states: it publishes first and saves the state after.

    ``also``: what else was published, frame READINGS.
    """
    readings: list[tuple[str, str, datetime, float]] = []
    failures: list[tuple[str, datetime, str]] = []
    for machine_id, state in before.items():
        published = advance(state, after[machine_id].event_timestamp, interval=interval)
        readings += [(machine_id, each.channel, each.event_timestamp, each.value) for each in published.readings]
        failures += [(machine_id, failure.event_timestamp, failure.event_code) for failure in published.failures]
    return Lived(
        pl.concat([pl.DataFrame(readings, schema=_schema(READING), orient="row"), also.select(READING)]),
        pl.DataFrame(failures, schema=_schema(FAILURE), orient="row"),
    )


def _schema(columns: Iterable[str]) -> dict[str, pl.DataType]:
    types: dict[str, pl.DataType] = {"event_timestamp": pl.Datetime("us", "UTC"), "value": pl.Float64()}
    return {column: types.get(column, pl.String()) for column in columns}


def saved_states(stack: Stack, machine_ids: Iterable[str]) -> dict[str, MachineState]:
    """Return the states of these machines as the table has them; one that never ran is absent."""
    table = MachineStates(stack.dynamodb, stack.outputs.machine_state_table_name)
    loaded = {machine_id: table.load(machine_id) for machine_id in machine_ids}
    return {machine_id: saved.state for machine_id, saved in loaded.items() if saved is not None}


def wait_until_drained(stack: Stack, *, timeout: float) -> None:
    """Return once both queues have been empty, nothing in flight, on two looks in a row. Raises NotDrainedError."""
    deadline, empty = time.monotonic() + timeout, 0
    while True:
        queues = {"ingestion": stack.outputs.ingestion_queue_url, "label": stack.outputs.label_queue_url}
        waiting = {name: sum(stack.depth(url)) for name, url in queues.items()}
        empty = 0 if any(waiting.values()) else empty + 1
        if empty == 2:
            return
        if time.monotonic() > deadline:
            raise NotDrainedError(waiting, timeout)
        time.sleep(0.5)


@dataclass(frozen=True)
class Stored:
    """What a lake held at a moment: the keys of its objects, and its distinct readings.

    Readings are compared by themselves: compaction takes those of a moment and later ones into one object.
    """

    keys: frozenset[str]
    readings: pl.DataFrame

    @classmethod
    def of(cls, lake: DataLake) -> "Stored":
        """Return what the lake holds now."""
        return cls(frozenset(lake.versions("")), stored_readings(lake).select(READING).unique())


def reconcile(stack: Stack, published: Lived, refused: Iterable[BadMessage], *, before: Stored) -> Ledger:
    """Compare what was published with what has been stored since ``before``. Raises ReconciliationError."""
    lake = stack.lake
    stored = stored_readings(lake).select(READING).unique()
    readings = stored.join(before.readings.select(READING), on=READING, how="anti", nulls_equal=True)
    events = sorted(lake.versions(EVENTS_PREFIX).keys() - before.keys)
    failures = decode_failures(lake.read_all(events)).select(FAILURE).unique()
    sent = Counter((message.topic, message.payload, message.reason) for message in refused)
    quarantined = quarantined_messages(stack, besides=before.keys)
    dead_lettered = sum(stack.depth(stack.outputs.dead_letter_queue_url))
    differences = [
        *_differences("reading", published.readings, readings, READING),
        *_differences("failure", published.failures, failures, FAILURE),
        *(f"not in quarantine as {_shown(refusal)}" for refusal in sent - quarantined),
        *(f"in quarantine unasked: {_shown(refusal)}" for refusal in quarantined - sent),
    ]
    if differences:
        raise ReconciliationError([*differences[:10], f"{dead_lettered} messages are dead letters"])
    return Ledger(
        published=published.readings.height + published.failures.height + sent.total(),
        lake_distinct=readings.height + failures.height,
        quarantined=quarantined.total(),
        dead_lettered=dead_lettered,
        quarantined_by_reason=dict(Counter(str(reason) for _, _, reason in quarantined.elements())),
    )


def quarantined_messages(stack: Stack, *, besides: frozenset[str] = frozenset()) -> Counter[Refusal]:
    """Count the messages in quarantine, in other objects than ``besides``, by topic, bytes and reason."""
    keys = sorted(stack.lake.versions(QUARANTINE_PREFIX).keys() - besides)
    records = [decode_quarantine(body) for body in stack.lake.read_all(keys)]
    return Counter((record.topic, record.payload, record.reason) for record in records)


def _shown(refusal: Refusal) -> str:
    topic, payload, reason = refusal
    return f"{reason}: {topic} {payload[:80]!r}"


def _differences(what: str, published: pl.DataFrame, stored: pl.DataFrame, identity: list[str]) -> list[str]:
    lost, unasked = (
        left.join(right, on=identity, how="anti", nulls_equal=True)
        for left, right in ((published, stored), (stored, published))
    )
    return [
        f"{frame.height} {what}s {adjective}, the first: {frame.sort(identity).row(0)}"
        for adjective, frame in (("lost", lost), ("unasked in the lake", unasked))
        if frame.height
    ]
