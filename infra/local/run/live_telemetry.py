"""Live telemetry of the laptop run: published, drained, and its alarms waited for."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import polars as pl

from handlers.stores import Publisher
from infra.local.run.bad_messages import BadMessage, bad_messages
from infra.local.run.gateway import gateway_batch
from infra.local.run.reconciliation import saved_states, wait_until_drained
from infra.local.run.schedules import Schedules
from infra.local.run.seeding import SeededHistory
from mlops_core.simulation import MachineState
from mlops_core.telemetry import CHANNELS, Message
from ops.connect_examples import sample_values
from ops.stack import Stack

PATIENCE_SECONDS: Final = 120.0


class NotLiveError(RuntimeError):
    """The scheduler fired, and machines did not move."""

    def __init__(self, machine_ids: list[str]) -> None:
        super().__init__(f"{PATIENCE_SECONDS:.0f} s after the scheduler fired, {', '.join(machine_ids)} had not moved.")


class LiveTelemetry(NamedTuple):
    """What was published: `states` of the machines afterwards, what must be in quarantine, a gateway's readings.

    announced_after: seconds from before the first message until a machine's alarm was sent.
    """

    states: dict[str, MachineState]
    refused: list[BadMessage]
    batched: pl.DataFrame
    announced_after: Mapping[str, float]


def publish_and_drain(stack: Stack, history: SeededHistory, schedules: Schedules) -> LiveTelemetry:
    """Have machines move twice, publish a batch and bad messages beside them, and wait until all has arrived.

    Raises NotLiveError where the scheduler fires and machines do not move.
    """
    simulator = stack.outputs.schedule_names["simulator"]
    fired = time.monotonic()
    schedules.fire_once(simulator)
    _wait_until_moved(stack, history.states)
    schedules.invoke_target(simulator)
    machine_id, now = min(history.states), datetime.now(UTC)
    batch = gateway_batch(stack.topic_prefix, machine_id, _usual_values(stack, machine_id), now)
    refused = bad_messages(stack.topic_prefix, machine_id, now)
    publisher = Publisher(stack.iot_data)
    publisher.publish(batch.message)
    for message in refused:
        publisher.publish(Message(message.topic, message.payload))
    wait_until_drained(stack, timeout=PATIENCE_SECONDS)
    announced_after = _announced_after(stack, history, fired)
    states = saved_states(stack, history.states)
    return LiveTelemetry(states, [*refused, batch.refused], batch.readings, announced_after)


def _usual_values(stack: Stack, machine_id: str) -> dict[str, float]:
    """What the machine's channels measured on average in the last hour of its history, if it ran then."""
    (features,) = (row.features for row in stack.fleet.load_fleet() if row.machine_id == machine_id)
    return {
        channel: round(features.get(f"{channel}_mean_1h") or sample, 3)
        for channel, sample in sample_values(CHANNELS).items()
    }


def _announced_after(stack: Stack, history: SeededHistory, fired: float) -> dict[str, float]:
    """Wait until the alarms that live telemetry is to raise are announced; returns by machine after how many seconds.

    Counted from before the first message was sent, so that more than the time from arrival to notice is in it.
    """
    waiting = {name for name, shows in history.shows.items() if shows in {"WATCH", "ACT", "FAILED"}}
    announced: dict[str, float] = {}
    while waiting and time.monotonic() - fired < PATIENCE_SECONDS:
        for alarm in stack.alarms.load_all():
            if alarm.machine_id in waiting and alarm.episode is not None and not alarm.is_due():
                announced[alarm.machine_id] = round(time.monotonic() - fired, 2)
        waiting -= announced.keys()
        time.sleep(0.3 if waiting else 0)
    return announced


def _wait_until_moved(stack: Stack, before: Mapping[str, MachineState]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        states = saved_states(stack, before)
        still = [machine for machine in before if states[machine].event_timestamp <= before[machine].event_timestamp]
        if not still:
            return
        if time.monotonic() > deadline:
            raise NotLiveError(still)
        time.sleep(0.3)
