"""The books of a soak: what was published against what each store holds, and features against all readings."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO

import polars as pl

from handlers.stores import readings as lake_readings
from infra.local.run.reconciliation import READING
from mlops_core.features import bucket_readings, features_from_buckets
from mlops_core.telemetry import CHANNELS
from ops.stack import Stack

HOUR = timedelta(hours=1)
FEATURES_PREFIX = "processed/features/"


@dataclass(frozen=True)
class Books:
    """The table of a soak. `lost` and `doubled` count elements of messages and feature rows, and should be 0."""

    messages: int
    published: int
    distinct: int
    quarantined: dict[str, int]
    dead_letters: int
    dead_letters_left: int
    published_twice: int
    delivered_again: int
    stored_again: int
    faults: dict[str, int]
    runs: int
    runs_failed: int
    feature_rows: int
    lost: int
    doubled: int
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def table(self) -> str:
        """The table as Markdown."""
        rows: list[tuple[str, int]] = [
            ("messages", self.messages),
            ("readings, failures and bad elements in them", self.published),
            ("distinct readings and failure events in the lake", self.distinct),
            ("quarantined", sum(self.quarantined.values())),
            *((f"- {reason}", number) for reason, number in sorted(self.quarantined.items())),
            ("dead letters, all put back", self.dead_letters),
            ("dead letters in the end", self.dead_letters_left),
            ("published twice", self.published_twice),
            ("messages delivered again by the queues", self.delivered_again),
            ("stored again in another object of the lake", self.stored_again),
            ("faults injected", sum(self.faults.values())),
            *((f"- {kind}", number) for kind, number in sorted(self.faults.items())),
            ("runs of processing meanwhile", self.runs),
            ("- of which failed", self.runs_failed),
            ("feature rows, each compared with all readings", self.feature_rows),
            ("**lost**", self.lost),
            ("**doubled**", self.doubled),
        ]
        lines = [f"| {what} | {number:,} |" for what, number in rows]
        return "\n".join(["| | number |", "| --- | ---: |", *lines])


def stored_readings(stack: Stack, machine_ids: Collection[str]) -> pl.DataFrame:
    """Every reading of these machines in the lake, as often as it stands there."""
    readings = lake_readings.stored_readings(stack.lake).select(READING)
    return readings.filter(pl.col("machine_id").is_in(machine_ids))


def feature_differences(
    stack: Stack, readings: pl.DataFrame, start: datetime, end: datetime, machine_ids: Collection[str]
) -> tuple[int, int, int]:
    """Feature rows in (start, end], those that are missing or stale, and those that no reading accounts for."""
    expected = features_from_buckets(
        bucket_readings(readings, hop=HOUR),
        lengths=[timedelta(hours=hours) for hours in stack.outputs.feature_lengths_hours],
        hop=HOUR,
        start=start,
        end=end,
        channels=tuple(CHANNELS),
    ).filter(pl.col("revision") > 0)
    within = (pl.col("window_end") > start) & (pl.col("window_end") <= end)
    found = _offline(stack, machine_ids).select(expected.columns).filter(within)
    columns = expected.columns
    missing = expected.join(found, on=columns, how="anti", nulls_equal=True).height
    unasked = found.join(expected, on=columns, how="anti", nulls_equal=True).height
    return expected.height, missing, unasked + found.height - found.unique().height


def stale_online(stack: Stack, machine_ids: Collection[str]) -> list[str]:
    """Machines whose online row is not their newest offline row."""
    newest = _offline(stack, machine_ids).sort("window_end").group_by("machine_id").last()
    online = {row.machine_id: row for row in stack.fleet.load_fleet()}
    stale: list[str] = []
    for row in newest.iter_rows(named=True):
        seen = online.get(row.pop("machine_id"))
        end, revision = row.pop("window_end"), row.pop("revision")
        features = {name: value for name, value in row.items() if value is not None}
        # Online, a row has its drift and age beside the windows.
        windows = seen.features.items() if seen and (seen.window_end, seen.revision) == (end, revision) else ()
        if not features.items() <= set(windows):
            stale.append(f"{end} {revision}: {seen}")
    return stale


def _offline(stack: Stack, machine_ids: Collection[str]) -> pl.DataFrame:
    bodies = stack.lake.read_all(stack.lake.versions(FEATURES_PREFIX))
    rows = pl.concat([pl.read_parquet(BytesIO(body)) for body in bodies])
    return rows.filter(pl.col("machine_id").is_in(machine_ids))
