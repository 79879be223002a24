"""IMS bearings: four bearings on a shaft, a vibration snapshot every ten minutes or so, until one fails.

Source: J. Lee, H. Qiu, G. Yu, J. Lin, "Bearing data set", IMS, University of Cincinnati, NASA Prognostics Data
Repository, 2007. A test is a folder of files named `2004.02.12.10.32.39`, each one second at 20.48 kHz, one column of
numbers per accelerometer, in g; the set's readme says which bearing failed in which test.

A table of features made from a test (Parquet `*_features.parquet`: timestamp, bearing, then one column per feature) is
read as well.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.adapters.source_files import SourceFileError, SourceFormatError
from mlops_core.telemetry import FAILURES, READINGS, TIMESTAMP

FAILED_BEARINGS: Final = {1: {3: "INNER_RACE", 4: "ROLLING_ELEMENT"}, 2: {1: "OUTER_RACE"}, 3: {3: "OUTER_RACE"}}
STANDSTILL: Final = 0.05  # a bearing whose r.m.s. is below this part of its median is not turning

_NAME: Final = "%Y.%m.%d.%H.%M.%S"
_WHERE_FROM: Final = "NASA's Prognostics Center of Excellence data set repository (IMS bearings)"


class ImsSnapshot(NamedTuple):
    """One second of all accelerometers: `samples` is (samples, accelerometers), in g."""

    at: datetime
    samples: NDArray[np.float64]


class ImsSet(NamedTuple):
    """The bearings of one test as machines.

    readings: READINGS, channels rms, std, mean_abs, peak, p2p (g), kurt (3 for a normal), skew and crest, or those of
        the table.
    failures: FAILURES, when the rig stopped: the first snapshot of its final standstill, else the last snapshot.
    """

    readings: pl.DataFrame
    failures: pl.DataFrame


def ims_snapshots(folder: Path | str) -> Iterator[ImsSnapshot]:
    """Give a test's snapshots in order of time. Raises SourceFileError where there are none."""
    taken = sorted((at, path) for path in Path(folder).iterdir() if (at := _taken_at(path)) is not None)
    if not taken:
        raise SourceFileError(Path(folder), ("2004.02.12.10.32.39",), _WHERE_FROM)
    for at, path in taken:
        samples = pl.read_csv(path, has_header=False, separator="\t").to_numpy().astype(np.float64)
        yield ImsSnapshot(at, samples)


def read_ims(folder: Path | str, *, test: int = 2) -> ImsSet:
    """Read one test; bearings are called `T2_B1` and so on. `folder` holds its snapshots or its table of features.

    In test 1 each bearing has two accelerometers: the first counts.

    Raises:
        SourceFileError: the folder holds neither.
        SourceFormatError: a table without timestamp, bearing and rms.

    """
    tables = sorted(Path(folder).glob(f"ims_test{test}_features.parquet"))
    wide = _table(tables[0]) if tables else _features(ims_snapshots(folder), test)
    channels = [name for name in wide.columns if name not in {"machine_id", "event_timestamp"}]
    readings = wide.unpivot(
        channels, index=["machine_id", "event_timestamp"], variable_name="channel", value_name="value"
    )
    failures = [
        (f"T{test}_B{bearing}", _stopped_at(wide.filter(machine_id=f"T{test}_B{bearing}")), code, None, None, None)
        for bearing, code in FAILED_BEARINGS[test].items()
    ]
    return ImsSet(
        readings.select(*READINGS).sort("machine_id", "channel", "event_timestamp"),
        pl.DataFrame(failures, schema=FAILURES, orient="row"),
    )


def _taken_at(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _table(path: Path) -> pl.DataFrame:
    table = pl.read_parquet(path)
    if not {"timestamp", "bearing", "rms"} <= set(table.columns):
        raise SourceFormatError(path, f"has columns {', '.join(table.columns)}; timestamp, bearing and rms are needed")
    features = [name for name in table.columns if name not in {"timestamp", "bearing", "n"}]
    return table.select(
        pl.col(features).cast(pl.Float64),
        machine_id="bearing",
        event_timestamp=pl.col("timestamp").dt.replace_time_zone("UTC").cast(TIMESTAMP),
    )


def _features(snapshots: Iterator[ImsSnapshot], test: int) -> pl.DataFrame:
    rows = [
        {"machine_id": f"T{test}_B{bearing}", "event_timestamp": snapshot.at} | _describe(column)
        for snapshot in snapshots
        for bearing, column in enumerate(snapshot.samples.T[:: snapshot.samples.shape[1] // 4], start=1)
    ]
    return pl.DataFrame(rows).cast({"event_timestamp": TIMESTAMP})


def _describe(samples: NDArray[np.float64]) -> dict[str, float]:
    about_mean: NDArray[np.float64] = samples - float(samples.mean())
    rms, std, peak = float(np.sqrt(np.mean(samples**2))), float(about_mean.std()), float(np.abs(samples).max())
    return {
        "mean_abs": float(np.abs(samples).mean()),
        "std": std,
        "rms": rms,
        "peak": peak,
        "p2p": float(np.ptp(samples)),
        "kurt": float(np.mean(about_mean**4) / std**4) if std else 0.0,
        "skew": float(np.mean(about_mean**3) / std**3) if std else 0.0,
        "crest": peak / rms if rms else 0.0,
    }


def _stopped_at(bearing: pl.DataFrame) -> datetime:
    ordered = bearing.sort("event_timestamp")
    turning = ordered.select(pl.col("rms") >= STANDSTILL * pl.col("rms").median()).to_series()
    return ordered["event_timestamp"][min(turning.arg_true()[-1] + 1, ordered.height - 1)]
