"""Random numbers addressed by name and counter (counter-based, as Philox or Threefry are).

A draw is a function of (stream key, counter) and of nothing drawn before it, so any part of a history can be computed
without the rest. The words are those of SplitMix64: `word = finalise(key + counter * GAMMA)` modulo 2**64.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, section 5 (finaliser:
Stafford's variant 13).
"""

import hashlib
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
WordArray = NDArray[np.uint64]

GAMMA = 0x9E3779B97F4A7C15
FIRST_FACTOR = 0xBF58476D1CE4E5B9
SECOND_FACTOR = 0x94D049BB133111EB
LANE_BITS = 12
LANE_LEVELS = 1 << LANE_BITS


def stream_key(*names: str | int) -> int:
    """Return the 64-bit key of the stream with these names; equal names give equal keys on every machine."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def random_words(key: int | WordArray, counters: WordArray) -> WordArray:
    """Return 64 random bits for each counter."""
    words = counters * np.uint64(GAMMA) + np.asarray(key, dtype=np.uint64)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(FIRST_FACTOR)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(SECOND_FACTOR)
    return words ^ (words >> np.uint64(31))


def lane(words: WordArray, number: int) -> WordArray:
    """Return the `number`th (0-4) group of 12 bits of each word, counted from the highest."""
    return (words >> np.uint64(64 - LANE_BITS * (number + 1))) & np.uint64(LANE_LEVELS - 1)


def uniforms(key: int, first: int, count: int) -> list[float]:
    """Return the draws of counters `first` to `first + count - 1`: numbers in (0, 1) with 53 bits."""
    words = random_words(key, np.arange(first, first + count, dtype=np.uint64))
    return (((words >> np.uint64(11)).astype(np.float64) + 0.5) / 9007199254740992.0).tolist()


def within(bounds: tuple[float, float], fraction: float) -> float:
    """Return the number at a fraction of the way from the first bound to the second."""
    return bounds[0] + (bounds[1] - bounds[0]) * fraction


def centred(words: WordArray, number: int) -> FloatArray:
    """Return numbers in (-1, 1), variance 1/3, from lane `number` of each word."""
    return (lane(words, number).astype(np.float64) + 0.5) / (LANE_LEVELS / 2) - 1.0


@lru_cache(maxsize=1)
def standard_normals() -> FloatArray:
    """Return, for each lane value (0-4095), the standard normal quantile at its middle. Read-only.

    Standard deviation 0.9998, none beyond 3.67. Rounded to 1e-9: the last bit of a platform's logarithm must not
    reach the readings.
    """
    quantile = NormalDist().inv_cdf
    normals = np.array([round(quantile((level + 0.5) / LANE_LEVELS), 9) for level in range(LANE_LEVELS)])
    normals.setflags(write=False)
    return normals


def smooth_noise(key: int, hours: WordArray, period: int, number: int) -> FloatArray:
    """Return value noise in (-1, 1) of consecutive hours: a random number every `period` hours, straight lines between.

    Args:
        key: of the stream.
        hours: since the epoch, each one more than the one before.
        period: hours between two knots.
        number: the lane of the knots' words.

    """
    if not len(hours):
        return np.empty(0)
    first_knot = int(hours[0]) // period
    knots = np.arange(first_knot, int(hours[-1]) // period + 2, dtype=np.uint64)
    values = centred(random_words(key, knots), number)
    position = np.arange(len(hours)) + (int(hours[0]) - first_knot * period)
    index = position // period
    left = values.take(index)
    return left + (values[1:].take(index) - left) * ((position - index * period) / period)


def smooth_noise_variance(period: int) -> float:
    """Return the variance of `smooth_noise` over all hours: 1/3 at the knots, less between them."""
    return sum((1 - step / period) ** 2 + (step / period) ** 2 for step in range(period)) / period / 3
