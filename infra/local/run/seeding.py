"""The history that a laptop run begins with: machines run to failure, written in bulk by the platform's own writer.

The configured machines end it in a known state, from which the simulator function then lives on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from handlers.stores import Machines, MachineStates
from infra.local.run.reconciliation import Stored
from infra.local.run.scenario import Cause, scenario
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
    """How much history: ``days`` of it, of ``companions`` machines beside the configured ones, which retire with it.

    The configured machines are those of the scenario, so that there is something to see. The others were commissioned
    ``age`` before its beginning, so that at any time some are new and some about to fail.
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
    shows: Mapping[str, str]
    """What the machines of the scenario are to show in the end; nothing of the others."""

    @property
    def predicted(self) -> list[str]:
        """The configured machines that a model speaks of in the end."""
        return sorted(name for name in self.states if self.shows.get(name) not in {"FAILED", "OFF"})


def simulate(
    plan: HistoryPlan, configured: list[str], causes: Sequence[Cause], *, end: datetime, seed: int
) -> SimulatedHistory:
    """Return the history of the configured machines and their companions up to ``end``; ``causes``: of the scenario."""
    start = end - timedelta(days=plan.days)
    usual = [name for name in configured if name not in {cause.machine_id for cause in causes}]
    fleet = simulate_fleet(
        [*usual, *plan.machine_ids()],
        start=start,
        end=end,
        interval=INTERVAL,
        seed=seed,
        commissioned_at=start - plan.age,
    )
    return _together([fleet, *(cause.simulated(start, end, INTERVAL, seed) for cause in causes)])


def _together(histories: Sequence[SimulatedHistory]) -> SimulatedHistory:
    """Return the histories of different machines as one."""
    frames = {
        name: pl.concat([getattr(history, name) for history in histories])
        for name in ("readings", "failures", "maintenance", "truth", "runs", "sensor_faults")
    }
    states = {machine_id: state for history in histories for machine_id, state in history.states.items()}
    return SimulatedHistory(**frames, states=states)


def seed(stack: Stack, plan: HistoryPlan, *, end: datetime, now: datetime, random_seed: int) -> SeededHistory:
    """Put machine states, readings and failures where the functions would have put them, and technicians the returns.

    The states come first: from then on a schedule that fires carries on from them. Raises StateTakenError.
    """
    configured = list(stack.outputs.machine_ids)
    causes = scenario(configured, end, random_seed)
    history = simulate(plan, configured, causes, end=end, seed=random_seed)
    states = {machine_id: history.states[machine_id] for machine_id in configured}
    table = MachineStates(stack.dynamodb, stack.outputs.machine_state_table_name)
    if taken := [state.machine_id for state in states.values() if not table.create(state)]:
        raise StateTakenError(taken)
    events = failure_events(history.failures, received_at=now)
    objects = [
        *encode_history(history.readings, received_at=now),
        *encode_events(events),
    ]
    lake, labels = stack.lake, stack.label_history
    in_parallel(lambda raw: lake.create(*raw), objects, lambda _: None)
    in_parallel(partial(_retire, stack.machines, end), plan.machine_ids(), lambda _: None)
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
        shows={cause.machine_id: cause.shows for cause in causes},
    )


def _retire(machines: Machines, at: datetime, machine_id: str) -> None:
    """Let a machine of history have left the fleet: it is learned from, and not watched for silence."""
    machines.change(machine_id, lambda record: record.model_copy(update={"retired_at": at}))


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
