"""A backfill of a fleet's raw objects: the real handler over a store in memory, one run after the other.

python -m benchmarks.scale.backfill 500 2 1        machines, days, shards
"""

import os
import resource
import sys
from datetime import timedelta
from typing import Final

from benchmarks.scale.processing import END, Stack, set_environment

_DAYS: Final = 30
_READINGS: Final = 2 * 1440  # of a machine and day
_REQUEST: Final = {"GET": 0.58e-3 + 0.063e-3, "PUT": 0.87e-3, "PutItem": 0.87e-3, "LIST": 0.58e-3, "DELETE": 0.01}
"""CPU seconds of botocore for a request; what is read was listed before, 63 ms a page of 1,000 keys."""


def main(machines: int, days: int, shards: int) -> None:
    """Compute `days` twice, and say what a month of them would take."""
    set_environment()
    os.environ["LAKE_SHARDS"] = str(shards)
    stack = Stack()
    for back in range(days * 24, 0, -1):
        stack.arrive(END - timedelta(hours=back), machines)
    for time in ("first", "second"):
        done = stack.run(END + timedelta(minutes=5), start=END - timedelta(days=days), end=END)
        requests = sum(_REQUEST[name] * count for name, count in done["requests"].items() if name in _REQUEST)
        month = (done["cpu"] + requests) * _DAYS / days / 60
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{machines} machines, {days} days, {shards} shards, the {time} time: {done['cpu']:.1f} CPU-s and"
            f" {requests:.1f} of requests, {machines * days * _READINGS / done['cpu']:,.0f} readings/CPU-s,"
            f" {done['rows']} rows, {done['requests']}, peak {peak:.0f} MB; {_DAYS} days: {month:.1f} CPU-min"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
