"""What a fleet says in a soak: readings in any order, many of them late, some twice, some changed, some worthless."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

import polars as pl

from handlers.stores.publisher import Publisher
from infra.local.run.bad_messages import BadMessage, bad_messages
from infra.local.run.reconciliation import FAILURE, READING, Lived
from mlops_core.errors import QuarantineReason
from mlops_core.telemetry import FAILURES, READINGS, Message, failure_message, reading_message
from mlops_core.time import utc_text

MACHINES = tuple(f"SOAK-{number:02}" for number in range(20))
OLDEST = timedelta(hours=46)  # within the allowed lateness, waiting in queues included
RECENT = timedelta(hours=3)
_THREADS = 8
_OVERSIZE = 64 * 1024

Row = tuple[str, str, datetime, float]


class _Batch(NamedTuple):
    """A message of many elements, how many of them are readings, and those that must be refused."""

    message: Message
    readings: int
    refused: list[BadMessage]


@dataclass
class Traffic:
    """Messages drawn from a seed, and the account of their elements: readings, failures and what is refused."""

    seed: int
    prefix: str
    now: datetime
    readings: list[Row] = field(default_factory=list[Row])
    failures: list[tuple[str, datetime, str]] = field(default_factory=list[tuple[str, datetime, str]])
    refused: list[BadMessage] = field(default_factory=list[BadMessage])
    elements: int = 0
    repeated: int = 0
    changed: int = 0
    _of_machine: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])

    def messages(self, number: int) -> Iterator[Message]:
        """Draw so many messages: of a hundred, 2 are bad, 2 sent before, 1 changed, 1 a failure, a fifth late."""
        drawn = random.Random(self.seed)  # noqa: S311 - not for secrets
        sent: list[Message] = []
        for index in range(number):
            kind = drawn.random()
            self.elements += 1
            if kind < 0.02:
                yield self._bad(drawn, index)
            elif kind < 0.04 and sent:
                self.repeated += 1
                yield drawn.choice(sent)
            elif kind < 0.05 and self.readings:
                self.changed += 1
                machine_id, channel, at, value = drawn.choice(self.readings)
                yield self._reading((machine_id, channel, at, round(value + drawn.random(), 6)))
            elif kind < 0.06:
                yield self._failure(drawn)
            else:
                message = self._reading(self._row(drawn, drawn.choice(MACHINES)))
                sent.append(message)
                yield message

    def batches(self, number: int, size: int) -> Iterator[Message]:
        """Draw so many messages, most of them of `size` elements: of a hundred, 2 are bad, 2 sent before, 1 a failure.

        Of a hundred elements 2 are refused, 2 are sent before and 1 has another value.
        """
        drawn = random.Random(self.seed)  # noqa: S311 - not for secrets
        sent: list[_Batch] = []
        for index in range(number):
            kind = drawn.random()
            if kind < 0.02:
                self.elements += 1
                yield self._bad(drawn, index)
            elif kind < 0.04 and sent:
                batch = drawn.choice(sent)
                self.elements += batch.readings + len(batch.refused)
                self.repeated += batch.readings
                self.refused += batch.refused
                yield batch.message
            elif kind < 0.05:
                self.elements += 1
                yield self._failure(drawn)
            else:
                sent.append(self._batch(drawn, size))
                yield sent[-1].message

    def _batch(self, drawn: random.Random, size: int) -> _Batch:
        machine_id = drawn.choice(MACHINES)
        topic, own = f"{self.prefix}/{machine_id}/readings", self._of_machine.setdefault(machine_id, [])
        elements: list[str] = []
        refused: list[BadMessage] = []
        for _ in range(size):
            kind = drawn.random()
            row = self._row(drawn, machine_id)
            if kind < 0.02:
                element, reason = _refused_element(drawn, row, self.now)
                refused.append(BadMessage(topic, element.encode(), reason))
                elements.append(element)
                continue
            if kind < 0.04 and own:
                self.repeated += 1
                row = drawn.choice(own)
            elif kind < 0.05 and own:
                self.changed += 1
                _, channel, at, value = drawn.choice(own)
                row = (machine_id, channel, at, round(value + drawn.random(), 6))
            elements.append(_element(row[1], row[2], repr(row[3])))
            self.readings.append(row)
            own.append(row)
        drawn.shuffle(elements)
        self.elements += size
        self.refused += refused
        return _Batch(Message(topic, f"[{','.join(elements)}]".encode()), size - len(refused), refused)

    def _row(self, drawn: random.Random, machine_id: str) -> Row:
        channel = drawn.choice(("temperature", "vibration"))
        age = drawn.random() * (OLDEST if drawn.random() < 0.2 else RECENT)
        return machine_id, channel, self.now - age, round(5 + 60 * drawn.random(), 6)

    def _reading(self, row: Row) -> Message:
        self.readings.append(row)
        return reading_message(*row, topic_prefix=self.prefix)

    def _failure(self, drawn: random.Random) -> Message:
        machine_id, at = drawn.choice(MACHINES), self.now - drawn.random() * OLDEST
        self.failures.append((machine_id, at, "BEARING_WEAR"))
        return failure_message(
            machine_id, at, "BEARING_WEAR", round(12 + drawn.random(), 6), 11.2, topic_prefix=self.prefix
        )

    def _bad(self, drawn: random.Random, index: int) -> Message:
        # Payloads that name a time differ by it; those that cannot are counted by how often they were sent.
        kinds = bad_messages(self.prefix, drawn.choice(MACHINES), self.now + timedelta(microseconds=index))
        message = drawn.choice([each for each in kinds if len(each.payload) < _OVERSIZE])
        self.refused.append(message)
        return Message(message.topic, message.payload)

    def lived(self) -> Lived:
        """The distinct readings and failures."""
        readings = pl.DataFrame(self.readings, schema=READINGS, orient="row").select(READING).unique()
        schema = {name: FAILURES[name] for name in FAILURE}
        return Lived(readings, pl.DataFrame(self.failures, schema=schema, orient="row").unique())


def _element(channel: str, at: datetime, value: str) -> str:
    return f'{{"timestamp_utc":"{utc_text(at)}","values":{{"{channel}":{value}}}}}'


def _refused_element(drawn: random.Random, row: Row, now: datetime) -> tuple[str, QuarantineReason]:
    """Return an element that nothing but itself is refused with, and the reason."""
    _, channel, at, value = row
    return drawn.choice(
        [
            (_element(channel, at, "NaN"), QuarantineReason.NOT_FINITE),
            (_element(channel, at, '"20.5"'), QuarantineReason.BAD_TYPE),
            (_element(channel, at, "1254.005"), QuarantineReason.OUT_OF_RANGE),
            (_element("pressure", at, "20.5"), QuarantineReason.UNKNOWN_SENSOR),
            (_element(channel, now + timedelta(days=1) + (now - at), repr(value)), QuarantineReason.FUTURE),
            (_element(channel, at - timedelta(days=30), repr(value)), QuarantineReason.TOO_LATE),
        ]
    )


def publish(
    publisher: Publisher, messages: Iterator[Message], *, rate: float, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Publish at most so many messages a second, on several threads; returns how many."""
    began, published = time.monotonic(), 0

    def send(batch: list[Message]) -> int:
        for message in batch:
            publisher.publish(message)
        return len(batch)

    with ThreadPoolExecutor(_THREADS) as pool:
        while batches := [batch for _ in range(_THREADS) if (batch := list(islice(messages, 50)))]:
            published += sum(pool.map(send, batches))
            tell(published)
            ahead = published / rate - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)
    return published
