"""Sending readings in batches, each acknowledged as a whole before the journal moves."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

import polars as pl

from handlers.stores import DataLake, Publisher
from mlops_core.lake import encode_events, encode_history
from mlops_core.telemetry import CHANNELS, Channel, Event, reading_message
from ops.concurrency import in_parallel
from ops.console import Advance
from ops.journal import Journal

LIVE_BATCH = 1_000
BULK_BATCH = 100_000


class Way(Protocol):
    """A way into the lake."""

    def batches(self, rows: pl.DataFrame, /) -> Iterator[tuple[int, int]]:
        """Ranges [start, stop) of rows, in order and without gaps; the same rows give the same ranges."""
        ...

    def send(self, rows: pl.DataFrame, advance: Advance, /) -> None:
        """Send every row; return only when all are acknowledged, raise where one is not."""
        ...


def deliver(rows: pl.DataFrame, journal: Journal, way: Way, advance: Advance) -> int:
    """Send what the journal does not yet hold as acknowledged; returns how many rows were sent.

    Whatever stops it, a second call goes on behind the last batch that the journal holds. Only a batch that was
    under way is sent again: in bulk as the very same objects, live as messages whose readings are in the lake once
    for every reader.
    """
    sent = 0
    for start, stop in way.batches(rows):
        first = max(start, journal.acknowledged)  # an earlier run may have had batches of another size
        if first >= stop:
            continue
        way.send(rows[first:stop], advance)
        journal.acknowledge(stop)
        sent += stop - first
    return sent


class LivePublishing:
    """The way of every machine: MQTT messages through rules, queue and ingestion, marked as replayed.

    ``rate`` bounds the messages a second (none where None). Raises the SDK's errors after its retries.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        topic_prefix: str,
        channels: Mapping[str, Channel] = CHANNELS,
        rate: float | None = None,
    ) -> None:
        self._publisher = publisher
        self._channels = channels
        self._topic_prefix = topic_prefix
        self._pace = Pace(rate) if rate is not None else None
        # At a slow pace a batch is what one second sends, so that little is sent again after an interruption.
        self._batch = LIVE_BATCH if rate is None else max(1, min(LIVE_BATCH, round(rate)))

    def batches(self, readings: pl.DataFrame) -> Iterator[tuple[int, int]]:
        """Ranges of a fixed size."""
        for start in range(0, readings.height, self._batch):
            yield start, min(start + self._batch, readings.height)

    def send(self, readings: pl.DataFrame, advance: Advance) -> None:
        """Publish each reading with quality of service 1."""
        in_parallel(
            self._publish,
            list(readings.select("machine_id", "channel", "event_timestamp", "value").iter_rows()),
            lambda _: advance(1),
        )

    def _publish(self, row: tuple[str, str, datetime, float | None]) -> None:
        if self._pace is not None:
            self._pace.wait()
        machine_id, channel, event_timestamp, value = row
        self._publisher.publish(
            reading_message(
                machine_id,
                channel,
                event_timestamp,
                value,
                topic_prefix=self._topic_prefix,
                replayed=True,
                channels=self._channels,
            )
        )


class _Writing:
    """Straight into the lake."""

    def __init__(self, lake: DataLake, *, received_at: datetime, is_correction: bool = False) -> None:
        self._lake = lake
        self._received_at = received_at
        self._corrected_at = received_at if is_correction else None

    def batches(self, rows: pl.DataFrame) -> Iterator[tuple[int, int]]:
        """Ranges of whole hours."""
        return _whole_hours(rows)


class BulkWriting(_Writing):
    """Straight into the lake, by the writer that ingestion uses: one object an hour and shard, created once."""

    def send(self, readings: pl.DataFrame, advance: Advance) -> None:
        """Write the objects of these readings; one that is there already is durable, and so acknowledged."""
        objects = encode_history(
            readings, received_at=self._received_at, corrected_at=self._corrected_at, keep_not_measured=True
        )
        in_parallel(lambda raw: self._lake.create(*raw), objects, lambda _: None)
        advance(readings.height)


class EventWriting(_Writing):
    """Straight into the lake, by the writer that the label function uses: one object an hour, created once."""

    def send(self, events: pl.DataFrame, advance: Advance) -> None:
        """Write the objects of these events; one that is there already is durable, and so acknowledged."""
        made = (Event(**row, received_at=self._received_at, replayed=True) for row in events.to_dicts())
        in_parallel(lambda raw: self._lake.create(*raw), encode_events(made), lambda _: None)
        advance(events.height)


def _whole_hours(rows: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """Ranges of whole hours of up to BULK_BATCH rows; an hour that holds more is divided at fixed places."""
    hours = rows.select(pl.col("event_timestamp").dt.truncate("1h").rle().struct.field("len")).to_series()
    start = stop = 0
    for count in hours:
        if stop > start and stop + count - start > BULK_BATCH:
            yield start, stop
            start = stop
        stop += count
        while stop - start > BULK_BATCH:
            yield start, start + BULK_BATCH
            start += BULK_BATCH
    if stop > start:
        yield start, stop


class Pace:
    """Lets callers of any number of threads through at no more than ``rate`` a second, evenly."""

    def __init__(
        self, rate: float, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._interval = 1 / rate
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self) -> None:
        """Return at this caller's turn."""
        with self._lock:
            turn = max(self._next, self._clock())
            self._next = turn + self._interval
        if (pause := turn - self._clock()) > 0:
            self._sleep(pause)
