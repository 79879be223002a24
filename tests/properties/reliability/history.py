"""One history of a stack: what may happen to it, one operation after another, and how it is brought to rest."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from mlops_core.features import parse_feature_name
from tests.properties.reliability import messages
from tests.properties.reliability.calls import Fault, Invocation, Position, interleave
from tests.properties.reliability.messages import Publication, ReadingFact
from tests.properties.reliability.observations import Observations, demand
from tests.properties.reliability.pipeline import DEAD_LETTERS, LABELS, READINGS, Pipeline, Variant, Wiring
from tests.properties.reliability.queues import QueuedMessage

HALF_HOUR = timedelta(minutes=30)
HOUR = timedelta(hours=1)
Faults: TypeAlias = tuple[tuple[Position, Fault], ...]


class Say(NamedTuple):
    """A machine publishes a reading of so many half hours ago."""

    machine_id: str
    channel: str
    age: int
    value: float
    replayed: bool = False
    rule_fails: bool = False


class SayFailure(NamedTuple):
    """A machine publishes that it failed so many half hours ago."""

    machine_id: str
    age: int
    value: float


class SayBad(NamedTuple):
    """A machine publishes what has to be refused."""

    reason: str
    as_failure: bool = False
    rule_fails: bool = False


class Wait(NamedTuple):
    """Time passes."""

    minutes: int


class Deliver(NamedTuple):
    """A queue hands some of its messages to its function."""

    queue: str
    picks: tuple[int, ...]
    faults: Faults = ()
    order: int = 0
    answer_is_lost: bool = False
    while_in_flight: bool = False


class Run(NamedTuple):
    """Processing runs as scheduled. `is_tried_again`: as Lambda does at once where an invocation fails."""

    faults: Faults = ()
    order: int = 0
    slowness_ms: int = 0
    is_tried_again: bool = False


class RunRange(NamedTuple):
    """Processing runs for a range of hours that begins so many hours ago."""

    age: int
    hours: int
    faults: Faults = ()
    order: int = 0


class Together(NamedTuple):
    """Invocations overlap."""

    work: tuple[Deliver | Run | RunRange, ...]
    schedule: tuple[tuple[int, int], ...]


class DeliverAgain(NamedTuple):
    """A queue delivers what was acknowledged."""

    queue: str
    pick: int


class Redrive(NamedTuple):
    """An operator puts dead letters back, and may be stopped."""

    faults: Faults = ()


Work: TypeAlias = Deliver | Run | RunRange
Operation: TypeAlias = Say | SayFailure | SayBad | Wait | Work | Together | DeliverAgain | Redrive


class History:
    """A stack to which operations happen."""

    def __init__(self, wiring: Wiring, variant: Variant, after_a_whole_run: Callable[["History"], None]) -> None:
        self.after_a_whole_run = after_a_whole_run
        self.pipeline: Pipeline = wiring.start(variant)
        self.partition_bytes = wiring.partition_bytes
        self.seen = Observations(self.pipeline, self.is_affected)
        self.publications: list[Publication] = []
        self.has_unfinished_range = False
        self.is_reshaped = False  # hop, lengths or channels were changed
        self.is_online_hurt = False
        self.patience = timedelta(0)  # between deliveries that drain a queue
        self.imported: set[ReadingFact] = set()
        self.invocations: list[Invocation] = []
        self._in_flight: set[str] = set()

    def as_of_today(self, row: dict[str, Any]) -> dict[str, Any]:
        """A stored row without the columns that are no longer computed, which a row of other machines may have."""
        if not self.is_reshaped:
            return row
        if not any(value for name, value in row.items() if parse_feature_name(name) and self.computes(name)):
            return {}  # of a longer window, in a gap of readings where none of today's windows has any
        dropped = {name for name, value in row.items() if value is None and not self.computes(name)}
        return {name: value for name, value in row.items() if name not in dropped}

    def computes(self, column: str) -> bool:
        """Whether a column is computed by the settings of today."""
        parts, variant = parse_feature_name(column), self.pipeline.variant
        return parts is None or (parts.channel in variant.channels and parts.seconds // 3600 in variant.lengths_hours)

    def is_affected(self, machine_id: str, window_end: datetime) -> bool:  # noqa: ARG002  of a stack that is damaged
        """Whether what is known of a machine's window depends on readings that are damaged."""
        return False

    def apply(self, operation: Operation) -> None:
        """Let one thing happen."""
        match operation:
            case Wait(minutes):
                self.pipeline.now += timedelta(minutes=minutes)
            case Deliver() | Run() | RunRange():
                invocation, act = self._work(operation, alone=True)
                act()
                if invocation.failed and isinstance(operation, Run) and operation.is_tried_again:
                    self.apply(Run())
            case Together(work, schedule):
                interleave([self._work(each, alone=False) for each in work], schedule)
            case DeliverAgain(queue, pick):
                acknowledged = self.pipeline.queues[queue].acknowledged
                if acknowledged:
                    self.pipeline.queues[queue].again(acknowledged[pick % len(acknowledged)])
            case Redrive(faults):
                self.pipeline.redrive(Invocation(dict(faults)))
            case _:
                self._publish(operation)
        self.seen.report()

    def _publish(self, operation: Say | SayFailure | SayBad) -> None:
        now = self.pipeline.now
        on_grid = now.replace(minute=now.minute - now.minute % 30)
        match operation:
            case Say(machine_id, channel, age, value, replayed):
                publication = messages.reading(
                    machine_id, channel, on_grid - age * HALF_HOUR, value, now, replayed=replayed
                )
            case SayFailure(machine_id, age, value):
                publication = messages.failure(machine_id, on_grid - age * HALF_HOUR, value, now)
            case SayBad(reason, as_failure):
                publication = messages.bad(reason, now, as_failure=as_failure)
        self.publications.append(publication)
        self.pipeline.publish(publication, rule_fails=getattr(operation, "rule_fails", False))

    def invocation(self, faults: Faults, order: int) -> Invocation:
        """A process of this history."""
        self.invocations.append(Invocation(dict(faults), random.Random(order)))  # noqa: S311
        return self.invocations[-1]

    def disturbed(
        self,
        call: Callable[[Invocation], Any],
        faults: Faults,
        order: int = 0,
        *,
        refusals: tuple[type[Exception], ...] = (),
    ) -> Any:
        """Make a call that faults may disturb; what nothing disturbs ends well, or is refused."""
        invocation = self.invocation(faults, order)
        answer = call(invocation)
        ends_well = isinstance(answer, refusals) or not isinstance(answer, BaseException)
        demand(ends_well or invocation.failed, "I4 what is undisturbed ends well", repr(answer))
        return answer

    def _work(self, work: Work, *, alone: bool) -> tuple[Invocation, Callable[[], None]]:
        invocation = self.invocation(work.faults, work.order)
        match work:
            case Deliver():
                batch = self._received(work)
                return invocation, lambda: self._deliver(work, batch, invocation, alone=alone)
            case Run():
                return invocation, lambda: self._process(invocation, None, work.slowness_ms, alone=alone)
            case RunRange(age, hours):
                start = self.pipeline.now.replace(minute=0) - age * HOUR
                event = {"start": start.isoformat(), "end": (start + hours * HOUR).isoformat()}
                return invocation, lambda: self._process(invocation, event, 0, alone=alone)

    def _received(self, work: Deliver) -> list[QueuedMessage]:
        queue = self.pipeline.queues[work.queue]
        visible = [
            each for each in queue.waiting.values() if work.while_in_flight or each.message_id not in self._in_flight
        ]
        chosen: dict[str, QueuedMessage] = {}
        for pick in work.picks if visible else ():
            message = visible[pick % len(visible)]
            chosen[message.message_id] = message
        received = queue.receive(list(chosen.values()))
        self._in_flight |= {message.message_id for message in received}
        return received

    def _deliver(self, work: Deliver, batch: Sequence[QueuedMessage], invocation: Invocation, *, alone: bool) -> None:
        if not batch:
            return
        answer = self.pipeline.handle(work.queue, batch, invocation)
        self._in_flight -= {message.message_id for message in batch}
        failed = self.pipeline.failed_of(work.queue, batch, answer, invocation)
        if alone and not invocation.failed:
            demand(not failed, "I4 a message is kept at once, whatever came with it", f"{answer!r} for {batch}")
        if work.answer_is_lost:
            return
        for message in batch:
            if message.message_id not in failed:
                self.pipeline.queues[work.queue].acknowledge(message)
                publication = self.publication_of(message)
                demand(self.seen.is_durable(publication), "I5 acknowledged is durable", str(publication))
                demand(self.seen.is_judged(publication), "I5 acknowledged is judged", str(publication))

    def publication_of(self, message: QueuedMessage) -> Publication:
        """What a queued message was when it was published."""
        for publication in self.publications:
            if message.message_id in publication.message_ids:
                return publication
        for publication in self.publications:
            if self.pipeline.carries(message, publication):
                return publication
        raise LookupError(message)

    def _process(self, invocation: Invocation, event: dict[str, str] | None, slowness_ms: int, *, alone: bool) -> None:
        answer = self.pipeline.process(invocation, event, slowness_ms=slowness_ms)
        ended_well = isinstance(answer, dict)
        # Nothing goes on with a range that failed but who asked for it.
        self.has_unfinished_range |= event is not None and not ended_well
        if invocation.errors():
            demand(not ended_well, "I11 an error of a store fails the run", f"{invocation.failed}: {answer}")
        if alone and not invocation.failed:
            demand(ended_well, "I4 an undisturbed run ends well", repr(answer))
            if answer["is_complete"] and event is None:
                self.after_a_whole_run(self)

    def deliver_all(self, queue: str) -> None:
        """Deliver what waits in a queue; nothing fails any more."""
        for _ in range(100):
            if not self.pipeline.queues[queue].waiting:
                return
            self.apply(Deliver(queue, tuple(range(5))))
            self.pipeline.now += self.patience

    def drain(self) -> None:
        """Deliver what waits, close every hour, and run processing until it is done; nothing fails any more."""
        for queue in (READINGS, LABELS):
            self.deliver_all(queue)
        self.pipeline.now += 2 * HOUR
        self.apply(Run())

    def revive(self) -> None:
        """Put every dead letter back."""
        self.pipeline.redrive(Invocation())
        demand(not self.pipeline.queues[DEAD_LETTERS].waiting, "I1 dead letters can be put back", "some stay")
