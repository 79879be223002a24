"""What a fleet needs of the functions, from what docs/scale.md measured, against what a stack gives them.

Rough on purpose: the figures are of two channels with all statistics, and scale with the number of channels.
"""

from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infra.stack_settings import StackSettings

MOST_MEMORY_MB: Final = 10_240
_CPU_MEMORY_MB: Final = 1769  # of Lambda: so much memory comes with one processor
_CHANNELS_MEASURED: Final = 2
_RUN_MB: Final = 190
# Of a machine: its readings while an hour is compacted, which no shard divides; what of that stays in the process when
# rows are computed, and an hour of buckets for the longest window beside it.
_HOUR_OF_READINGS_KB: Final = 60.0
_LEFT_OF_READINGS_KB: Final = 40.0
_HOUR_OF_BUCKETS_KB: Final = 0.47
_HOUR_CPU_MS: Final = 1.4  # of a machine: compaction, features, and its row in the online store
_TRAINING_ROW_CPU_US: Final = 7.2
_TRAINING_OBJECT_CPU_MS: Final = 1.2  # of a feature partition, which is read twice


def unfit(settings: "StackSettings") -> str | None:
    """Return why no setting lets this fleet fit; None where one does."""
    needed = memory_mb(settings, shards=100)
    if needed <= MOST_MEMORY_MB:
        return None
    most = int(settings.fleet_size * (MOST_MEMORY_MB - _RUN_MB) / (needed - _RUN_MB))
    return (
        f"an hour of {settings.fleet_size:,} machines needs about {needed:,} MB in one run of processing, and a"
        f" function has {MOST_MEMORY_MB:,} at most, enough for about {most:,}; divide the fleet among stacks"
    )


def advice(settings: "StackSettings") -> list[str]:
    """Return what is too small for the fleet: a sentence each, with the figure and the remedy."""
    found: list[str] = []
    fleet, timeout = settings.fleet_size, settings.processing_timeout_seconds
    if (needed := memory_mb(settings, shards=settings.lake_shards)) > settings.processing_memory_mb:
        found.append(
            f"processingMemoryMb {settings.processing_memory_mb}: {fleet:,} machines (fleetSize) with windows of"
            f" {max(settings.feature_lengths_hours)} h and {_shards(settings.lake_shards)} need about {needed:,};"
            f" {_remedy(settings, needed)}"
        )
    if (seconds := hour_seconds(settings)) > timeout:
        found.append(
            f"processingTimeoutSeconds {timeout}: an hour of {fleet:,} machines (fleetSize) takes about {seconds:,} s"
            f" with {settings.processing_memory_mb} MB, and no run gets through one; raise it, or processingMemoryMb"
        )
    if (seconds := training_seconds(settings)) > settings.training_timeout_seconds:
        found.append(
            f"trainingTimeoutSeconds {settings.training_timeout_seconds}: a training set of {fleet:,} machines"
            f" (fleetSize) and {settings.training_history_days} days takes about {seconds:,} s, and is refused; lower"
            " trainingHistoryDays, or raise trainingMemoryMb"
        )
    return found


def memory_mb(settings: "StackSettings", *, shards: int) -> int:
    """Return the memory that one hour of the fleet takes in a run of processing."""
    share = len(settings.channels) / _CHANNELS_MEASURED
    of_windows = _LEFT_OF_READINGS_KB + _HOUR_OF_BUCKETS_KB * max(settings.feature_lengths_hours) / shards
    of_machine = max(_HOUR_OF_READINGS_KB, of_windows)
    return _RUN_MB + ceil(settings.fleet_size * of_machine * share / 1000)


def hour_seconds(settings: "StackSettings") -> int:
    """Return how long one hour of the fleet takes in a run of processing."""
    share = len(settings.channels) / _CHANNELS_MEASURED
    return ceil(settings.fleet_size * _HOUR_CPU_MS * share / 1000 / (settings.processing_memory_mb / _CPU_MEMORY_MB))


def training_seconds(settings: "StackSettings") -> int:
    """Return how long the fleet's training set takes."""
    hours = settings.training_history_days * 24
    share = len(settings.channels) / _CHANNELS_MEASURED
    rows = settings.fleet_size * hours * 60 / settings.feature_hop_minutes
    objects = hours * settings.lake_shards
    cpu = rows * _TRAINING_ROW_CPU_US * share / 1e6 + objects * _TRAINING_OBJECT_CPU_MS / 1000
    return ceil(cpu / (settings.training_memory_mb / _CPU_MEMORY_MB)) if settings.fleet_size else 0


def _shards(count: int) -> str:
    return "one shard" if count == 1 else f"{count} shards"


def _remedy(settings: "StackSettings", needed: int) -> str:
    raised = f"raise it to {ceil(needed / 64) * 64:,}"
    given, counts = settings.processing_memory_mb, range(settings.lake_shards + 1, 101)
    shards = next((count for count in counts if memory_mb(settings, shards=count) <= given), None)
    if needed > MOST_MEMORY_MB:
        return f"raise it and lakeShards, to {MOST_MEMORY_MB:,} and 16 say"
    return raised if shards is None else f"{raised}, or lakeShards to {shards}"
