"""What alarms would have come of: predictions of held-out runs, replayed by the very rules of the stack's hysteresis.

An episode opens with the third prediction in a row at or above the threshold and ends with the third in a row below
half of it; it is right if the machine fails within the actionable hours. An episode that stays open is false once more
for each further actionable hours without a failure, so that an alarm which never ends is no cheap one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlops_core.prognosis.training_table import TrainingTable

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]

PERSISTENCE: Final = 3
"""Predictions in a row at or above the threshold that open an episode."""
CLEAR_SHARE: Final = 0.5
"""An episode is calming down below this share of its threshold."""
CALM: Final = 3
"""Predictions in a row below it that end an episode."""

_LONGEST_LEAD_HOURS: Final = 168.0


@dataclass(frozen=True)
class HeldOutRuns:
    """Predictions of held-out runs in order of machine and time, one entry a row.

    `machines` and `runs` are numbers that do not fall; `hours` are since any moment; `rul_hours` is NaN where the run
    is censored, `seen_hours` then is how much longer it was seen.
    """

    machines: NDArray[np.int64]
    runs: NDArray[np.int64]
    hours: FloatArray
    probability: FloatArray
    rul_hours: FloatArray
    seen_hours: FloatArray

    def every(self, hours: float) -> "HeldOutRuns":
        """Return the rows at which a stack that scores at this interval predicts."""
        slot = np.floor(self.hours / hours).astype(np.int64)
        is_last = np.append((np.diff(slot) != 0) | (np.diff(self.machines) != 0), True)
        return HeldOutRuns(
            machines=self.machines[is_last],
            runs=self.runs[is_last],
            hours=self.hours[is_last],
            probability=self.probability[is_last],
            rul_hours=self.rul_hours[is_last],
            seen_hours=self.seen_hours[is_last],
        )

    @property
    def interval_hours(self) -> float:
        """The median time between two predictions of a machine."""
        steps = np.diff(self.hours)[~begins(self.machines)[1:]]
        return float(np.median(steps)) if steps.size else 0.0

    @property
    def failed(self) -> Flags:
        """For each run, in order, whether it ended in a failure."""
        ends = np.append(np.diff(self.runs) != 0, True)
        return ~np.isnan(self.rul_hours[ends])


@dataclass(frozen=True)
class Replayed:
    """What alarms came to, run by run.

    Attributes:
        false: false episodes of each run.
        leads: hours from the first announcement, at most a week ahead, to the failure of each run that failed; NaN
            where the failure was not announced within the actionable hours.

    """

    false: FloatArray
    leads: FloatArray

    @property
    def recall(self) -> float:
        """Share of failures that were announced; 0 without failures."""
        return float(np.mean(~np.isnan(self.leads))) if self.leads.size else 0.0

    @property
    def lead_hours(self) -> FloatArray:
        """The leads of the failures that were announced."""
        return self.leads[~np.isnan(self.leads)]


def held_out_runs(table: "TrainingTable", probability: FloatArray, rows: Flags | None = None) -> HeldOutRuns:
    """Return predictions of a table's rows (all, or those flagged) beside what came of them."""
    chosen = np.ones(len(table.runs), dtype=np.bool_) if rows is None else rows
    last = np.zeros(len(table.run_ids))
    np.maximum.at(last, table.runs, table.hours)
    return HeldOutRuns(
        machines=table.machines[chosen],
        runs=table.runs[chosen],
        hours=table.hours[chosen],
        probability=probability,
        rul_hours=table.rul_hours[chosen],
        seen_hours=(last[table.runs] - table.hours)[chosen],
    )


def replay(probability: FloatArray, machines: NDArray[np.int64], threshold: float) -> Flags:
    """Return for each prediction whether an episode is open after it, machine by machine in the order of time."""
    first = begins(machines)
    raises = _in_a_row(probability >= threshold, first) >= PERSISTENCE
    clears = _in_a_row(probability < CLEAR_SHARE * threshold, first) >= CALM
    # The last of these events before or at a row decides; a machine begins without an episode.
    decides = raises | clears | first
    last = np.maximum.accumulate(np.where(decides, np.arange(len(probability)), 0))
    return raises[last]


def judge(runs: HeldOutRuns, is_open: Flags, actionable_hours: float, interval_hours: float) -> Replayed:
    """Return the outcome of alarms open at these rows. The unobserved end of a censored run is no false alarm."""
    new_machine, new_run = begins(runs.machines), begins(runs.runs)
    run = np.cumsum(new_run) - 1
    remaining = np.where(np.isnan(runs.rul_hours), np.inf, runs.rul_hours)
    is_unknown = np.isnan(runs.rul_hours) & (runs.seen_hours < actionable_hours)
    is_vain = is_open & (remaining > actionable_hours) & ~is_unknown
    opens = is_open & (~np.append(False, is_open[:-1]) | new_machine)
    false = np.bincount(run[opens & is_vain], minlength=run[-1] + 1).astype(np.float64)
    piece = np.cumsum(opens | new_run)  # an episode that outlives a run is counted in each
    vain_hours = np.bincount(piece[is_vain], minlength=piece[-1] + 1) * interval_hours
    owner = np.zeros(piece[-1] + 1, dtype=np.int64)
    owner[piece] = run
    np.add.at(false, owner, np.floor(vain_hours / actionable_hours))
    ahead = is_open & (remaining > 0) & (remaining <= _LONGEST_LEAD_HOURS)
    leads = np.full(run[-1] + 1, np.nan)
    np.fmax.at(leads, run[ahead], remaining[ahead])
    in_time = np.zeros(run[-1] + 1, dtype=np.bool_)
    in_time[run[ahead & (remaining <= actionable_hours)]] = True
    return Replayed(false, np.where(in_time, leads, np.nan)[runs.failed])


def shifted(is_open: Flags, machines: NDArray[np.int64], generator: np.random.Generator) -> Flags:
    """Return the same alarms at other times of the same machines: each machine's are moved on by a random step."""
    moved = is_open.copy()
    for rows in np.split(np.arange(len(is_open)), np.flatnonzero(begins(machines))[1:]):
        moved[rows] = np.roll(is_open[rows], int(generator.integers(len(rows))))
    return moved


def begins(groups: NDArray[np.int64]) -> Flags:
    """Whether each row is the first of its machine, or run."""
    return np.append(True, np.diff(groups) != 0)


def _in_a_row(holds: Flags, first: Flags) -> NDArray[np.int64]:
    """Length of the sequence of True up to and including each row, within its machine."""
    position = np.arange(len(holds))
    broken = np.maximum.accumulate(np.where(~holds, position, np.where(first, position - 1, -1)))
    return position - broken
