"""A fortnight of every channel from the offline store: one value each four hours, so few objects are read."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import polars as pl

from handlers.stores.lake import DataLake
from mlops_core.condition import DEFAULT_BOUNDARIES
from mlops_core.features import parse_feature_name
from mlops_core.lake import FEATURES_PREFIX, day_paths, features_prefix
from mlops_core.page import Channel, Limit, Trend
from mlops_core.telemetry import Channel as ChannelFacts

STEP: Final = timedelta(hours=4)
SPAN: Final = timedelta(days=14)
_ROBUST_SIGMAS: Final = 2 * 1.4826
_CHART_STEPS: Final = 250
_ZONE_LIMITS: Final = (
    Limit(at=DEFAULT_BOUNDARIES.b_begins, name="zone B"),
    Limit(at=DEFAULT_BOUNDARIES.c_begins, name="zone C", stage="WATCH"),
    Limit(at=DEFAULT_BOUNDARIES.d_begins, name="zone D", stage="ACT"),
)


def trend_axis(until: datetime) -> Trend:
    """Return the time axis that ends with the last whole hour before `until`."""
    end = until.replace(minute=0, second=0, microsecond=0)
    return Trend(start=end - SPAN + STEP, step_h=STEP // timedelta(hours=1))


def read_trends(lake: DataLake, axis: Trend, channels: Mapping[str, ChannelFacts]) -> dict[str, tuple[Channel, ...]]:
    """Return the channels of each machine that has features on the axis, in the order of `channels`."""
    instants = [axis.start + STEP * step for step in range(SPAN // STEP)]
    days = day_paths(instants[0], instants[-1])
    found = lake.versions_under(f"{FEATURES_PREFIX}{day}/" for day in days)  # a list a day costs less than one an hour
    wanted = tuple(features_prefix(instant) for instant in instants)
    keys = sorted(key for key in found if key.startswith(wanted))
    frames = [pl.read_parquet(BytesIO(body)) for body in lake.read_all(keys)]
    if not frames:
        return {}
    features = pl.concat(frames, how="diagonal_relaxed").filter(pl.col("window_end").is_in(instants))
    levels = {name: _level_column(features.columns, channel) for name, channel in channels.items()}
    grid = pl.DataFrame({"window_end": instants}, schema={"window_end": features.schema["window_end"]})
    return {
        str(machine_id): tuple(
            _channel(channels[name], grid.join(rows, on="window_end", how="left", maintain_order="left")[column])
            for name, column in levels.items()
            if column is not None
        )
        for (machine_id,), rows in features.group_by("machine_id", maintain_order=True)
    }


def unit_text(unit: str) -> str:
    """Return a unit in its usual notation."""
    return {"degC": "°C", "degF": "°F"}.get(unit, unit)


def _level_column(columns: list[str], channel: ChannelFacts) -> str | None:
    """Return the column of the shortest window that says a channel's level; None where there is none."""
    wanted = "rms" if _is_velocity(channel) else "mean"
    named = [(name, parse_feature_name(name)) for name in columns]
    levels = [
        (feature.seconds, name)
        for name, feature in named
        if feature is not None and (feature.channel, feature.statistic) == (channel.name, wanted)
    ]
    return min(levels)[1] if levels else None


def _is_velocity(channel: ChannelFacts) -> bool:
    return channel.unit == "mm/s"


def _channel(channel: ChannelFacts, series: pl.Series) -> Channel:
    values = series.cast(pl.Float64)
    median, spread = values.median(), (values - values.median()).abs().median()
    normal, least = None, 0.0 if _is_velocity(channel) else -math.inf
    if isinstance(median, float) and isinstance(spread, float):
        normal = (max(least, median - _ROBUST_SIGMAS * spread), median + _ROBUST_SIGMAS * spread)
    return Channel(
        key=channel.name,
        name=channel.name.replace("_", " ").capitalize(),
        unit=unit_text(channel.unit),
        from_zero=_is_velocity(channel),
        limits=_ZONE_LIMITS if _is_velocity(channel) else (),
        normal=normal,
        values=rounded(values.to_list()),
    )


def rounded(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return values in steps (1, 2 or 5 of a decimal place) of at most a 250th of their range: a pixel of a chart."""
    known = [value for value in values if value is not None]
    extent = max(known) - min(known) if known else 0.0
    if not extent:
        return tuple(values)
    places = math.ceil(math.log10(_CHART_STEPS / extent))
    unit = max(unit for unit in (1, 2, 5) if unit * 10.0**-places <= extent / _CHART_STEPS)
    return tuple(
        None if v is None else round(unit * round(v * 10.0**places / unit) * 10.0**-places, places) for v in values
    )
