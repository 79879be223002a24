"""All of the scale table, each part in a process of its own, so that memory and clients are its own.

python -m benchmarks.scale
"""

import subprocess
import sys
from typing import Final

PARTS: Final = (
    ("benchmarks.scale.fleet", "5", "1000", "10000"),
    ("benchmarks.scale.processing", "late", "200"),
    ("benchmarks.scale.processing", "late", "1000"),
    ("benchmarks.scale.processing", "hop", "500"),
    ("benchmarks.scale.long_windows", "hour", "1000", "1"),
    ("benchmarks.scale.long_windows", "hour", "10000", "2"),
    ("benchmarks.scale.long_windows", "outage", "10000", "4"),
    ("benchmarks.scale.backfill", "500", "2", "1"),
    ("benchmarks.scale.larger_than_memory", "20"),
    ("benchmarks.scale.channels", "ingestion", "20"),
    ("benchmarks.scale.channels", "hour", "100"),
    ("benchmarks.scale.training_set", "200", "180"),
    ("benchmarks.scale.reconnect",),
)


def main() -> None:
    """Run the parts one after the other."""
    for part in PARTS:
        print(f"== {' '.join(part)}", flush=True)
        subprocess.run([sys.executable, "-m", *part], check=True)


if __name__ == "__main__":
    main()
