"""Histories of the simulator: machines that are advanced by runs which fail, overlap, come late or not at all.

No machine lives long enough here to fail, so some begin under repair, and return to service meanwhile.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple, TypeAlias

from handlers.stores import MachineStates
from mlops_core.simulation import Advance, MachineState, MachineStatus, advance, new_machine
from mlops_core.time import utc_text
from tests.properties.reliability.calls import Invocation, interleave
from tests.properties.reliability.generator import faults, schedule
from tests.properties.reliability.history import Faults, Wait
from tests.properties.reliability.messages import FIELDS, text_of
from tests.properties.reliability.observations import InvariantViolatedError, Observations, demand
from tests.properties.reliability.pipeline import Variant, Wiring
from tests.properties.reliability.tables import Written

INTERVAL = timedelta(minutes=20)
SEED = 7


class Repair(NamedTuple):
    """A machine that never ran here is under repair, for so many minutes more."""

    machine_id: str
    minutes: int


class Simulate(NamedTuple):
    """The simulator runs, by a clock that is so many minutes behind, and slowly or at once."""

    faults: Faults = ()
    order: int = 0
    behind: int = 0
    slowness_ms: int = 0


class SimulateTogether(NamedTuple):
    """Runs of the simulator overlap."""

    runs: tuple[Simulate, ...]
    schedule: tuple[tuple[int, int], ...]


Operation: TypeAlias = Wait | Repair | Simulate | SimulateTogether


def lives(random: Random) -> list[Operation]:
    """What happens to two machines."""
    operations = (_wait, _wait, _repair, _simulate, _simulate, _together, _together)
    return [random.choice(operations)(random) for _ in range(random.randrange(3, 15))]


def _wait(random: Random) -> Wait:
    return Wait(random.choice((7, 20, 45, 130)))


def _repair(random: Random) -> Repair:
    return Repair(random.choice("AB"), random.choice((7, 20, 45)))


def _simulate(random: Random) -> Simulate:
    found = faults(random, 14, "GetItem", "PutItem", "Publish", "UpdateItem")
    return Simulate(found, random.randrange(6), random.choice((0, 0, 0, 25, 70)), random.choice((0, 0, 90_000)))


def _together(random: Random) -> SimulateTogether:
    return SimulateTogether(tuple(_simulate(random) for _ in range(random.randrange(2, 4))), schedule(random))


class Lives:
    """What two machines live through."""

    def __init__(self, wiring: Wiring) -> None:
        self.pipeline = wiring.start(Variant())
        self.seen = Observations(self.pipeline)
        self._states = MachineStates(self.pipeline.dynamodb, "machine-state")
        self._first: dict[str, MachineState] = {}
        self.pipeline.dynamodb.watchers.append(self._first_state)

    def _first_state(self, written: Written) -> None:
        if written.table == "machine-state":
            state = MachineState.model_validate_json(written.item["state"]["S"])
            self._first.setdefault(state.machine_id, state)

    def _time(self, machine_id: str) -> datetime:
        item = self.pipeline.dynamodb.items["machine-state"].get((machine_id,))
        if item is None:
            raise InvariantViolatedError("I1 a machine that has spoken is known", machine_id)
        return datetime.fromisoformat(json.loads(item["state"]["S"])["event_timestamp"])

    def happen(self, operation: Operation) -> None:
        """Let one thing happen."""
        match operation:
            case Wait(minutes):
                self.pipeline.now += timedelta(minutes=minutes)
            case Repair(machine_id, minutes):
                self._states.create(_under_repair(machine_id, self.pipeline.now, timedelta(minutes=minutes)))
            case Simulate():
                _, act = self._run(operation)
                act()
            case SimulateTogether(runs, schedule):
                interleave([self._run(each) for each in runs], schedule)
        self.seen.report()

    def _run(self, run: Simulate) -> tuple[Invocation, Callable[[], None]]:
        invocation = Invocation(dict(run.faults), Random(run.order))  # noqa: S311

        def act() -> None:
            answer = self.pipeline.simulate(
                invocation, behind=timedelta(minutes=run.behind), slowness_ms=run.slowness_ms
            )
            if invocation.errors():
                demand(not isinstance(answer, dict), "I11 an error fails the run", repr(answer))
            if not invocation.failed:
                demand(isinstance(answer, dict), "I4 an undisturbed run ends well", repr(answer))

        return invocation, act

    def settle(self) -> None:
        """Let the machines catch up with the clock; then what they published is what the law says, and no more."""
        for _ in range(100):
            self.happen(Simulate())
            if all(self.pipeline.now - self._time(machine_id) < INTERVAL for machine_id in "AB"):
                break
        measured: set[tuple[str, str, float]] = set()
        for topic, payload in self.pipeline.broker.published:
            body = json.loads(payload)
            value = body["measured_value"] if "event_code" in body else body[FIELDS[topic.rsplit("/")[-1]]]
            measured.add((topic, body["timestamp_utc"], value))
        law: set[tuple[str, str, float]] = set()
        returns: set[tuple[str, str]] = set()
        for machine_id in "AB":
            lived = _life(self._first[machine_id], self._time(machine_id))
            law |= _messages(machine_id, lived)
            returns |= {(machine_id, f"{utc_text(at)}#repair") for at in lived.returns_to_service}
        demand(measured == law, "I1 a machine says what its life gives, all of it", f"{sorted(measured ^ law)}")
        recorded = set(self.pipeline.dynamodb.items["label-history"])
        demand(recorded == returns, "I1 each return to service is recorded", f"{sorted(recorded ^ returns)}")


def _under_repair(machine_id: str, at: datetime, left: timedelta) -> MachineState:
    failed = {"status": MachineStatus.FAILED, "health_index": 0.0, "damage_at_hour": 1.0}
    new = new_machine(machine_id, seed=SEED, at=at - INTERVAL)
    return new.model_copy(update={**failed, "returned_to_service_at": at + left})


@cache
def _life(first: MachineState, until: datetime) -> Advance:
    return advance(first, until, interval=INTERVAL)


def _messages(machine_id: str, lived: Advance) -> set[tuple[str, str, float]]:
    topic = f"industrial/machine/{machine_id}"
    readings = {(f"{topic}/{channel}", text_of(at), value) for channel, at, value in lived.readings}
    return readings | {
        (f"{topic}/event/failure", text_of(failure.event_timestamp), failure.measured_value)
        for failure in lived.failures
    }
