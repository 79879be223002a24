"""Histories of the simulator: machines that are advanced by runs which fail, overlap, come late or not at all."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple, TypeAlias

from mlops_core.degradation import advance, new_machine
from tests.properties.reliability.calls import Invocation, interleave
from tests.properties.reliability.generator import faults, schedule
from tests.properties.reliability.history import Faults, Wait
from tests.properties.reliability.messages import FIELDS, text_of
from tests.properties.reliability.observations import InvariantViolatedError, Observations, demand
from tests.properties.reliability.pipeline import Variant, Wiring
from tests.properties.reliability.tables import Written

INTERVAL = timedelta(minutes=20)
SEED = 7


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


Operation: TypeAlias = Wait | Simulate | SimulateTogether


def lives(random: Random) -> list[Operation]:
    """What happens to two machines."""
    return [random.choice((_wait, _simulate, _together))(random) for _ in range(random.randrange(3, 15))]


def _wait(random: Random) -> Wait:
    return Wait(random.choice((7, 20, 45, 130)))


def _simulate(random: Random) -> Simulate:
    found = faults(random, 14, "GetItem", "PutItem", "Publish")
    return Simulate(found, random.randrange(6), random.choice((0, 0, 0, 25, 70)), random.choice((0, 0, 90_000)))


def _together(random: Random) -> SimulateTogether:
    return SimulateTogether(tuple(_simulate(random) for _ in range(random.randrange(2, 4))), schedule(random))


class Lives:
    """What two machines live through."""

    def __init__(self, wiring: Wiring) -> None:
        self.pipeline = wiring.start(Variant())
        self.seen = Observations(self.pipeline)
        self._commissioned: dict[str, datetime] = {}
        self.pipeline.dynamodb.watchers.append(self._first_state)

    def _first_state(self, written: Written) -> None:
        machine_id = written.item["machine_id"]["S"]
        self._commissioned.setdefault(machine_id, self._time(machine_id))

    def _time(self, machine_id: str) -> datetime:
        item = self.pipeline.dynamodb.items["machine-state"].get((machine_id,))
        if item is None:
            raise InvariantViolatedError("I1 a machine that has spoken is known", machine_id)
        return datetime.fromisoformat(json.loads(item["state"]["S"])["event_timestamp"])

    def apply(self, operation: Operation) -> None:
        """Let one thing happen."""
        match operation:
            case Wait(minutes):
                self.pipeline.now += timedelta(minutes=minutes)
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
        """Let the machines catch up with the clock; then what they said is what the law says, and nothing else."""
        for _ in range(100):
            self.apply(Simulate())
            if all(self.pipeline.now - self._time(machine_id) < INTERVAL for machine_id in "AB"):
                break
        said: set[tuple[str, str, float]] = set()
        for topic, payload in self.pipeline.broker.published:
            body = json.loads(payload)
            value = body["measured_value"] if "event_code" in body else body[FIELDS[topic.rsplit("/")[-1]]]
            said.add((topic, body["timestamp_utc"], value))
        law: set[tuple[str, str, float]] = set()
        for machine_id in "AB":
            law |= _life(machine_id, self._commissioned[machine_id], self._time(machine_id))
        demand(said == law, "I1 a machine says what its life gives, all of it", f"{sorted(said ^ law)}")


@cache
def _life(machine_id: str, commissioned: datetime, until: datetime) -> set[tuple[str, str, float]]:
    lived = advance(new_machine(machine_id, seed=SEED, at=commissioned), until, interval=INTERVAL)
    topic = f"industrial/machine/{machine_id}"
    readings = {(f"{topic}/{channel}", text_of(at), value) for channel, at, value in lived.readings}
    return readings | {
        (f"{topic}/event/failure", text_of(failure.event_timestamp), failure.measured_value)
        for failure in lived.failures
    }
