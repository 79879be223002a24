"""What a fleet says in a soak: readings in any order, many of them late, some twice, some changed, some worthless."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

import polars as pl

from handlers.stores.publisher import Publisher
from infra.local.run.bad_messages import BadMessage, bad_messages
from infra.local.run.reconciliation import FAILURE, READING, Lived
from mlops_core.telemetry import FAILURES, READINGS, Message, failure_message, reading_message

MACHINES = tuple(f"SOAK-{number:02}" for number in range(20))
OLDEST = timedelta(hours=46)  # within the allowed lateness, waiting in queues included
RECENT = timedelta(hours=3)
_THREADS = 8
_OVERSIZE = 64 * 1024

Row = tuple[str, str, datetime, float]


@dataclass
class Traffic:
    """Messages drawn from a seed, and the account of them."""

    seed: int
    prefix: str
    now: datetime
    readings: list[Row] = field(default_factory=list[Row])
    failures: list[tuple[str, datetime, str]] = field(default_factory=list[tuple[str, datetime, str]])
    refused: list[BadMessage] = field(default_factory=list[BadMessage])
    repeated: int = 0
    changed: int = 0

    def messages(self, number: int) -> Iterator[Message]:
        """Draw so many messages: of a hundred, 2 are bad, 2 said before, 1 changed, 1 a failure, a fifth late."""
        drawn = random.Random(self.seed)  # noqa: S311 - not for secrets
        said: list[Message] = []
        for index in range(number):
            kind = drawn.random()
            if kind < 0.02:
                yield self._bad(drawn, index)
            elif kind < 0.04 and said:
                self.repeated += 1
                yield drawn.choice(said)
            elif kind < 0.05 and self.readings:
                self.changed += 1
                machine_id, channel, at, value = drawn.choice(self.readings)
                yield self._reading((machine_id, channel, at, round(value + drawn.random(), 6)))
            elif kind < 0.06:
                yield self._failure(drawn)
            else:
                machine_id, channel = drawn.choice(MACHINES), drawn.choice(("temperature", "vibration"))
                age = drawn.random() * (OLDEST if drawn.random() < 0.2 else RECENT)
                message = self._reading((machine_id, channel, self.now - age, round(5 + 60 * drawn.random(), 6)))
                said.append(message)
                yield message

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
