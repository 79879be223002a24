"""The history that a laptop run begins with: machines run to failure, written in bulk by the platform's own writer.

The configured machines end it in a known state, from which the simulator function then lives on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from handlers.stores.label_history import LabelHistory
from handlers.stores.machine_state import MachineStates
from infra.local.run.reconciliation import Stored
from mlops_core.lake import encode_events, encode_history
from mlops_core.simulation import MachineState, SimulatedHistory, simulate_fleet
from mlops_core.telemetry import FailureEvent
from ops.concurrency import in_parallel
from ops.stack import Stack

INTERVAL = timedelta(minutes=10)
_KINDS = ("PUMP", "FAN", "COMPRESSOR")


class StateTakenError(RuntimeError):
    """A machine was already running before its history was seeded."""

    def __init__(self, machine_ids: list[str]) -> None:
        super().__init__(
            f"{', '.join(machine_ids)} had run before the history was seeded: a schedule fired during the deployment. "
            "Start again with fewer programs running beside it."
        )


@dataclass(frozen=True)
class HistoryPlan:
    """How much history: ``days`` of it, of ``companions`` machines beside the configured ones.

    All were commissioned ``age`` before its beginning, so that at any time some are new and some about to fail.
    """

    companions: int = 85
    days: int = 10
    age: timedelta = timedelta(days=60)

    def machine_ids(self) -> list[str]:
        """Return the names of the companions."""
        return [f"{_KINDS[number % len(_KINDS)]}-H{number:03d}" for number in range(1, self.companions + 1)]


@dataclass(frozen=True)
class SeededHistory:
    """What was seeded: when it began and ended, what it stored, and the configured machines' states."""

    start: datetime
    end: datetime
    failures: pl.DataFrame
    stored: Stored
    states: Mapping[str, MachineState]


def simulate(plan: HistoryPlan, configured: list[str], *, end: datetime, seed: int) -> SimulatedHistory:
    """Return the history of the configured machines and their companions up to ``end``."""
    start = end - timedelta(days=plan.days)
    return simulate_fleet(
        [*configured, *plan.machine_ids()],
        start=start,
        end=end,
        interval=INTERVAL,
        seed=seed,
        commissioned_at=start - plan.age,
    )


def seed(stack: Stack, plan: HistoryPlan, *, end: datetime, now: datetime, random_seed: int) -> SeededHistory:
    """Put machine states, readings and failures where the functions would have put them, and technicians the returns.

    The states come first: from then on a schedule that fires carries on from them. Raises StateTakenError.
    """
    configured = list(stack.outputs.machine_ids)
    history = simulate(plan, configured, end=end, seed=random_seed)
    states = {machine_id: history.states[machine_id] for machine_id in configured}
    table = MachineStates(stack.dynamodb, stack.outputs.machine_state_table_name)
    if taken := [state.machine_id for state in states.values() if not table.create(state)]:
        raise StateTakenError(taken)
    events = failure_events(history.failures, received_at=now)
    objects = [
        *encode_history(history.readings, received_at=now),
        *encode_events(events),
    ]
    lake, labels = stack.lake, LabelHistory(stack.dynamodb, stack.outputs.label_history_table_name)
    in_parallel(lambda raw: lake.create(*raw), objects, lambda _: None)
    returns = history.failures["returned_to_service_at"].to_list()
    in_parallel(
        lambda known: labels.record(known[0], returned_to_service_at=known[1]),
        list(zip(events, returns, strict=True)),
        lambda _: None,
    )
    return SeededHistory(
        start=end - timedelta(days=plan.days),
        end=end,
        failures=history.failures,
        stored=Stored(frozenset(raw.key for raw in objects), history.readings),
        states=states,
    )


def failure_events(failures: pl.DataFrame, *, received_at: datetime) -> list[FailureEvent]:
    """Return the rows of a FAILURES frame as replayed events."""
    return [
        FailureEvent(
            machine_id=row["machine_id"],
            event_timestamp=row["event_timestamp"],
            event_code=row["event_code"],
            measured_value=row["measured_value"],
            threshold=row["threshold"],
            received_at=received_at,
            replayed=True,
        )
        for row in failures.iter_rows(named=True)
    ]
