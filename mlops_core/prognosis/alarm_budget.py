"""From which probability on alarms are raised: by episodes, and a budget of false ones.

An episode opens with the third prediction in a row at or above the threshold and ends with the third in a row below
half of it; it is right if the machine fails within the actionable hours. The threshold is the one with the highest
share of failures announced among those whose false episodes a machine-month stay within the budget. It is found on
held-out machines, by the very replay of predictions that the stack makes of them, one every scoring interval.

A threshold is withheld where alarms would tell no more than chance: fewer than three failures announced, or a share
that the same alarms, shifted in time, reach as well. Features that know nothing pass that in one of twenty fleets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CALM",
    "CLEAR_SHARE",
    "PERSISTENCE",
    "AlarmBudget",
    "AlarmPlan",
    "BudgetPoint",
    "HeldOutRuns",
    "plan_alarms",
    "replay",
]

FloatArray = NDArray[np.float64]

PERSISTENCE: Final = 3
"""Predictions in a row at or above the threshold that open an episode."""
CLEAR_SHARE: Final = 0.5
"""An episode is calming down below this share of its threshold."""
CALM: Final = 3
"""Predictions in a row below it that end an episode."""
URGENT: Final = 0.5
"""An episode is ACT where a failure within the horizon is at least as likely as not."""

_BUDGETS: Final = (0.1, 0.3, 1.0)
_CANDIDATES: Final = 60
_LONGEST_LEAD_HOURS: Final = 168.0
_LEAST_ANNOUNCED: Final = 3
_SHIFTS: Final = 19
_RESAMPLES: Final = 200
_HOURS_A_MONTH: Final = 730.5


@dataclass(frozen=True)
class AlarmBudget:
    """What alarms may cost, and when they count.

    Attributes:
        false_episodes_per_machine_month: how many episodes without a failure are accepted.
        actionable_hours: an episode is right if the failure comes within these.
        scored_every_hours: how often the stack predicts of each machine.

    """

    false_episodes_per_machine_month: float = 0.3
    actionable_hours: float = 72.0
    scored_every_hours: float = 1.0


@dataclass(frozen=True)
class BudgetPoint:
    """What a budget buys.

    Attributes:
        budget, false_episodes: a machine-month; what was allowed, and what it came to.
        threshold: None where no threshold keeps within the budget.
        recall, recall_low, recall_high: share of failures announced within the actionable hours before them, and 80 %
            of its resamples by machine.
        lead_median_hours, lead_p10_hours: from the first announcement, at most a week ahead, to the failure.

    """

    budget: float
    threshold: float | None = None
    false_episodes: float | None = None
    recall: float | None = None
    recall_low: float | None = None
    recall_high: float | None = None
    lead_median_hours: float | None = None
    lead_p10_hours: float | None = None


@dataclass(frozen=True)
class AlarmPlan:
    """How a model's predictions become alarms.

    Attributes:
        watch, act: the probabilities from which an episode is WATCH and ACT; None: it raises none.
        persistence: predictions in a row that open an episode.
        actionable_hours: an episode is right if the failure comes within these.
        scored_every_hours: between two predictions of a machine, as replayed.
        budget: false episodes a machine-month that were allowed.
        machine_months, failures: what the replay saw.
        curve: what other budgets buy.
        withheld: why there is no threshold, in words; empty where there is one.

    """

    watch: float | None
    act: float | None
    persistence: int = PERSISTENCE
    actionable_hours: float = 72.0
    scored_every_hours: float = 1.0
    budget: float = 0.3
    machine_months: float = 0.0
    failures: int = 0
    curve: tuple[BudgetPoint, ...] = ()
    withheld: str = ""


@dataclass(frozen=True)
class HeldOutRuns:
    """Predictions of held-out machines in order of machine and time, one entry a row.

    `machines` are numbers that do not fall; `hours` are since any moment; `rul_hours` is NaN where the run is censored,
    `seen_hours` then is how much longer it was seen.
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


@dataclass(frozen=True)
class _Replay:
    """Per machine and failure: what a threshold gave."""

    false: FloatArray
    """False episodes of each machine."""
    leads: FloatArray
    """Hours from the first announcement to each failure; NaN where it was not announced in the actionable hours."""


def replay(probability: FloatArray, machines: NDArray[np.int64], threshold: float) -> NDArray[np.bool_]:
    """Return for each prediction whether an episode is open after it, machine by machine in the order of time."""
    begins = np.append(True, np.diff(machines) != 0)
    raises = _in_a_row(probability >= threshold, begins) >= PERSISTENCE
    clears = _in_a_row(probability < CLEAR_SHARE * threshold, begins) >= CALM
    # The last of these events before or at a row decides; a machine begins without an episode.
    decides = raises | clears | begins
    last = np.maximum.accumulate(np.where(decides, np.arange(len(probability)), 0))
    return raises[last]


def plan_alarms(
    held_out: HeldOutRuns, *, budget: float, actionable_hours: float, scored_every_hours: float, seed: int
) -> AlarmPlan:
    """Return the plan with the highest recall within the budget; without thresholds where alarms would mislead."""
    runs = held_out.every(scored_every_hours)
    owners = _owners(runs)
    steps = np.diff(runs.hours)[~_begins(runs.machines)[1:]]
    interval = max(scored_every_hours, float(np.median(steps)) if steps.size else 0.0)
    months = len(runs.hours) * interval / _HOURS_A_MONTH
    thresholds = _candidates(runs.probability)
    tried = [_judge(runs, threshold, actionable_hours) for threshold in thresholds]
    curve = [
        _point(each, thresholds, tried, owners, months, seed=seed) for each in sorted({*_BUDGETS, budget})
    ]  # fmt: skip
    chosen = next(point for point in curve if point.budget == budget)
    withheld = _withheld(chosen, runs, actionable_hours, seed)
    watch = None if withheld else chosen.threshold
    return AlarmPlan(
        watch=watch,
        act=None if watch is None else max(watch, URGENT),
        persistence=PERSISTENCE,
        actionable_hours=actionable_hours,
        scored_every_hours=scored_every_hours,
        budget=budget,
        machine_months=months,
        failures=len(owners),
        curve=tuple(curve),
        withheld=withheld,
    )


def _begins(machines: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row is the first of its machine."""
    return np.concatenate(([True], np.diff(machines) != 0))


def _in_a_row(holds: NDArray[np.bool_], begins: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Length of the sequence of True up to and including each row, within its machine."""
    position = np.arange(len(holds))
    broken = np.maximum.accumulate(np.where(~holds, position, np.where(begins, position - 1, -1)))
    return position - broken


def _candidates(probability: FloatArray) -> list[float]:
    """Thresholds between the median and the highest probability, evenly spaced in log odds."""
    clipped = np.clip(probability, 1e-4, 1 - 1e-4)
    odds = np.log(clipped / (1 - clipped))
    spaced = np.linspace(float(np.median(odds)), float(odds.max()), _CANDIDATES)
    return [float(threshold) for threshold in 1.0 / (1.0 + np.exp(-spaced))]


def _failing_rows(runs: HeldOutRuns) -> tuple[NDArray[np.intp], FloatArray]:
    """The last row of each run that failed, and the hour of its failure."""
    ends = np.flatnonzero(np.append(np.diff(runs.runs) != 0, True))
    ends = ends[~np.isnan(runs.rul_hours[ends])]
    return ends, runs.hours[ends] + runs.rul_hours[ends]


def _owners(runs: HeldOutRuns) -> NDArray[np.int64]:
    """The machine of each failure."""
    return runs.machines[_failing_rows(runs)[0]]


def _judge(
    runs: HeldOutRuns, threshold: float, actionable: float, shuffled: np.random.Generator | None = None
) -> _Replay:
    """What a threshold gives; `shuffled` moves each machine's alarms to other times of the same machine."""
    is_open = replay(runs.probability, runs.machines, threshold)
    if shuffled is not None:
        for rows in np.split(np.arange(len(is_open)), np.flatnonzero(_begins(runs.machines))[1:]):
            is_open[rows] = np.roll(is_open[rows], int(shuffled.integers(len(rows))))
    new_machine = np.append(True, np.diff(runs.machines) != 0)
    opens = is_open & (np.append(False, ~is_open[:-1]) | new_machine)
    remaining = np.where(np.isnan(runs.rul_hours), np.inf, runs.rul_hours)
    is_unknown = np.isnan(runs.rul_hours) & (runs.seen_hours < actionable)
    false = np.bincount(
        runs.machines[opens & (remaining > actionable) & ~is_unknown], minlength=int(runs.machines.max()) + 1
    )
    ends, _ = _failing_rows(runs)
    leads = np.full(len(ends), np.nan)
    for number, end in enumerate(ends):
        first = int(np.searchsorted(runs.machines, runs.machines[end]))
        before = slice(first, end + 1)
        ahead = runs.rul_hours[before][(runs.runs[before] == runs.runs[end]) & is_open[before]]
        if (ahead[ahead > 0] <= actionable).any():
            leads[number] = ahead[ahead <= _LONGEST_LEAD_HOURS].max()
    return _Replay(false.astype(np.float64), leads)


def _point(
    budget: float,
    thresholds: Sequence[float],
    tried: Sequence[_Replay],
    owners: NDArray[np.int64],
    months: float,
    *,
    seed: int,
) -> BudgetPoint:
    """The threshold with the highest recall within a budget, of equal ones the longest lead, and its figures."""
    within = [
        (float(np.mean(~np.isnan(each.leads))), _median_lead(each), -each.false.sum(), number)
        for number, each in enumerate(tried)
        if each.leads.size and each.false.sum() <= budget * months
    ]
    if not within:
        return BudgetPoint(budget)
    recall, _, _, number = max(within)
    found = tried[number]
    leads = found.leads[~np.isnan(found.leads)]
    low, high = _recall_interval(found.leads, owners, seed)
    median, p10 = np.quantile(leads, [0.5, 0.1]).tolist() if leads.size else (None, None)
    return BudgetPoint(
        budget=budget,
        threshold=round(thresholds[number], 6),
        false_episodes=float(found.false.sum() / months),
        recall=recall,
        recall_low=low,
        recall_high=high,
        lead_median_hours=median,
        lead_p10_hours=p10,
    )


def _median_lead(replayed: _Replay) -> float:
    leads = replayed.leads[~np.isnan(replayed.leads)]
    return float(np.median(leads)) if leads.size else 0.0


def _recall_interval(leads: FloatArray, owners: NDArray[np.int64], seed: int) -> tuple[float, float]:
    """The middle 80 % of the recall, machines drawn with replacement."""
    generator = np.random.Generator(np.random.PCG64(seed))
    names, index = np.unique(owners, return_inverse=True)
    failures = np.bincount(index)
    announced = np.bincount(index, weights=~np.isnan(leads))
    drawn = generator.integers(len(names), size=(_RESAMPLES, len(names)))
    low, high = np.quantile(announced[drawn].sum(axis=1) / failures[drawn].sum(axis=1), [0.1, 0.9]).tolist()
    return low, high


def _withheld(point: BudgetPoint, runs: HeldOutRuns, actionable: float, seed: int) -> str:
    """Why a threshold would mislead, in words; empty where it would not."""
    if point.threshold is None or point.recall is None:
        return f"no threshold keeps within {point.budget:g} false episodes a machine-month"
    failures = len(_failing_rows(runs)[0])
    announced = round(point.recall * failures)
    if announced < _LEAST_ANNOUNCED:
        return f"only {announced} of {failures} failures would be announced, and three are the least that say anything"
    generator = np.random.Generator(np.random.PCG64(seed))
    moved = [_judge(runs, point.threshold, actionable, generator) for _ in range(_SHIFTS)]
    by_chance = max(float(np.mean(~np.isnan(each.leads))) for each in moved)
    if point.recall <= by_chance:
        return f"alarms at other times would announce as many failures ({by_chance:.0%}) by chance"
    return ""
