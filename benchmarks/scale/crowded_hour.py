"""An hour with far more readings than a function's memory holds: the real handler, from raw objects in a folder.

python -m benchmarks.scale.crowded_hour 1000 1024     machines, each with two channels and a reading a second; MB
"""

import resource
import sys
import tempfile
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from benchmarks.scale.processing import END, Stack, raw_hour, set_environment
from benchmarks.scale.stores import Bucket

HOUR = timedelta(hours=1)


def prepare(folder: Path, machines: int) -> None:
    """Write the raw objects of the hour, of 500 readings each."""
    for minute in range(60):
        for second in range(60):
            for key, body in raw_hour(END - HOUR, machines, minutes=[minute], second=second).items():
                path = folder / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)


def measure(folder: Path, memory_mb: int) -> None:
    """Run the function once and print what it took."""
    set_environment()
    stack = Stack(Bucket(folder))
    before = _peak()
    done = stack.run(END + timedelta(minutes=5), memory_mb=memory_mb)
    written = sum(len(body) for body, _ in stack.bucket.objects.values()) / 2**20
    print(
        f"{done['cpu']:.1f} CPU-s, {done['rows']} rows, {done['requests']}, peak {_peak():.0f} MB ({before:.0f} before"
        f" the run), of which written objects {written:.0f}"
    )
    for key, (body, _) in stack.bucket.objects.items():
        if key.startswith("damaged/"):
            print(body.decode())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(machines: int, memory_mb: int) -> None:
    """Prepare in a process of its own, so that its memory does not count; then run the function here."""
    with tempfile.TemporaryDirectory() as name:
        child = get_context("spawn").Process(target=prepare, args=(Path(name), machines))
        child.start()
        child.join()
        measure(Path(name), memory_mb)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
