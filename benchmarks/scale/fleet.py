"""What a fleet costs by its size: CPU seconds, peak memory and requests of each function, as one table.

python -m benchmarks.scale.fleet 5 1000 10000

Each figure in a process of its own, whose data another process has prepared. A line of 10,000 machines takes minutes.
"""

import contextlib
import io
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from benchmarks.scale import channels, long_windows, processing, scoring, training_set
from benchmarks.scale.processing import END, Stack
from benchmarks.scale.stores import Bucket, invocation
from handlers.stores.partitions import decode_parquet, encode_parquet
from mlops_core.lake import (
    CHECKPOINT_KEY,
    Built,
    Checkpoint,
    buckets_key,
    compacted_key,
    features_key,
    hour_text,
)

HOUR: Final = timedelta(hours=1)
_KNOWN_HOURS: Final = 54
_LATE_HOURS: Final = 42
_NEW_HOURS: Final = 6
_READINGS_A_MESSAGE: Final = 30
_DAYS: Final = 180
_SPAWN: Final = get_context("spawn")


class Taken(NamedTuple):
    """What one action took: CPU seconds without botocore's, the requests to S3 and DynamoDB."""

    cpu: float
    requests: dict[str, int]


def ingestion(machines: int, _: Path) -> Taken:
    """The readings of an hour, two a machine and minute, 30 a message, 500 messages an invocation."""
    channels.set_environment("ingestion")
    stack = Stack()
    from handlers import ingestion as function

    received = datetime.now(UTC).replace(microsecond=0)
    messages = machines * 2 * 60 // _READINGS_A_MESSAGE
    size = min(messages, channels.MESSAGES)
    events = [
        channels.event(channels.batch(number, received)[:size], received) for number in range(-(-messages // size))
    ]
    return _taken(stack, lambda: [function.handler(event, invocation(256, 30)) for event in events])


def prepare_late(machines: int, folder: Path) -> None:
    """Write 54 processed hours, six new ones, and one late reading for each of 42."""
    processing.set_environment()
    stack, built = Stack(), END - _KNOWN_HOURS * HOUR
    stack.run(built + timedelta(minutes=5))
    stack.arrive(built, machines)
    stack.run(built + HOUR + timedelta(minutes=5))
    names = (compacted_key, partial(buckets_key, shard=0), partial(_features_key, shard=0))
    for name in names:
        frame = decode_parquet(stack.bucket.objects[name(built)][0])
        moments = [column for column, kind in frame.schema.items() if kind == pl.Datetime]
        for later in range(_KNOWN_HOURS):
            moved = frame.with_columns(pl.col(moments) + later * HOUR)
            long_windows.write(folder / name(built + later * HOUR), encode_parquet(moved))
    for back in range(_NEW_HOURS):
        for key, body in processing.raw_hour(END + back * HOUR, machines).items():
            long_windows.write(folder / key, body)
    for back in range(1, _LATE_HOURS + 1):
        for key, body in processing.raw_hour(END - back * HOUR, 1, minutes=[59], second=1).items():
            long_windows.write(folder / "late" / key, body)


def _features_key(hour: datetime, shard: int) -> str:
    """Return where the rows lie whose windows end with an hour."""
    return features_key(hour + HOUR, shard)


def late(_: int, folder: Path, *, is_late: bool = True, hours: int = _NEW_HOURS) -> Taken:
    """The new hours, and one late reading in each of 42 older ones."""
    processing.set_environment()
    stack = Stack(Bucket(folder))
    for file in (folder / "late").rglob("*.gz") if is_late else ():
        stack.bucket.objects[str(file.relative_to(folder / "late"))] = (file.read_bytes(), '"raw"')
    known = {hour_text(END - back * HOUR): Built("stored", "", 1).text for back in range(_KNOWN_HOURS, 0, -1)}
    begins = END - _KNOWN_HOURS * HOUR
    checkpoint = Checkpoint(version=1, processed_from=begins, processed_until=END, hours=known)
    stack.bucket.objects[CHECKPOINT_KEY] = (checkpoint.encode(), '"1"')
    done = stack.run(END + hours * HOUR + timedelta(minutes=5))
    return Taken(done["cpu"], done["requests"])


def prepare_outage(machines: int, folder: Path) -> None:
    """Write a week and two days of buckets, and eight hours that nothing was built of."""
    long_windows.prepare(folder, machines, _shards(machines), 8)


def outage(machines: int, folder: Path) -> Taken:
    """Eight hours at once after an outage, windows of up to a week, as prod has them; times three, a day."""
    done = long_windows.run(folder, _shards(machines), 168, 8)
    return Taken(done["cpu"] * 3, {name: count * 3 for name, count in done["requests"].items()})


def _shards(machines: int) -> int:
    return 4 if machines > 5000 else 1


def scored(machines: int, _: Path) -> Taken:
    """Scoring, where every machine has a new row."""
    return Taken(*scoring.fleet_of(machines)[0])


def listed(machines: int, _: Path) -> Taken:
    """GET /machines."""
    return Taken(*scoring.fleet_of(machines)[1])


def prepare_training(machines: int, folder: Path) -> None:
    """Write the features of half a year."""
    training_set.generate(folder, machines, _DAYS)


def training(machines: int, folder: Path) -> Taken:
    """The training set of half a year; a small fleet fails more often, so that there is something to learn from."""
    every_days = 365.0 if machines >= 100 else 60.0
    return Taken(*training_set.build(folder, training_set.failures(machines, _DAYS, every_days), _DAYS)[:2])


PARTS: Final[dict[str, tuple[Callable[[int, Path], None] | None, Callable[[int, Path], Taken], int]]] = {
    "ingestion of an hour, 30 readings a message": (None, ingestion, 10**6),
    "one hour": (prepare_late, partial(late, is_late=False, hours=1), 10**6),
    "six hours": (prepare_late, partial(late, is_late=False), 10**6),
    "six hours, and late data in 42 others": (prepare_late, late, 10**6),
    "24 hours after an outage, windows to 168 h": (prepare_outage, outage, 10**6),
    "scoring": (None, scored, 10**6),
    "GET /machines": (None, listed, 10**6),
    "training set, 180 days": (prepare_training, training, 10**4),  # 20 GB in the folder for temporary files
}
"""What prepares a part, what is measured, and for how many machines at most."""


def _taken(stack: Stack, action: Callable[[], object]) -> Taken:
    begins = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        action()
    return Taken(time.process_time() - begins, dict(stack.bucket.calls + stack.tables.calls))


def _measure(part: str, machines: int, folder: Path, answer: Any) -> None:  # noqa: ANN401 - a queue of its context
    with contextlib.redirect_stdout(io.StringIO()):
        taken = PARTS[part][1](machines, folder)
    answer.put((*taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


@cache
def _prepared(prepares: Callable[[int, Path], None] | None, machines: int) -> tempfile.TemporaryDirectory[str]:
    """Return a folder with what parts are measured with, prepared once for all that read the same."""
    folder = tempfile.TemporaryDirectory()
    if prepares:
        child = _SPAWN.Process(target=prepares, args=(machines, Path(folder.name)))
        child.start()
        child.join()
    return folder


def _cell(part: str, machines: int) -> str:
    prepares, _, most = PARTS[part]
    if machines > most:
        return "-"
    folder = _prepared(prepares, machines).name
    answer = _SPAWN.Queue()
    child = _SPAWN.Process(target=_measure, args=(part, machines, Path(folder), answer))
    child.start()
    cpu, requests, peak = answer.get(timeout=3600)
    child.join()
    counts: Counter[str] = Counter(requests)
    stored = " / ".join(f"{counts[name]:,}" for name in ("LIST", "GET", "PUT", "DELETE"))
    written = counts["PutItem"] + counts["UpdateItem"]
    return f"{cpu:.2f} s, {peak:,.0f} MB, {stored}, {written:,}"


def main(sizes: list[int]) -> None:
    """Print the table, a line as soon as it is measured."""
    load = os.getloadavg()[0]
    print(
        f"CPU, peak memory, S3's LIST / GET / PUT / DELETE, writes to DynamoDB; a load of {load:.0f} at the beginning"
    )
    print(f"| | {' | '.join(f'{size:,} machines' for size in sizes)} |")
    print("| --- " * (len(sizes) + 1) + "|")
    for part in PARTS:
        print(f"| {part} | {' | '.join(_cell(part, size) for size in sizes)} |", flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
