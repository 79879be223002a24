"""Random numbers addressed by name and counter, equal in plain Python and in numpy.

A draw is a function of (stream key, counter) and of nothing drawn before it, so any part of a history can be computed
without the rest. The words are those of SplitMix64: `word = finalise(key + counter * GAMMA)` modulo 2**64.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, section 5 (finaliser:
Stafford's variant 13).
"""

import hashlib
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, TypeAlias

GAMMA = 0x9E3779B97F4A7C15
FIRST_FACTOR = 0xBF58476D1CE4E5B9
SECOND_FACTOR = 0x94D049BB133111EB
WORD_MASK = 0xFFFFFFFFFFFFFFFF
LANE_BITS = 12
LANE_LEVELS = 1 << LANE_BITS

# One formula serves a number and an array of numbers, and gives back what it was given; the type system cannot say so
# for Python's and numpy's operators at once.
Counter: TypeAlias = Any  # int, or numpy uint64 array
Quantity: TypeAlias = Any  # float, or numpy float64 array

SmoothNoise: TypeAlias = Callable[[int, Counter, int, int], Quantity]

_STANDARD_NORMAL = NormalDist()


def stream_key(*names: str | int) -> int:
    """Return the 64-bit key of the stream with these names; equal names give equal keys on every machine."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def random_word(key: Counter, counter: Counter) -> Counter:
    """Return 64 random bits for each counter."""
    word = (counter * GAMMA + key) & WORD_MASK
    word = ((word ^ (word >> 30)) * FIRST_FACTOR) & WORD_MASK
    word = ((word ^ (word >> 27)) * SECOND_FACTOR) & WORD_MASK
    return word ^ (word >> 31)


def lane(word: Counter, number: int) -> Counter:
    """Return the `number`th (0-4) group of 12 bits of a word, counted from the highest."""
    return (word >> (64 - LANE_BITS * (number + 1))) & (LANE_LEVELS - 1)


def uniform(key: int, counter: int) -> float:
    """Return a number in (0, 1) with 53 bits."""
    return ((random_word(key, counter) >> 11) + 0.5) / 9007199254740992.0


def centred(word: Counter, number: int) -> Quantity:
    """Return a number in (-1, 1), variance 1/3, from lane `number` of a word."""
    return (lane(word, number) + 0.5) / (LANE_LEVELS / 2) - 1.0


def standard_normal(level: int) -> float:
    """Return the standard normal quantile at the middle of lane value `level` (0-4095).

    Standard deviation 0.9998, none beyond 3.67. Rounded to 1e-9: the last bit of a platform's logarithm must not
    reach the readings.
    """
    return round(_STANDARD_NORMAL.inv_cdf((level + 0.5) / LANE_LEVELS), 9)


def smooth_noise(key: int, hour: Counter, period: int, number: int) -> Quantity:
    """Return value noise in (-1, 1): a random number every `period` hours, straight lines between."""
    knot = hour // period
    passed = (hour - knot * period) / period
    left = centred(random_word(key, knot), number)
    right = centred(random_word(key, knot + 1), number)
    return left + (right - left) * passed


def smooth_noise_variance(period: int) -> float:
    """Return the variance of `smooth_noise` over all hours: 1/3 at the knots, less between them."""
    return sum((1 - step / period) ** 2 + (step / period) ** 2 for step in range(period)) / period / 3
