"""What a machine works under, hour by hour: its own load and the ambient temperature of its site.

Both are functions of (seed, name, hour since the epoch), so no hour needs the hours before it. `hours` are consecutive.
"""

from functools import lru_cache

import numpy as np
from pydantic import AwareDatetime, BaseModel, Field

from mlops_core.simulation.random_streams import (
    FloatArray,
    WordArray,
    centred,
    random_words,
    smooth_noise,
    smooth_noise_variance,
    stream_key,
)

DAILY_AMPLITUDE = 0.35
SHIFT_HOURS, SHIFT_AMPLITUDE = 8, 0.6
HOURLY_AMPLITUDE = 0.45
WEATHER_HOURS = 72


class OperatingConditions(BaseModel, frozen=True):
    """Load and ambient of a fleet."""

    load_variation: float = Field(default=0.3, ge=0, le=0.6, description="how far load leaves 1 (rated); 0: never")
    ambient_celsius: float = Field(default=21.0, ge=-40, le=60, description="mean ambient temperature")
    daily_celsius: float = Field(default=4.0, ge=0, description="amplitude of the daily cycle, warmest at 15:00 UTC")
    weather_celsius: float = Field(default=5.0, ge=0, description="largest departure over days")
    switched_off_at: AwareDatetime | None = Field(
        default=None, description="machines stand still from then on: no vibration, ambient temperature; wear goes on"
    )


def daily_cycle(hours: WordArray) -> FloatArray:
    """Return a daily wave in [-1, 1], 1 at 15:00 UTC and -1 at 03:00.

    Two parabolas corrected to within 0.0011 of the sine: sines of different libraries differ in the last bit,
    products do not.
    """
    phase = (hours + 15) % 24 / 12.0 - 1.0
    wave = -4.0 * phase * (1.0 - np.abs(phase))
    return 0.225 * (wave * np.abs(wave) - wave) + wave


def relative_load(conditions: OperatingConditions, load_key: int, hours: WordArray) -> FloatArray:
    """Return the load of a machine as a fraction of its rated load: a daily cycle, shifts and hourly chance."""
    chance = SHIFT_AMPLITUDE * smooth_noise(load_key, hours, SHIFT_HOURS, 0)
    chance = chance + HOURLY_AMPLITUDE * centred(random_words(load_key, hours), 1)
    return 1.0 + conditions.load_variation * (chance + DAILY_AMPLITUDE * daily_cycle(hours))


def ambient_temperature(conditions: OperatingConditions, seed: int, hours: WordArray) -> FloatArray:
    """Return the site's ambient temperature in degrees Celsius, the same for all machines of a seed."""
    weather = smooth_noise(stream_key(seed, "ambient"), hours, WEATHER_HOURS, 0)
    daily = conditions.daily_celsius * daily_cycle(hours)
    return conditions.ambient_celsius + daily + conditions.weather_celsius * weather


@lru_cache(maxsize=64)
def mean_cubed_load(load_variation: float) -> float:
    """Return the long-run mean of load**3: 1 + 3 var(load), as every part of the load is symmetric about 1."""
    variance = SHIFT_AMPLITUDE**2 * smooth_noise_variance(SHIFT_HOURS) + HOURLY_AMPLITUDE**2 / 3
    variance += DAILY_AMPLITUDE**2 * sum((daily_cycle(np.arange(24, dtype=np.uint64)) ** 2).tolist()) / 24
    return 1.0 + 3.0 * load_variation**2 * variance
