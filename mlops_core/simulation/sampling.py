"""The fast side of a machine's history: what its sensors read at every tick of a run.

Ticks are taken in blocks that stay in the processor's cache; all intermediate results live in one set of arrays.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_core.simulation.law import (
    TEMPERATURE_STEPS,
    VIBRATION_STEPS,
    DegradationLaw,
    Machine,
    sensor_levels,
    temperature_added,
    vibration_factor,
)
from mlops_core.simulation.machine_state import HOUR
from mlops_core.simulation.operating_conditions import ambient_temperature
from mlops_core.simulation.random_streams import (
    FIRST_FACTOR,
    GAMMA,
    LANE_BITS,
    LANE_LEVELS,
    SECOND_FACTOR,
    FloatArray,
    standard_normals,
)
from mlops_core.simulation.run import RunPath
from mlops_core.time import microseconds

TEMPERATURE_LANE, VIBRATION_LANE = 0, 1  # in the upper half of a word: see `_upper_words`

BLOCK = 16_384
_PHASES = range(8, 1025)  # ticks an hour for which whole rows are cheaper than looking up each tick's hour
_LANE_MASK = np.uint64(LANE_LEVELS - 1)


class Ticks(NamedTuple):
    """The moments at which a fleet is read, common to all its machines."""

    moments: NDArray[np.int64]  # microseconds since the epoch, ascending
    hours: NDArray[np.int64]  # since the epoch
    passed: FloatArray  # part of the hour that has passed, in [0, 1)
    counters: NDArray[np.uint64]  # moments times GAMMA, the counter's part of a random word
    phases: FloatArray | None  # `passed` of any hour's ticks, where all hours have the same

    @classmethod
    def between(cls, start: int, end: int, step: int) -> "Ticks":
        """Return the multiples of `step` in `[start, end)`."""
        moments = np.arange(-(-start // step) * step, end, step, dtype=np.int64)
        hours = moments // HOUR
        same = HOUR % step == 0 and HOUR // step in _PHASES
        return cls(
            moments,
            hours,
            (moments - hours * HOUR) / HOUR,
            moments.astype(np.uint64) * np.uint64(GAMMA),
            np.arange(0, HOUR, step, dtype=np.int64) / HOUR if same else None,
        )

    def span(self, start: int, end: int) -> slice:
        """Return where the ticks of `[start, end)` lie."""
        first, last = np.searchsorted(self.moments, (start, end))
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Sampler:
    """What the readings of all machines of a fleet have in common.

    `temperature_added` and `vibration_factor` say what each of the 4,096 levels of a random lane does to a reading;
    `ambient` is by hour, from that of the first tick to the one after the last; `words` to `line` are scratch space
    for one block of ticks.
    """

    ticks: Ticks
    temperature_added: FloatArray
    vibration_factor: FloatArray
    ambient: FloatArray
    words: NDArray[np.uint64]
    shifted: NDArray[np.uint64]
    indices: NDArray[np.intp]
    terms: FloatArray
    line: FloatArray

    @classmethod
    def of(cls, law: DegradationLaw, seed: int, ticks: Ticks) -> "Sampler":
        """Return the sampler of a fleet that is read at `ticks`."""
        normal = standard_normals()
        size = min(BLOCK, len(ticks.moments))
        first, past = (int(ticks.hours[0]), int(ticks.hours[-1]) + 2) if len(ticks.hours) else (0, 0)
        return cls(
            ticks=ticks,
            temperature_added=temperature_added(law, normal),
            vibration_factor=vibration_factor(law, normal),
            ambient=ambient_temperature(law.conditions, seed, np.arange(first, past, dtype=np.uint64)),
            words=np.empty(size, np.uint64),
            shifted=np.empty(size, np.uint64),
            indices=np.empty(size, np.intp),
            terms=np.empty(size),
            line=np.empty(size + 2 * _PHASES.stop),
        )

    def sample_run(
        self, machine: Machine, path: RunPath, span: slice, temperatures: FloatArray, vibrations: FloatArray
    ) -> None:
        """Write the readings of the ticks in `span`, which lie in one run, into two arrays of that length."""
        if span.start == span.stop:
            return
        hours = self.ticks.hours
        first, past = int(hours[span.start]), int(hours[span.stop - 1]) + 2
        temperature, vibration = self._levels(machine, path, first, past)
        slopes = np.diff(temperature), np.diff(vibration)
        for begin in range(span.start, span.stop, BLOCK):
            block = slice(begin, min(begin + BLOCK, span.stop))
            out = slice(begin - span.start, block.stop - span.start)
            words = self._upper_words(machine.noise_key, block)
            line = self._line(temperature, slopes[0], first, block)
            np.add(line, self._drawn(self.temperature_added, words, TEMPERATURE_LANE), out=temperatures[out])
            line = self._line(vibration, slopes[1], first, block)
            np.multiply(line, self._drawn(self.vibration_factor, words, VIBRATION_LANE), out=vibrations[out])
            _round_to_steps(temperatures[out], TEMPERATURE_STEPS)
            _round_to_steps(vibrations[out], VIBRATION_STEPS)
        switched_off_at = machine.law.conditions.switched_off_at
        if switched_off_at is not None:
            self._stand_still(microseconds(switched_off_at), span, temperatures, vibrations)

    def _stand_still(self, since: int, span: slice, temperatures: FloatArray, vibrations: FloatArray) -> None:
        """Overwrite what is read from the moment `since` on by what a machine shows that is switched off."""
        moments = self.ticks.moments[span]
        first = int(np.searchsorted(moments, since))
        hours = self.ticks.hours[span][first:] - int(self.ticks.hours[0])
        ambient, passed = self.ambient, self.ticks.passed[span][first:]
        vibrations[first:] = 0.0
        temperatures[first:] = (ambient[hours] + (ambient[hours + 1] - ambient[hours]) * passed) * TEMPERATURE_STEPS
        _round_to_steps(temperatures[first:], TEMPERATURE_STEPS)

    def _levels(self, machine: Machine, path: RunPath, first: int, past: int) -> tuple[FloatArray, FloatArray]:
        known = slice(first - path.first_hour, past - path.first_hour)
        ambient = self.ambient[first - int(self.ticks.hours[0]) :][: past - first]
        return sensor_levels(machine, path.run, path.hours[known], path.load[known], ambient, path.damage[known])

    def _line(self, levels: FloatArray, slopes: FloatArray, first: int, block: slice) -> FloatArray:
        """Return the straight lines between hourly levels (from hour `first` on) at a block of ticks."""
        size, phases = block.stop - block.start, self.ticks.phases
        if phases is None:
            indices = np.subtract(self.ticks.hours[block], first, out=self.indices[:size])
            line = np.take(slopes, indices, out=self.line[:size], mode="clip")  # "clip" writes to `out` unbuffered
            np.multiply(line, self.ticks.passed[block], out=line)
            return np.add(line, np.take(levels, indices, out=self.terms[:size], mode="clip"), out=line)
        phase = round(float(self.ticks.passed[block.start]) * len(phases))
        hour = int(self.ticks.hours[block.start]) - first
        rows = slice(hour, hour - (-(phase + size) // len(phases)))
        lines = self.line[: (rows.stop - rows.start) * len(phases)].reshape(-1, len(phases))
        np.multiply(slopes[rows, None], phases, out=lines)
        np.add(lines, levels[rows, None], out=lines)
        return self.line[phase : phase + size]

    def _upper_words(self, key: int, block: slice) -> NDArray[np.uint64]:
        """Return `random_streams.random_words` of a block of ticks.

        Right in the upper 31 bits only: the last step of the finaliser does not touch them, and is left out.
        """
        counters = self.ticks.counters[block]
        shifted = self.shifted[: len(counters)]
        words = np.add(counters, np.uint64(key), out=self.words[: len(counters)])
        for shift, factor in ((30, FIRST_FACTOR), (27, SECOND_FACTOR)):
            np.right_shift(words, np.uint64(shift), out=shifted)
            np.bitwise_xor(words, shifted, out=words)
            np.multiply(words, np.uint64(factor), out=words)
        return words

    def _drawn(self, table: FloatArray, words: NDArray[np.uint64], number: int) -> FloatArray:
        """Return the table's entry for lane `number` of each word."""
        shifted = np.right_shift(words, np.uint64(64 - LANE_BITS * (number + 1)), out=self.shifted[: len(words)])
        if number:
            np.bitwise_and(shifted, _LANE_MASK, out=shifted)
        return np.take(table, shifted.view(np.int64), out=self.terms[: len(words)], mode="clip")


def _round_to_steps(values: FloatArray, steps: float) -> None:
    np.rint(values, out=values)
    np.divide(values, steps, out=values)
