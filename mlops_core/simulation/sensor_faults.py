"""Faults of sensors, laid over any readings: drop-outs, stuck values, drifts and spikes.

    faulty = inject_sensor_faults(readings, SensorFaults(stuck_per_day=0.05), seed=7)
    faulty.readings, faulty.faults

Episodes are a function of (seed, machine, channel, day) and spikes of (seed, machine, channel, timestamp), so what
happens to one sensor depends neither on the others nor on where the readings begin and end (the value of a stuck sensor
aside: the first of its episode that is among the readings).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from pydantic import BaseModel, Field

from mlops_core.simulation.random_streams import random_words, stream_key, uniforms, within
from mlops_core.telemetry import READINGS, TIMESTAMP, normalise_readings
from mlops_core.time import EPOCH

DROPOUT, STUCK, DRIFT, SPIKE = "dropout", "stuck", "drift", "spike"

# One row per episode, and one per spike, which begins and ends with its reading. `strength` is the factor on the value
# at the end of a drift or in a spike; null for the others.
SENSOR_FAULTS: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "channel": pl.String(),
        "fault": pl.String(),
        "began_at": TIMESTAMP,
        "ended_at": TIMESTAMP,
        "strength": pl.Float64(),
    }
)

_SENSOR = ("machine_id", "channel")
_DAY = timedelta(days=1)
_WORDS = float(2**64)


class SensorFaults(BaseModel, frozen=True):
    """How often sensors fail, and how badly. Episodes of one kind begin at most once a day and last at most one."""

    dropout_per_day: float = Field(default=0.0, ge=0, le=1, description="chance per sensor and day that it goes silent")
    dropout_hours: tuple[float, float] = Field(default=(0.25, 6.0), description="shortest and longest, uniform")
    stuck_per_day: float = Field(default=0.0, ge=0, le=1, description="chance that it repeats one value")
    stuck_hours: tuple[float, float] = Field(default=(1.0, 12.0), description="shortest and longest, uniform")
    drift_per_day: float = Field(default=0.0, ge=0, le=1, description="chance that it leaves the true value slowly")
    drift_hours: tuple[float, float] = Field(default=(6.0, 24.0), description="shortest and longest, uniform")
    drift_factor: tuple[float, float] = Field(default=(0.7, 1.3), description="on the value, at the drift's end")
    spike_share: float = Field(default=0.0, ge=0, le=1, description="chance per reading")
    spike_factor: tuple[float, float] = Field(default=(1.5, 4.0), description="on the value")


class FaultyReadings(NamedTuple):
    """Readings (schema READINGS) with faults, and the faults that touch at least one of them (schema SENSOR_FAULTS)."""

    readings: pl.DataFrame
    faults: pl.DataFrame


def inject_sensor_faults(readings: pl.DataFrame, faults: SensorFaults, *, seed: int) -> FaultyReadings:
    """Return readings as faulty sensors give them, and what is wrong with them.

    A reading may suffer several faults: it drifts, then sticks, then spikes; a drop-out removes it. Values change by
    factors, so channels need no scale of their own.

    Args:
        readings: frame READINGS, simulated or real.
        faults: how often each fault occurs, how long it lasts, how strong it is.
        seed: of every fault; a sensor's faults depend on no other sensor.

    Returns:
        `.readings` in their order, without those that dropped out, and `.faults` (frame SENSOR_FAULTS).

    Raises:
        SchemaError: the readings do not fit READINGS.

    Example:
        >>> mc.inject_sensor_faults(history.readings, mc.SensorFaults(), seed=7).readings.equals(history.readings)
        True

    """
    readings = normalise_readings(readings).with_row_index("row")
    kept = [
        (DRIFT, faults.drift_per_day, faults.drift_hours, faults.drift_factor),
        (STUCK, faults.stuck_per_day, faults.stuck_hours, None),
        (DROPOUT, faults.dropout_per_day, faults.dropout_hours, None),
    ]
    found: list[pl.DataFrame] = []
    for kind, chance, hours, strength in kept:
        if chance > 0:
            readings = _within_episodes(readings, _episodes(readings, seed, kind, chance, hours, strength))
            touched = readings.filter(pl.col("ended_at").is_not_null())
            found.append(touched.with_columns(fault=pl.lit(kind)).select(*SENSOR_FAULTS).unique())
            readings = _CHANGES[kind](readings).drop("began_at", "ended_at", "strength")
    if faults.spike_share > 0:
        readings, spikes = _spiked(readings, seed, faults.spike_share, faults.spike_factor)
        found.append(spikes)
    return FaultyReadings(
        readings.sort("row").select(*READINGS),
        pl.concat([pl.DataFrame(schema=SENSOR_FAULTS), *found]).sort(*_SENSOR, "began_at", "fault"),
    )


def _episodes(
    readings: pl.DataFrame,
    seed: int,
    kind: str,
    chance: float,
    hours: tuple[float, float],
    strength: tuple[float, float] | None,
) -> pl.DataFrame:
    """Return all episodes of one kind that can touch the readings."""
    spans = readings.group_by(_SENSOR).agg(
        pl.col("event_timestamp").min().alias("first"), pl.col("event_timestamp").max().alias("last")
    )
    rows = [
        (machine_id, channel, began, began + timedelta(hours=lasting), factor)
        for machine_id, channel, first, last in spans.iter_rows()
        for began, lasting, factor in _sensor_episodes(
            stream_key(seed, machine_id, channel, kind), first, last, chance, hours, strength or (1.0, 1.0)
        )
    ]
    schema = {name: SENSOR_FAULTS[name] for name in (*_SENSOR, "began_at", "ended_at", "strength")}
    episodes = pl.DataFrame(rows, schema=schema, orient="row")
    return episodes if strength else episodes.with_columns(strength=pl.lit(None, dtype=pl.Float64))


def _sensor_episodes(
    key: int,
    first: datetime,
    last: datetime,
    chance: float,
    hours: tuple[float, float],
    strength: tuple[float, float],
) -> Iterator[tuple[datetime, float, float]]:
    for day in range((first - EPOCH) // _DAY - 1, (last - EPOCH) // _DAY + 1):  # one may have begun the day before
        begins, at, length, size = uniforms(key, 4 * day, 4)
        if begins < chance:
            yield EPOCH + (day + at) * _DAY, within(hours, length), within(strength, size)


def _within_episodes(readings: pl.DataFrame, episodes: pl.DataFrame) -> pl.DataFrame:
    """Return the readings, by time, with the episode that each lies in; nulls where it lies in none."""
    joined = readings.sort("event_timestamp").join_asof(
        episodes.sort("began_at"),
        left_on="event_timestamp",
        right_on="began_at",
        by=list(_SENSOR),
        coalesce=False,
        check_sortedness=False,
    )
    during = pl.col("event_timestamp") < pl.col("ended_at")
    return joined.with_columns(
        pl.when(during).then(pl.col(name)).alias(name) for name in ("began_at", "ended_at", "strength")
    )


def _drifted(readings: pl.DataFrame) -> pl.DataFrame:
    passed = (pl.col("event_timestamp") - pl.col("began_at")) / (pl.col("ended_at") - pl.col("began_at"))
    factor = 1.0 + (pl.col("strength") - 1.0) * passed
    return readings.with_columns(value=pl.col("value") * factor.fill_null(1.0))


def _stuck(readings: pl.DataFrame) -> pl.DataFrame:
    frozen = pl.col("value").first().over(*_SENSOR, "began_at")
    return readings.with_columns(value=pl.when(pl.col("began_at").is_null()).then(pl.col("value")).otherwise(frozen))


def _silent(readings: pl.DataFrame) -> pl.DataFrame:
    return readings.filter(pl.col("began_at").is_null())


_CHANGES: Final = {DRIFT: _drifted, STUCK: _stuck, DROPOUT: _silent}


def _spiked(
    readings: pl.DataFrame, seed: int, share: float, factor: tuple[float, float]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    sensors = readings.select(_SENSOR).unique()
    keys = pl.Series([stream_key(seed, *sensor, SPIKE) for sensor in sensors.rows()], dtype=pl.UInt64)
    keyed = readings.join(sensors.with_columns(key=keys), on=_SENSOR, how="left", maintain_order="left")
    moments = keyed["event_timestamp"].to_physical().to_numpy().astype(np.uint64)
    key = keyed["key"].to_numpy()
    hit = random_words(key, 2 * moments) / _WORDS < share
    strength = factor[0] + (factor[1] - factor[0]) * (random_words(key, 2 * moments + 1) / _WORDS)
    spiked = readings.with_columns(
        strength=pl.Series(np.where(hit, strength, np.nan)).fill_nan(None),
        began_at="event_timestamp",
        ended_at="event_timestamp",
        fault=pl.lit(SPIKE),
    )
    changed = readings.with_columns(value=pl.col("value") * spiked["strength"].fill_null(1.0))
    return changed, spiked.filter(pl.col("strength").is_not_null()).select(*SENSOR_FAULTS)
