"""The fast side of a machine's history in numpy: what its sensors read at every tick of a run.

The arithmetic is that of `degradation.advance`, operation by operation, so the readings are equal to the last bit.
Ticks are taken in blocks that stay in the processor's cache; all intermediate results live in one set of arrays.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_core.degradation import TEMPERATURE_LANE, VIBRATION_LANE
from mlops_core.degradation_law import (
    TEMPERATURE_STEPS,
    VIBRATION_STEPS,
    DegradationLaw,
    Nameplate,
    sensor_levels,
    temperature_added,
    vibration_factor,
)
from mlops_core.machine_state import HOUR
from mlops_core.operating_conditions import ambient_temperature
from mlops_core.random_streams import (
    FIRST_FACTOR,
    GAMMA,
    LANE_BITS,
    LANE_LEVELS,
    SECOND_FACTOR,
    standard_normal,
)
from mlops_core.run_path import FloatArray, RunPath, smooth_noise_of_hours

BLOCK = 16_384
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


@dataclass(frozen=True)
class Sampler:
    """What the readings of all machines of a fleet have in common.

    `temperature_added` and `vibration_factor` say what each of the 4,096 levels of a random lane does to a reading;
    `ambient` is by hour, from that of the first tick to the one after the last; `words` to `terms` are scratch space
    for one block of ticks.
    """

    law: DegradationLaw
    ticks: Ticks
    temperature_added: FloatArray
    vibration_factor: FloatArray
    ambient: FloatArray
    words: NDArray[np.uint64]
    shifted: NDArray[np.uint64]
    indices: NDArray[np.intp]
    terms: FloatArray

    @classmethod
    def of(cls, law: DegradationLaw, seed: int, ticks: Ticks) -> "Sampler":
        """Return the sampler of a fleet that is read at `ticks`."""
        normal = _standard_normals()
        first, past = (int(ticks.hours[0]), int(ticks.hours[-1]) + 2) if len(ticks.hours) else (0, 0)
        return cls(
            law=law,
            ticks=ticks,
            temperature_added=temperature_added(law, normal),
            vibration_factor=vibration_factor(law, normal),
            ambient=ambient_temperature(law.conditions, seed, np.arange(first, past, dtype=np.uint64)),
            words=np.empty(BLOCK, np.uint64),
            shifted=np.empty(BLOCK, np.uint64),
            indices=np.empty(BLOCK, np.intp),
            terms=np.empty(BLOCK),
        )

    def sample_run(
        self, nameplate: Nameplate, path: RunPath, span: slice, temperatures: FloatArray, vibrations: FloatArray
    ) -> None:
        """Write the readings of the ticks in `span`, which lie in one run, into two arrays of that length."""
        if span.start == span.stop:
            return
        hours = self.ticks.hours
        first, past = int(hours[span.start]), int(hours[span.stop - 1]) + 2
        temperature, vibration = self._levels(nameplate, path, first, past)
        for begin in range(span.start, span.stop, BLOCK):
            block = slice(begin, min(begin + BLOCK, span.stop))
            size, passed = block.stop - begin, self.ticks.passed[block]
            out = slice(begin - span.start, block.stop - span.start)
            shifted = self.shifted[:size]
            words = _upper_words(nameplate.noise_key, self.ticks.counters[block], self.words[:size], shifted)
            indices, terms = np.subtract(hours[block], first, out=self.indices[:size]), self.terms[:size]
            warmth, shaking = temperatures[out], vibrations[out]
            _join_levels(temperature, indices, passed, terms, warmth)
            _join_levels(vibration, indices, passed, terms, shaking)
            np.add(warmth, _drawn(self.temperature_added, words, TEMPERATURE_LANE, shifted, terms), out=warmth)
            np.multiply(shaking, _drawn(self.vibration_factor, words, VIBRATION_LANE, shifted, terms), out=shaking)
            _round_to_steps(warmth, TEMPERATURE_STEPS)
            _round_to_steps(shaking, VIBRATION_STEPS)

    def _levels(self, nameplate: Nameplate, path: RunPath, first: int, past: int) -> tuple[FloatArray, FloatArray]:
        known = slice(first - path.first_hour, past - path.first_hour)
        ambient = self.ambient[first - int(self.ticks.hours[0]) :][: past - first]
        return sensor_levels(
            self.law, nameplate, path.run, path.hours[known], path.load[known], ambient, path.damage[known],
            smooth_noise_of_hours,
        )  # fmt: skip


def _upper_words(
    key: int, counters: NDArray[np.uint64], words: NDArray[np.uint64], shifted: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Write `random_streams.random_word` of counters already multiplied by GAMMA to `words`.

    Right in the upper 31 bits only: the last step of the finaliser does not touch them, and is left out.
    """
    np.add(counters, np.uint64(key), out=words)
    for shift, factor in ((30, FIRST_FACTOR), (27, SECOND_FACTOR)):
        np.right_shift(words, np.uint64(shift), out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        np.multiply(words, np.uint64(factor), out=words)
    return words


def _join_levels(
    levels: FloatArray, indices: NDArray[np.intp], passed: FloatArray, terms: FloatArray, out: FloatArray
) -> None:
    """Write the straight lines between hourly levels to `out`."""
    np.take(np.diff(levels), indices, out=terms, mode="clip")  # "clip" writes to `out` without a buffer
    np.multiply(terms, passed, out=terms)
    np.take(levels, indices, out=out, mode="clip")
    np.add(out, terms, out=out)


def _drawn(
    table: FloatArray, words: NDArray[np.uint64], number: int, shifted: NDArray[np.uint64], out: FloatArray
) -> FloatArray:
    """Write the table's entry for lane `number` of each word to `out`."""
    np.right_shift(words, np.uint64(64 - LANE_BITS * (number + 1)), out=shifted)
    if number:
        np.bitwise_and(shifted, _LANE_MASK, out=shifted)
    return np.take(table, shifted.view(np.int64), out=out, mode="clip")


def _round_to_steps(values: FloatArray, steps: float) -> None:
    np.rint(values, out=values)
    np.divide(values, steps, out=values)


@lru_cache(maxsize=1)
def _standard_normals() -> FloatArray:
    return np.array([standard_normal(level) for level in range(LANE_LEVELS)])
