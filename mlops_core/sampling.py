"""The fast side of a machine's history in numpy: what its sensors read at every tick of a run.

The arithmetic is that of `degradation.advance`, operation by operation, so the readings are equal to the last bit.
Ticks are taken in blocks that stay in the processor's cache; all intermediate results live in one set of arrays.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_core.degradation import TEMPERATURE_LANE, TEMPERATURE_STEPS, VIBRATION_LANE, VIBRATION_STEPS
from mlops_core.degradation_law import DegradationLaw, Nameplate, temperature_level, vibration_level
from mlops_core.machine_state import HOUR
from mlops_core.operating_conditions import ambient_temperature
from mlops_core.random_streams import FIRST_FACTOR, GAMMA, LANE_LEVELS, SECOND_FACTOR, standard_normal
from mlops_core.run_path import FloatArray, RunPath

BLOCK = 16_384
_SHIFTS = tuple(np.uint64(bits) for bits in (30, 27, 31))
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(FIRST_FACTOR), np.uint64(SECOND_FACTOR)
_LANE_SHIFTS = {number: np.uint64(16 * number) for number in range(4)}
_LANE_MASK = np.uint64(LANE_LEVELS - 1)


class Ticks(NamedTuple):
    """The moments at which a fleet is read, common to all its machines."""

    moments: NDArray[np.int64]  # microseconds since the epoch, ascending
    hours: NDArray[np.int64]  # since the epoch
    passed: FloatArray  # part of the hour that has passed, in [0, 1)
    counters: NDArray[np.uint64]  # moments times GAMMA, the counter's part of a random word

    @classmethod
    def between(cls, start: int, end: int, step: int) -> "Ticks":
        """Return the multiples of `step` in `[start, end)`."""
        moments = np.arange(-(-start // step) * step, end, step, dtype=np.int64)
        hours = moments // HOUR
        return cls(moments, hours, (moments - hours * HOUR) / HOUR, moments.astype(np.uint64) * np.uint64(GAMMA))

    def span(self, start: int, end: int) -> slice:
        """Return where the ticks of `[start, end)` lie."""
        first, last = np.searchsorted(self.moments, (start, end))
        return slice(int(first), int(last))


class Scratch:
    """The arrays that one block of ticks needs on its way."""

    def __init__(self) -> None:
        self.words = np.empty(BLOCK, np.uint64)
        self.shifted = np.empty(BLOCK, np.uint64)
        self.indices = np.empty(BLOCK, np.intp)
        self.terms = np.empty(BLOCK)


class Noise(NamedTuple):
    """What each of the 65,536 levels of a random lane does to a reading."""

    celsius_added: FloatArray
    vibration_factor: FloatArray

    @classmethod
    def of(cls, law: DegradationLaw) -> "Noise":
        """Return the noise of a law."""
        normal = _standard_normals()
        return cls(law.temperature_noise_celsius * normal, 1.0 + law.vibration_noise * normal)


def sample_run(
    law: DegradationLaw,
    seed: int,
    nameplate: Nameplate,
    path: RunPath,
    ticks: Ticks,
    span: slice,
    noise: Noise,
    scratch: Scratch,
    temperatures: FloatArray,
    vibrations: FloatArray,
) -> None:
    """Write the readings of the ticks in `span`, which lie in one run, into two arrays of that length."""
    if span.start == span.stop:
        return
    first, last = int(ticks.hours[span.start]), int(ticks.hours[span.stop - 1]) + 1
    known = slice(first - path.first_hour, last - path.first_hour + 1)
    hours, load, damage = path.hours[known], path.load[known], path.damage[known]
    vibration = vibration_level(law, nameplate, path.run, hours, load, damage)
    ambient = ambient_temperature(law.conditions, seed, hours)
    temperature = temperature_level(law, nameplate, path.run, ambient, load, damage, vibration)
    for begin in range(span.start, span.stop, BLOCK):
        block = slice(begin, min(begin + BLOCK, span.stop))
        out = slice(begin - span.start, block.stop - span.start)
        size = block.stop - begin
        indices, words = scratch.indices[:size], _random_words(nameplate.noise_key, ticks.counters[block], scratch)
        np.subtract(ticks.hours[block], first, out=indices)
        _join_levels(temperature, indices, ticks.passed[block], scratch.terms[:size], temperatures[out])
        _join_levels(vibration, indices, ticks.passed[block], scratch.terms[:size], vibrations[out])
        drawn = _noise(noise.celsius_added, words, TEMPERATURE_LANE, scratch)
        np.add(temperatures[out], drawn, out=temperatures[out])
        drawn = _noise(noise.vibration_factor, words, VIBRATION_LANE, scratch)
        np.multiply(vibrations[out], drawn, out=vibrations[out])
        _round_to_steps(temperatures[out], TEMPERATURE_STEPS)
        _round_to_steps(vibrations[out], VIBRATION_STEPS)


def _random_words(key: int, counters: NDArray[np.uint64], scratch: Scratch) -> NDArray[np.uint64]:
    """Return `random_streams.random_word` of counters already multiplied by GAMMA, without new arrays."""
    words, shifted = scratch.words[: len(counters)], scratch.shifted[: len(counters)]
    np.add(counters, np.uint64(key), out=words)
    for shift, factor in zip(_SHIFTS, (_FIRST_FACTOR, _SECOND_FACTOR, None), strict=True):
        np.right_shift(words, shift, out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        if factor is not None:
            np.multiply(words, factor, out=words)
    return words


def _join_levels(
    levels: FloatArray, indices: NDArray[np.intp], passed: FloatArray, terms: FloatArray, out: FloatArray
) -> None:
    np.take(np.diff(levels), indices, out=terms, mode="clip")  # "clip" writes to `out` without a buffer
    np.multiply(terms, passed, out=terms)
    np.take(levels, indices, out=out, mode="clip")
    np.add(out, terms, out=out)


def _noise(table: FloatArray, words: NDArray[np.uint64], number: int, scratch: Scratch) -> FloatArray:
    shifted, terms = scratch.shifted[: len(words)], scratch.terms[: len(words)]
    np.right_shift(words, _LANE_SHIFTS[number], out=shifted)
    np.bitwise_and(shifted, _LANE_MASK, out=shifted)
    np.take(table, shifted.view(np.int64), out=terms, mode="clip")
    return terms


def _round_to_steps(values: FloatArray, steps: float) -> None:
    np.multiply(values, steps, out=values)
    np.rint(values, out=values)
    np.divide(values, steps, out=values)


@lru_cache(maxsize=1)
def _standard_normals() -> FloatArray:
    return np.array([standard_normal(level) for level in range(LANE_LEVELS)])
