"""A replay stopped anywhere and started again sends everything, and every reader finds each reading once."""

import contextlib
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, strategies as st

from mlops_core.lake import decode_readings
from mlops_core.telemetry import READINGS, Message, Reading, parse_message
from ops import concurrency, delivery
from ops.delivery import BulkWriting, LivePublishing, Pace, deliver
from ops.journal import Journal, JournalUnreadableError, open_journal

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2025, 3, 1, tzinfo=UTC)


class StopError(Exception):
    """The process ends here."""


class Broker:
    """Takes messages; ends the process before or after the one that is counted."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.stop_at: int | None = None
        self.stop_after_taking = False
        self._lock = threading.Lock()

    def publish(self, message: Message) -> None:
        with self._lock:
            stop = self.stop_at is not None and len(self.received) >= self.stop_at
            if not stop or self.stop_after_taking:
                self.received.append(message)
        if stop:
            raise StopError

    def rows(self) -> list[tuple[object, ...]]:
        """What was published, as rows of READINGS; all of it as history that is sent on purpose."""
        parsed = [parse_message(*message, BEGAN) for message in self.received]
        assert all(isinstance(reading, Reading) and reading.replayed for reading in parsed)
        return [(reading.machine_id, reading.channel, reading.event_timestamp, reading.value) for reading in parsed]


class Lake:
    """Keeps objects by key; ends the process before or after the one that is counted."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.stop_at: int | None = None
        self.stop_after_taking = False

    def create(self, key: str, body: bytes) -> bool:
        stop = self.stop_at is not None and len(self.objects) >= self.stop_at
        created = key not in self.objects
        if not stop or self.stop_after_taking:
            self.objects[key] = body
        if stop:
            raise StopError
        return created


def frame(minutes: list[tuple[int, int]]) -> pl.DataFrame:
    """Readings at ``minutes`` after START of machines by number: distinct rows, in order of time."""
    rows = [
        (f"M{machine}", "temperature", START + timedelta(minutes=minute), minute / 10) for minute, machine in minutes
    ]
    return pl.DataFrame(rows, schema=READINGS, orient="row").unique().sort("event_timestamp", "machine_id")


def journal(folder: Path, via: str = "live") -> Journal:
    return open_journal(folder, source="s", lake="l", via=via, now=BEGAN)


def nothing(_: int) -> None:
    """An Advance that shows nothing."""


def small_batches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delivery, "LIVE_BATCH", 7)
    patch.setattr(delivery, "BULK_BATCH", 7)
    patch.setattr(concurrency, "THREADS", 3)


histories = st.lists(st.tuples(st.integers(0, 600), st.integers(1, 3)), min_size=1, max_size=60, unique=True)
interruptions = st.lists(st.tuples(st.integers(0, 70), st.booleans()), max_size=5)


@given(minutes=histories, interruptions=interruptions, batches=st.lists(st.integers(1, 20), min_size=6, max_size=6))
def test_live_interrupted_anywhere_and_resumed_gives_each_reading_once(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    minutes: list[tuple[int, int]],
    interruptions: list[tuple[int, bool]],
    batches: list[int],
) -> None:
    small_batches(monkeypatch)
    readings, folder, broker = frame(minutes), tmp_path_factory.mktemp("journal"), Broker()
    for (broker.stop_at, broker.stop_after_taking), batch in zip(
        [*interruptions, (None, False)], batches, strict=False
    ):
        monkeypatch.setattr(delivery, "LIVE_BATCH", batch)  # another rate in every run
        acknowledged_before = journal(folder).acknowledged
        received_before = len(broker.received)
        with contextlib.suppress(StopError):
            deliver(readings, journal(folder), LivePublishing(broker, topic_prefix="industrial/machine"), nothing)
        assert set(broker.rows()[received_before:]).isdisjoint(readings[:acknowledged_before].rows())
    received = broker.rows()
    assert set(received) == set(readings.rows())
    assert len(received) - len(set(received)) <= 20 * len(interruptions)
    assert deliver(readings, journal(folder), LivePublishing(broker, topic_prefix="industrial/machine"), nothing) == 0


@given(minutes=histories, interruptions=interruptions)
def test_bulk_interrupted_anywhere_and_resumed_leaves_what_one_run_leaves(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    minutes: list[tuple[int, int]],
    interruptions: list[tuple[int, bool]],
) -> None:
    small_batches(monkeypatch)
    readings, folder, lake = frame(minutes), tmp_path_factory.mktemp("journal"), Lake()
    clock = (BEGAN + timedelta(hours=run) for run in count()).__next__
    for lake.stop_at, lake.stop_after_taking in [*interruptions, (None, False)]:
        entry = open_journal(folder, source="s", lake="l", via="bulk", now=clock())
        with contextlib.suppress(StopError):
            deliver(readings, entry, BulkWriting(lake, received_at=entry.entry.received_at), nothing)
    in_one_run = Lake()
    deliver(
        readings,
        journal(tmp_path_factory.mktemp("other"), "bulk"),
        BulkWriting(in_one_run, received_at=BEGAN),
        nothing,
    )
    assert lake.objects == in_one_run.objects
    assert Counter(decode_readings(list(lake.objects.values())).rows()) == Counter(readings.rows())


def test_bulk_ranges_hold_whole_hours_and_divide_only_an_hour_that_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_batches(monkeypatch)
    hours = [(60 * hour + minute, 1) for hour, count in enumerate([3, 3, 2, 16, 1]) for minute in range(count)]
    way = BulkWriting(Lake(), received_at=BEGAN)
    #        3+3   2   16 in pieces of 7         1 more joins the rest
    assert list(way.batches(frame(hours))) == [(0, 6), (6, 8), (8, 15), (15, 22), (22, 25)]


def test_live_ranges_cover_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch)
    way = LivePublishing(Broker(), topic_prefix="p")
    assert list(way.batches(frame([(minute, 1) for minute in range(15)]))) == [(0, 7), (7, 14), (14, 15)]
    assert list(way.batches(frame([]))) == []
    slow = LivePublishing(Broker(), topic_prefix="p", rate=2)
    assert list(slow.batches(frame([(minute, 1) for minute in range(5)]))) == [(0, 2), (2, 4), (4, 5)]


def test_an_error_of_one_message_stops_those_that_have_not_begun() -> None:
    broker = Broker()
    broker.stop_at = 5
    readings = frame([(minute, 1) for minute in range(600)])
    with pytest.raises(StopError):
        LivePublishing(broker, topic_prefix="industrial/machine").send(readings, nothing)
    assert len(broker.received) == 5


def test_progress_counts_every_reading_of_either_way() -> None:
    readings = frame([(minute, 1) for minute in range(130)])
    for way in (LivePublishing(Broker(), topic_prefix="p"), BulkWriting(Lake(), received_at=BEGAN)):
        counted: list[int] = []
        way.send(readings, counted.append)
        assert sum(counted) == 130


def test_a_rate_spaces_callers_evenly_and_a_pause_earns_no_burst() -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = Pace(4, clock=lambda: now, sleep=sleep)
    turns: list[float] = []
    for _ in range(3):
        pace.wait()
        turns.append(now)
    now = 10.0
    for _ in range(2):
        pace.wait()
        turns.append(now)
    assert turns == [0.0, 0.25, 0.5, 10.0, 10.25]


def test_the_journal_never_goes_back_and_keeps_when_the_replay_began(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.acknowledge(10)
    first.acknowledge(3)
    later = open_journal(tmp_path, source="s", lake="l", via="live", now=BEGAN + timedelta(days=1))
    assert (later.acknowledged, later.entry.received_at) == (10, BEGAN)
    assert list(tmp_path.iterdir()) == [later.file]


@pytest.mark.parametrize("change", [{"source": "t"}, {"lake": "another"}, {"via": "bulk"}])
def test_another_source_lake_or_way_has_a_journal_of_its_own(tmp_path: Path, change: dict[str, str]) -> None:
    journal(tmp_path).acknowledge(10)
    assert open_journal(tmp_path, **{"source": "s", "lake": "l", "via": "live"} | change, now=BEGAN).acknowledged == 0


def test_a_journal_that_holds_something_else_says_what_to_do(tmp_path: Path) -> None:
    entry = journal(tmp_path)
    entry.file.write_text("{}")
    with pytest.raises(JournalUnreadableError, match="Remove it"):
        journal(tmp_path)
