"""Calls of an invocation to AWS: each may fail, be lost, be repeated, or be the last before the process dies.

Every fake client asks `perform` to do what a call does. Which invocation asks is a matter of the thread: several that
overlap run in threads of their own, of which one at a time goes on, as the history's schedule says.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from typing import Any, Self, TypeAlias, TypeVar

from botocore.exceptions import ClientError, ReadTimeoutError

T = TypeVar("T")
Position: TypeAlias = tuple[str, int]


class Fault(StrEnum):
    """What happens at a call."""

    KILLED_BEFORE = "the process dies before the call"
    KILLED_AFTER = "the process dies after the call took effect"
    REFUSED = "the service refuses the call, whatever the SDK tries: throttled, unavailable or denied"
    LOST = "the call takes effect and its answer is lost"
    REPEATED = "the call takes effect, its answer is lost, and the SDK sends it again"
    CONFLICT = "another write of the object is under way (409)"


FAILS = frozenset({Fault.REFUSED, Fault.LOST})
"""Faults that the invocation learns of as an error which no second look can mend."""


class KilledError(BaseException):
    """The process is no more: nothing that it would still have done is done."""


class AwsError(ClientError):
    """An error as botocore raises it."""

    def __init__(self, operation: str, code: str, status: int) -> None:
        super().__init__(
            {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
        )
        self.status = status


class ConditionalCheckFailedException(AwsError):  # noqa: N818  the name that botocore gives it
    """A condition of DynamoDB does not hold."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation, "ConditionalCheckFailedException", 400)


@dataclass
class Invocation:
    """One process at work: which of its calls fail, and in which order it does what it may do at once.

    A fault is at the n-th call (from 0) of an operation, of an operation at a place ("PutObject processed/features"),
    or of all where the operation is "".
    """

    faults: Mapping[Position, Fault] = field(default_factory=dict[Position, Fault])
    order: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311
    pause: Callable[[], None] = lambda: None
    calls: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    is_dead: bool = False
    was_overtaken: bool = False
    failed: list[tuple[int, Fault, str]] = field(default_factory=list[tuple[int, Fault, str]])
    scratch: dict[str, Any] = field(default_factory=dict[str, Any])  # what a mutant remembers of it

    def perform(self, operation: str, effect: Callable[[], T], place: str = "") -> T:
        """Do what a call does, or what happens in its place."""
        self.pause()
        if self.is_dead:
            raise KilledError
        counted = (operation, f"{operation} {place}")
        positions = (("", self.calls), *((name, self.counts[name]) for name in counted))
        fault = next((self.faults[position] for position in positions if position in self.faults), None)
        self.calls += 1
        self.counts.update(counted)
        try:
            if fault is None:
                return effect()
            self.failed.append((self.calls - 1, fault, operation))
            return self._disturbed(fault, operation, effect)
        except AwsError as error:
            self.was_overtaken |= error.status in _OVERTAKEN
            raise

    def _disturbed(self, fault: Fault, operation: str, effect: Callable[[], T]) -> T:
        if fault is Fault.CONFLICT and operation == "PutObject":
            raise AwsError(operation, "ConditionalRequestConflict", 409)
        if fault in (Fault.KILLED_AFTER, Fault.LOST, Fault.REPEATED):
            _silently(effect)
        match fault:
            case Fault.KILLED_BEFORE | Fault.KILLED_AFTER:
                self.is_dead = True
                raise KilledError
            case Fault.LOST:
                raise ReadTimeoutError(endpoint_url=operation)
            case Fault.REFUSED:
                raise AwsError(operation, *self.order.choice(_REFUSALS))
            case _:
                return effect()

    def errors(self) -> list[tuple[int, Fault, str]]:
        """The errors after which it may not go on as if nothing had been; one that was overtaken may look again."""
        return [] if self.was_overtaken else [each for each in self.failed if each[1] in FAILS]


_OVERTAKEN = (409, 412)
_REFUSALS = (("SlowDown", 503), ("InternalError", 500), ("ThrottlingException", 400), ("AccessDenied", 403))


def _silently(effect: Callable[[], object]) -> None:
    with suppress(ClientError):  # its answer is lost, too
        effect()


class _Threads(threading.local):
    invocation: Invocation = Invocation()


_threads = _Threads()


def current() -> Invocation:
    """The invocation of this thread."""
    return _threads.invocation


def perform(operation: str, effect: Callable[[], T], place: str = "") -> T:
    """Do what a call of the invocation of this thread does, at a place: a table, or where an object lies."""
    return _threads.invocation.perform(operation, effect, place)


def invoke(invocation: Invocation, function: Callable[[], Any]) -> Any:
    """Run a function as one invocation; returns what it returned, or the error that ended it.

    What only a mistake in the code raises is raised again: no mutant may be found out by failing to run.
    """
    _threads.invocation = invocation
    try:
        return function()
    except (NameError, AttributeError, TypeError):
        raise
    except (Exception, KilledError) as error:  # noqa: BLE001  Lambda does not ask which
        return error
    finally:
        _threads.invocation = Invocation()


def interleave(work: Sequence[tuple[Invocation, Callable[[], None]]], schedule: Sequence[tuple[int, int]]) -> None:
    """Run functions at once, each with its invocation; the schedule says who goes on, and for how many calls."""
    turns = _Turns(len(work))
    threads: list[threading.Thread] = []
    for number, (invocation, function) in enumerate(work):
        invocation.pause = lambda number=number: turns.wait(number)
        threads.append(threading.Thread(target=turns.take, args=(number, function), daemon=True))
    for thread in threads:
        thread.start()
    for who, times in cycle(schedule):
        if not turns.live:
            break
        chosen = turns.live[who % len(turns.live)]
        for _ in range(times):
            if chosen in turns.live:
                turns.give(chosen)
    for thread in threads:
        thread.join()
    if turns.errors:
        raise turns.errors[0]


class _Turns:
    """Who may go on: one thread at a time."""

    def __init__(self, number: int) -> None:
        self._mine = [threading.Semaphore(0) for _ in range(number)]
        self._back = threading.Semaphore(0)
        self._done = [False] * number
        self.errors: list[BaseException] = []

    @property
    def live(self) -> list[int]:
        return [number for number, done in enumerate(self._done) if not done]

    def give(self, number: int) -> None:
        self._mine[number].release()
        self._back.acquire()

    def wait(self, number: int) -> None:
        self._back.release()
        self._mine[number].acquire()

    def take(self, number: int, function: Callable[[], None]) -> None:
        self._mine[number].acquire()
        try:
            function()
        except BaseException as error:  # noqa: BLE001  raised again by who waits for all
            self.errors.append(error)
        finally:
            self._done[number] = True
            self._back.release()


class Pool:
    """In place of a ThreadPoolExecutor: the same calls in one thread, in an order that the history chose.

    Where one of a mapping's tasks fails, those behind it are done or not, as with threads.
    """

    def __init__(self, _threads: int) -> None:
        self._submitted: list[tuple[Future[Any], Callable[[], Any]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._order().shuffle(self._submitted)
        for future, task in self._submitted:
            try:
                future.set_result(task())
            except Exception as error:  # noqa: BLE001  as a future keeps it
                future.set_exception(error)

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        future: Future[T] = Future()
        self._submitted.append((future, lambda: function(*arguments)))
        return future

    def map(self, function: Callable[..., T], *iterables: Any) -> Iterator[T]:
        tasks = list(zip(*iterables, strict=False))
        positions = list(range(len(tasks)))
        order = self._order()
        order.shuffle(positions)
        results: dict[int, T] = {}
        failures: dict[int, Exception] = {}
        for position in positions:
            if failures and order.random() < 0.5:
                continue
            try:
                results[position] = function(*tasks[position])
            except Exception as error:  # noqa: BLE001
                failures[position] = error
        return _in_order(len(tasks), results, failures)

    @staticmethod
    def _order() -> random.Random:
        return _threads.invocation.order


def _in_order(tasks: int, results: Mapping[int, T], failures: Mapping[int, Exception]) -> Iterator[T]:
    for position in range(tasks):
        if position not in results:
            raise failures.get(position) or failures[min(failures)]
        yield results[position]
