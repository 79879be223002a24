"""Scheduled hours whose windows reach over a week: the real handler over a lake that holds nine days of hours.

python -m benchmarks.scale.long_windows hour 10000 2         machines, shards; lengths 1, 6, 24 and 168 h
python -m benchmarks.scale.long_windows hour 10000 1 24      the longest length, h
python -m benchmarks.scale.long_windows outage 10000 2       eight hours at once, as after an outage, and what 24 take
"""

import os
import resource
import sys
import tempfile
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import polars as pl

from benchmarks.scale.processing import END, Stack, raw_hour, set_environment
from benchmarks.scale.stores import Bucket
from handlers.stores.partitions import encode_parquet
from mlops_core.features import bucket_readings
from mlops_core.lake import (
    BUCKETS_PREFIX,
    CHECKPOINT_KEY,
    Built,
    Checkpoint,
    buckets_key,
    compacted_key,
    decode_readings,
    hour_text,
    shard_of,
)

HOUR = timedelta(hours=1)
_HOURS: Final = 217  # a week of windows, and the two days that late data may take
_NEW_HOURS: Final = {"hour": 1, "outage": 8}
_PROCESSORS: Final = 0.58  # of a function with 1,024 MB
_GET: Final = 0.58e-3  # seconds of botocore for a request
_PUT_ITEM: Final = 0.87e-3


def prepare(folder: Path, machines: int, shards: int, new: int) -> None:
    """Write the raw objects of the newest hours, and the buckets of the hours before them."""
    for back in range(1, new + 1):
        raw = raw_hour(END - back * HOUR, machines)
        for key, body in raw.items():
            write(folder / key, body)
        if back == new:
            buckets = bucket_readings(decode_readings(list(raw.values())), hop="1h")
            _write_buckets(folder, buckets, shards, new)


def _write_buckets(folder: Path, buckets: pl.DataFrame, shards: int, new: int) -> None:
    """Write the buckets of an hour as those of the hours before the newest."""
    shard = {name: shard_of(name, shards) for name in buckets["machine_id"].unique()}
    for number in range(shards):
        own = buckets.filter(pl.col("machine_id").replace_strict(shard, return_dtype=pl.Int64) == number)
        for back in range(1, _HOURS + 1):
            times = pl.col("bucket_start", "bucket_end", "last_timestamp") - pl.duration(hours=back)
            write(folder / buckets_key(END - (new + back) * HOUR, number), encode_parquet(own.with_columns(times)))
    for back in range(1, _HOURS + 1):
        write(folder / compacted_key(END - (new + back) * HOUR), b"")


def write(path: Path, body: bytes) -> None:
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def run(folder: Path, shards: int, longest: int, new: int) -> dict[str, Any]:
    """Run the function once; returns what it took, and the MB that it wrote."""
    set_environment(lengths=f"{sorted({1, 6, 24, longest})}")
    os.environ["LAKE_SHARDS"] = str(shards)
    stack = Stack(Bucket(folder))
    hours = {hour_text(END - (new + back) * HOUR): 0 for back in range(_HOURS, 0, -1)}
    for path in folder.glob(f"{BUCKETS_PREFIX}*/*/*.parquet"):
        day, hour, name = path.parts[-3:]
        hours[f"{day[5:]}T{hour[5:]}"] |= 1 << int(name[6:8])
    checkpoint = Checkpoint(
        version=1,
        processed_from=END - (new + 50) * HOUR,
        processed_until=END - new * HOUR,
        hours={text: Built("stored", "", bits).text for text, bits in hours.items()},
    )
    stack.bucket.objects[CHECKPOINT_KEY] = (checkpoint.encode(), '"1"')
    done = stack.run(END + timedelta(minutes=5))
    return done | {"written": sum(len(body) for body, _ in stack.bucket.objects.values()) / 2**20}


def measure(folder: Path, machines: int, shards: int, longest: int, new: int) -> None:
    """Run the function once and print what it took."""
    done = run(folder, shards, longest, new)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{machines} machines, {shards} shards, windows to {longest} h, {new} hours: {done['cpu']:.2f} CPU-s,"
        f" {done['rows']} rows, {done['requests']}, peak {peak:.0f} MB, of which written objects {done['written']:.0f}"
    )
    if new > 1:
        requests = done["requests"]["GET"] * _GET + done["requests"]["PutItem"] * _PUT_ITEM
        print(f"24 hours: {(done['cpu'] + requests) * 24 / new / _PROCESSORS / 60:.0f} min of 1,024 MB")


def main(what: str, machines: int, shards: int, longest: int = 168) -> None:
    """Prepare in a process of its own, so that its memory does not count; then run the function here."""
    new = _NEW_HOURS[what]
    with tempfile.TemporaryDirectory() as name:
        child = get_context("spawn").Process(target=prepare, args=(Path(name), machines, shards, new))
        child.start()
        child.join()
        measure(Path(name), machines, shards, longest, new)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
