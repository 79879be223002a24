"""NASA's C-MAPSS turbofan simulations: run-to-failure engines, 21 sensors, one row per flight.

Source: A. Saxena, K. Goebel, D. Simon, N. Eklund, "Damage propagation modeling for aircraft engine run-to-failure
simulation", PHM08, 2008. Files `train_FD001.txt`, `test_FD001.txt`, `RUL_FD001.txt` and likewise FD002-FD004: unit,
cycle, 3 operational settings, 21 sensors, separated by spaces, no header.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple

import polars as pl

from mlops_core.adapters.source_files import SourceFormatError, find_file
from mlops_core.telemetry import READINGS, TIMESTAMP, normalise_failures
from mlops_core.time import EPOCH, MICROSECOND

CMAPSS_CHANNELS: Final = tuple(
    [f"setting_{number}" for number in range(1, 4)] + [f"sensor_{number}" for number in range(1, 22)]
)
CYCLE: Final = timedelta(hours=1)
EVENT_CODE: Final = "END_OF_LIFE"

_WHERE_FROM: Final = "NASA's Prognostics Center of Excellence data set repository (CMAPSSData.zip)"
_COLUMNS: Final = ("unit", "cycle", *CMAPSS_CHANNELS)


class CmapssSet(NamedTuple):
    """Engines as machines.

    readings: READINGS, channels `setting_1` to `setting_3` and `sensor_1` to `sensor_21`; cycle n is n hours after the
        origin.
    failures: FAILURES, one hour after an engine's last cycle, so that a feature row over that cycle has 0 hours left;
        empty for test engines, which are cut before (censored).
    lives: machine_id, last_cycle and rul_cycles after it (0 in training sets; null where a test set's RUL file is
        absent), and failure_at, the moment that follows from them.
    """

    readings: pl.DataFrame
    failures: pl.DataFrame
    lives: pl.DataFrame


def read_cmapss(
    folder: Path | str,
    subset: Literal["FD001", "FD002", "FD003", "FD004"] = "FD001",
    *,
    part: Literal["train", "test"] = "train",
    origin: datetime = datetime(2000, 1, 1, tzinfo=UTC),
) -> CmapssSet:
    """Read one part of one subset; machines are called `FD001-train-001` and so on.

    Raises:
        SourceFileError: the folder does not hold the part's file.
        SourceFormatError: a file has other columns.

    """
    path = find_file(folder, f"{part}_{subset}.txt", where_from=_WHERE_FROM)
    cycles = _numbers(path, _COLUMNS)
    hour, start = CYCLE // MICROSECOND, (origin - EPOCH) // MICROSECOND
    at = pl.lit(start) + pl.col("cycle").cast(pl.Int64) * hour
    unit = pl.col("unit").cast(pl.Int64).cast(pl.String).str.zfill(3)
    rows = cycles.with_columns(machine_id=pl.format(f"{subset}-{part}-{{}}", unit), event_timestamp=at.cast(TIMESTAMP))
    readings = rows.unpivot(
        list(CMAPSS_CHANNELS), index=["machine_id", "event_timestamp"], variable_name="channel", value_name="value"
    )
    lives = _lives(Path(folder), subset, part, rows).with_columns(
        failure_at=(pl.lit(start) + (pl.col("last_cycle") + pl.col("rul_cycles") + 1) * hour).cast(TIMESTAMP)
    )
    ends = lives.filter(pl.lit(part == "train")).select("machine_id", event_timestamp="failure_at")
    failures = normalise_failures(ends.with_columns(event_code=pl.lit(EVENT_CODE)))
    return CmapssSet(readings.select(*READINGS).sort("machine_id", "channel", "event_timestamp"), failures, lives)


def _lives(folder: Path, subset: str, part: str, rows: pl.DataFrame) -> pl.DataFrame:
    lives = rows.group_by("machine_id", maintain_order=True).agg(
        pl.col("cycle").max().cast(pl.Int64).alias("last_cycle")
    )
    if part == "train":
        return lives.with_columns(rul_cycles=pl.lit(0, dtype=pl.Int64))
    name = f"RUL_{subset}.txt"
    if not any((folder / found).is_file() for found in (name, f"{name}.gz")):
        return lives.with_columns(rul_cycles=pl.lit(None, dtype=pl.Int64))
    path = find_file(folder, name, where_from=_WHERE_FROM)
    remaining = _numbers(path, ("rul_cycles",)).to_series().cast(pl.Int64)
    if remaining.len() != lives.height:
        raise SourceFormatError(path, f"has {remaining.len()} lines for {lives.height} engines")
    return lives.with_columns(rul_cycles=remaining)


def _numbers(path: Path, names: tuple[str, ...]) -> pl.DataFrame:
    """Read a headless file of numbers between spaces; lines may end in more spaces."""
    found = pl.read_csv(path, has_header=False, separator=" ", infer_schema=False)
    filled = found.select(name for name in found.columns if found[name].null_count() < found.height)
    if filled.width != len(names):
        raise SourceFormatError(path, f"has {filled.width} columns, not {len(names)}")
    return filled.rename(dict(zip(filled.columns, names, strict=True))).cast(pl.Float64)
