"""NAB's industrial machine temperature: one sensor of a real machine every five minutes, until and after it failed.

Source: A. Lavin, S. Ahmad, "Evaluating real-time anomaly detection algorithms - the Numenta Anomaly Benchmark", ICMLA
2015; `data/realKnownCause/machine_temperature_system_failure.csv` and `labels/combined_windows.json`. Its label is the
centre of a window; the last one is the system failure that names the file.
"""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from mlops_core.adapters.source_files import SourceFormatError, find_file
from mlops_core.telemetry import FAILURES, READINGS, TIMESTAMP

FILE: Final = "machine_temperature_system_failure.csv"
EVENT_CODE: Final = "SYSTEM_FAILURE"

_WHERE_FROM: Final = "the Numenta Anomaly Benchmark's repository"


class NabSet(NamedTuple):
    """One machine.

    readings: READINGS, channel `temperature` in the file's unit (not stated there); the clock was once set back, so
        some timestamps occur twice.
    failures: FAILURES with the system failure; when it returned to service is not given.
    anomalies: began_at, ended_at of each labelled window.
    """

    readings: pl.DataFrame
    failures: pl.DataFrame
    anomalies: pl.DataFrame


def read_nab(folder: Path | str, *, machine_id: str = "NAB-1") -> NabSet:
    """Read the machine's history and its labels.

    Raises:
        SourceFileError: a file is absent.
        SourceFormatError: a file has other columns, or no labels of this history.

    """
    path = find_file(folder, FILE, where_from=_WHERE_FROM)
    rows = pl.read_csv(path, infer_schema=False)
    if rows.columns != ["timestamp", "value"]:
        raise SourceFormatError(path, f"has columns {', '.join(rows.columns)}, not timestamp, value")
    readings = rows.select(
        machine_id=pl.lit(machine_id),
        channel=pl.lit("temperature"),
        event_timestamp=pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="UTC"),
        value=pl.col("value").cast(pl.Float64),
    )
    windows = _windows(find_file(folder, "combined_windows.json", where_from=_WHERE_FROM))
    began, ended = windows[-1]
    failure = (machine_id, began + (ended - began) / 2, EVENT_CODE, None, None, None)
    return NabSet(
        readings.select(*READINGS),
        pl.DataFrame([failure], schema=FAILURES, orient="row"),
        pl.DataFrame(windows, schema={"began_at": TIMESTAMP, "ended_at": TIMESTAMP}, orient="row"),
    )


def _windows(path: Path) -> list[tuple[datetime, datetime]]:
    labels: dict[str, list[list[str]]] = json.loads(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    )
    found = [windows for name, windows in labels.items() if name.endswith(FILE)]
    if not found or not found[0]:
        raise SourceFormatError(path, f"labels no {FILE}")
    return sorted((_utc(began), _utc(ended)) for began, ended in found[0])


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
