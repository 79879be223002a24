"""Processing: one hour as scheduled, and what late readings add to a run; the real handler over stores in memory.

python -m benchmarks.scale.processing hour 5 1000 10000
python -m benchmarks.scale.processing late 200 1000
python -m benchmarks.scale.processing hop 500
"""

import contextlib
import gzip
import hashlib
import io
import os
import random
import resource
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from benchmarks.scale.stores import Bucket, Tables, invocation
from mlops_core.lake import raw_key

END = datetime(2026, 11, 28, 12, tzinfo=UTC)
_PER_OBJECT = 500
_LATE_HOURS = 42
_ROUNDS = 5


def raw_hour(
    hour: datetime, machines: int, *, minutes: Collection[int] = range(60), second: int = 0
) -> dict[str, bytes]:
    """Return the raw objects of an hour by key: two channels, a reading a minute, 500 readings an object."""
    chance = random.Random(1)  # noqa: S311 - values to measure with
    values = [f"{chance.uniform(1, 9):.6f}" for _ in range(4096)]
    lines = [
        f'{{"machine_id":"PUMP-{machine:05d}","channel":"{channel}","event_timestamp":"{at}","value":'
        f'{values[(machine * 31 + minute * 17 + len(channel)) % 4096]},"received_at":"{at}"}}\n'
        for minute in minutes
        for machine in range(machines)
        for at in [
            f"{hour:%Y-%m-%dT%H}:{minute:02d}:{(machine * 7 + minute + second) % 60:02d}.{machine % 1_000_000:06d}Z"
        ]
        for channel in ("temperature", "vibration")
    ]
    objects: dict[str, bytes] = {}
    for first in range(0, len(lines), _PER_OBJECT):
        content = "".join(sorted(lines[first : first + _PER_OBJECT])).encode()
        key = raw_key(hour, hashlib.sha256(content).hexdigest())
        objects[key] = gzip.compress(content, 1, mtime=0)
    return objects


class Stack:
    """A lake and tables, and the function over them."""

    def __init__(self, bucket: Bucket | None = None) -> None:
        from handlers.stores import clients

        self.bucket, self.tables = bucket or Bucket(), Tables()
        for name, store in {"s3": lambda: self.bucket, "dynamodb": lambda: self.tables}.items():
            setattr(clients, name, store)

    def arrive(self, hour: datetime, machines: int, *, minutes: Collection[int] = range(60), second: int = 0) -> None:
        """Put the readings of an hour into the lake."""
        for key, body in raw_hour(hour, machines, minutes=minutes, second=second).items():
            self.bucket.objects[key] = (body, '"raw"')

    def run(self, at: datetime, *, memory_mb: int = 10_240, **span: datetime) -> dict[str, Any]:
        """Run the function at a moment, or for a `start` and `end`; returns CPU seconds, requests and what it did."""
        from handlers import processing

        event = {name: moment.isoformat() for name, moment in {"at": at, **span}.items()}
        self.bucket.calls.clear()
        self.tables.calls.clear()
        begins = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            done = processing.handler(event, invocation(memory_mb, 900))
        requests = dict(self.bucket.calls) | dict(self.tables.calls)
        return {"cpu": time.process_time() - begins, "requests": requests, "rows": done["feature_rows"]}


def hour(machines: int) -> None:
    """One hour, scheduled: the hours before are processed."""
    stack = Stack()
    for back in (2, 1):
        stack.arrive(END - timedelta(hours=back), machines)
        done = stack.run(END - timedelta(hours=back - 1) + timedelta(minutes=5))
    print(f"{machines} machines: {done['cpu']:.2f} CPU-s, {done['rows']} rows, {done['requests']}", _peak())


def late(machines: int) -> None:
    """Six hours, without and with one late reading in each of 42 older hours: each the least of several rounds."""
    stack = Stack()
    stack.run(END - timedelta(hours=54) + timedelta(minutes=5))
    for back in range(54, 0, -1):
        stack.arrive(END - timedelta(hours=back), machines)
    stack.run(END + timedelta(minutes=5))
    for back in range(1, 7):
        stack.arrive(END + timedelta(hours=6 - back), machines)
    objects, tables = stack.bucket.objects, stack.tables.items
    runs: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for is_late in [False, True] * _ROUNDS:
        stack.bucket.objects = dict(objects)
        stack.tables.items = {name: dict(items) for name, items in tables.items()}
        for back in range(1, _LATE_HOURS + 1) if is_late else ():
            stack.arrive(END - timedelta(hours=back), 1, minutes=[59], second=1)
        runs[is_late].append(stack.run(END + timedelta(hours=6, minutes=5)))
    quiet, with_late = (min(done, key=itemgetter("cpu")) for done in runs.values())
    print(f"{machines} machines, quiet: {quiet}\n{machines} machines, late: {with_late}", _peak())
    print(f"{machines} machines: late data cost {with_late['cpu'] / quiet['cpu']:.2f} times a quiet run")


def hop(machines: int) -> None:
    """Thirty hours built and computed again for another hop, and what 30 days of them would take."""
    from handlers import processing

    stack, hours = Stack(), 30
    stack.run(END - timedelta(hours=hours) + timedelta(minutes=5))
    for back in range(hours, 0, -1):
        stack.arrive(END - timedelta(hours=back), machines)
    stack.run(END + timedelta(minutes=5))
    os.environ["FEATURE_HOP_MINUTES"] = "30"
    vars(processing)["_settings"].cache_clear()  # as a new deployment starts a new process
    done = stack.run(END + timedelta(minutes=6))
    month = done["cpu"] / hours * 24 * 30
    print(f"{machines} machines, {hours} h after a changed hop: {done} {_peak()}; 30 days: {month:.0f} CPU-s")


def _peak() -> str:
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


def set_environment(*, lengths: str = "[1,6,24]") -> None:
    """Set the function's environment."""
    os.environ |= {
        "DATA_LAKE_BUCKET": "lake", "DYNAMODB_TABLE_NAME": "features", "LABEL_HISTORY_TABLE": "labels",
        "NOTICE_TOPIC_ARN": "arn", "MACHINES_TABLE": "machines", "TIME_WINDOW": "6",
        "FEATURE_LENGTHS_HOURS": lengths,
        "POWERTOOLS_SERVICE_NAME": "processing", "POWERTOOLS_METRICS_NAMESPACE": "x",
        "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }  # fmt: skip


def main(what: str, sizes: list[int]) -> None:
    """Measure each size."""
    set_environment()
    for size in sizes:
        {"hour": hour, "late": late, "hop": hop}[what](size)


if __name__ == "__main__":
    main(sys.argv[1], [int(size) for size in sys.argv[2:]])
