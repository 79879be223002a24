"""Window features of Parquet that no memory holds, against polars' streaming engine: peak memory and rows a CPU-second.

python -m benchmarks.scale.larger_than_memory 20 100 430        million readings

One reading a minute and channel of two channels, 430,000 readings a machine; files of fifty machines. Ours: mean and
maximum of windows of 1 and 24 h, hopping by the hour, a scan given to `compute_features`. Polars in its
streaming engine: the same windows by `group_by_dynamic`, of up to 20 million readings; and, less work, the same two
statistics of each hour alone by `group_by`.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

_OF_A_MACHINE = 430_000
_MACHINES_A_FILE = 50
_WINDOWS_UP_TO = 20  # million readings: it takes minutes
_START = 1_767_225_600_000_000  # 2026-01-01, microseconds


def generate(folder: Path, million: int) -> None:
    """Write the readings of as many whole machines as come next to so many, file by file."""
    noise, minutes = np.random.default_rng(1), np.arange(_OF_A_MACHINE // 2) * 60_000_000 + _START
    machines = max(1, round(million * 1e6 / _OF_A_MACHINE))
    for first in range(0, machines, _MACHINES_A_FILE):
        names = [f"PUMP-{number:05d}" for number in range(first, min(machines, first + _MACHINES_A_FILE))]
        parts = [
            pl.DataFrame({"event_timestamp": minutes, "value": noise.normal(5, 1, len(minutes))}).select(
                machine_id=pl.lit(name),
                channel=pl.lit(channel),
                event_timestamp=pl.col("event_timestamp").cast(pl.Datetime("us", "UTC")),
                value="value",
            )
            for name in names
            for channel in ("temperature", "vibration")
        ]
        pl.concat(parts).write_parquet(folder / f"{first:05d}.parquet", compression="lz4", row_group_size=500_000)


def ours(folder: Path) -> int:
    """Compute features of a scan; returns the rows of the result."""
    import mlops_core as mc

    scan = pl.scan_parquet(folder / "*.parquet")
    return mc.compute_features(scan, lengths=["1h", "24h"], hop="1h", statistics=["mean", "max"]).height


def polars_windows(folder: Path) -> int:
    """Compute the same windows in polars' streaming engine; returns the rows of the result."""
    by = ("machine_id", "channel")
    scan = pl.scan_parquet(folder / "*.parquet")
    tables = [
        scan.group_by_dynamic("event_timestamp", every="1h", period=period, group_by=by)
        .agg(mean=pl.col("value").mean(), max=pl.col("value").max())
        .collect(engine="streaming")
        for period in ("1h", "24h")
    ]
    return sum(table.height for table in tables)


def polars_hours(folder: Path) -> int:
    """Aggregate each hour in polars' streaming engine; returns the rows of the result."""
    hour = pl.col("event_timestamp").dt.truncate("1h")
    grouped = pl.scan_parquet(folder / "*.parquet").group_by("machine_id", "channel", hour)
    return grouped.agg(mean=pl.col("value").mean(), max=pl.col("value").max()).collect(engine="streaming").height


def measure(way: Callable[[Path], int], folder: Path, million: int) -> None:
    """Run one way in this process and print what it took."""
    begins = time.process_time()
    rows = way(folder)
    took, peak = time.process_time() - begins, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = way.__name__
    print(f"{million} million, {name}: {took:.1f} CPU-s, {million / took:.2f} M/CPU-s, {rows:,} rows, {peak:.0f} MB")


def main(sizes: list[int]) -> None:
    """Measure each size, each way in a process of its own."""
    spawn = get_context("spawn")
    for million in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ways = [ours, polars_hours, *([polars_windows] if million <= _WINDOWS_UP_TO else [])]
            for target, given in ((generate, (folder, million)), *((measure, (way, folder, million)) for way in ways)):
                child = spawn.Process(target=target, args=given)
                child.start()
                child.join()


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
