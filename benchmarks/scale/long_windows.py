"""One scheduled hour whose windows reach over a week: the real handler over a lake that holds nine days of hours.

python -m benchmarks.scale.long_windows 10000 8        machines, shards; lengths 1, 6, 24 and 168 h
python -m benchmarks.scale.long_windows 10000 1 24     the longest length, h
"""

import os
import pickle
import resource
import sys
import tempfile
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

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
_HOURS = 217  # a week of windows, and the two days that late data may take
_NEW = "raw.pickle"


def prepare(folder: Path, machines: int, shards: int) -> None:
    """Write the raw objects of the newest hour, and the buckets of the hours before it."""
    raw = raw_hour(END - HOUR, machines)
    (folder / _NEW).write_bytes(pickle.dumps(raw))
    buckets = bucket_readings(decode_readings(list(raw.values())), hop="1h")
    shard = {name: shard_of(name, shards) for name in buckets["machine_id"].unique()}
    for number in range(shards):
        own = buckets.filter(pl.col("machine_id").replace_strict(shard, return_dtype=pl.Int64) == number)
        for back in range(1, _HOURS + 1):
            times = pl.col("bucket_start", "bucket_end", "last_timestamp") - pl.duration(hours=back)
            path = folder / buckets_key(END - HOUR - back * HOUR, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_parquet(own.with_columns(times)))
    for back in range(1, _HOURS + 1):
        path = folder / compacted_key(END - HOUR - back * HOUR)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def measure(folder: Path, machines: int, shards: int, longest: int) -> None:
    """Run the hour and print what it took."""
    lengths = sorted({1, 6, 24, longest})
    set_environment(lengths=f"{lengths}")
    os.environ["LAKE_SHARDS"] = str(shards)
    stack = Stack(Bucket(folder))
    hours = {hour_text(END - HOUR - back * HOUR): 0 for back in range(_HOURS, 0, -1)}
    for path in folder.glob(f"{BUCKETS_PREFIX}*/*/*.parquet"):
        day, hour, name = path.parts[-3:]
        hours[f"{day[5:]}T{hour[5:]}"] |= 1 << int(name[6:8])
    checkpoint = Checkpoint(
        version=1,
        processed_from=END - 50 * HOUR,
        processed_until=END - HOUR,
        hours={text: Built("stored", "", bits).text for text, bits in hours.items()},
    )
    stack.bucket.objects[CHECKPOINT_KEY] = (checkpoint.encode(), '"1"')
    new: dict[str, bytes] = pickle.loads((folder / _NEW).read_bytes())  # noqa: S301 - written above
    stack.bucket.objects |= {key: (body, '"raw"') for key, body in new.items()}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    done = stack.run(END + timedelta(minutes=5))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{machines} machines, {shards} shards, windows to {longest} h: {done['cpu']:.2f} CPU-s, {done['rows']} rows,"
        f" {done['requests']}, peak {peak:.0f} MB (before {before:.0f})"
    )


def main(machines: int, shards: int, longest: int = 168) -> None:
    """Prepare in a process of its own, so that its memory does not count; then run the hour here."""
    with tempfile.TemporaryDirectory() as name:
        child = get_context("spawn").Process(target=prepare, args=(Path(name), machines, shards))
        child.start()
        child.join()
        measure(Path(name), machines, shards, longest)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
