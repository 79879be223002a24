"""From which probability on alarms are raised: by episodes, and a budget of false ones.

The threshold is the one with the highest share of failures announced among those whose false episodes a machine-month
stay within the budget. It is found on held-out runs, by the very replay of predictions that the stack makes of them
(`alarm_replay`), one every scoring interval.

A threshold needs runs, not rows. It is withheld where alarms would be no better than chance: fewer than three failures
announced, or no more of them than in any of 19 replays in which the alarms are shifted in time and the threshold is
chosen anew. Features that know nothing pass that in one of twenty fleets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mlops_core.prognosis.alarm_replay import (
    PERSISTENCE,
    Flags,
    FloatArray,
    HeldOutRuns,
    Replayed,
    judge,
    replay,
    shifted,
)
from mlops_core.time import HOURS_PER_MONTH

URGENT: Final = 0.5
"""An episode is ACT where a failure within the horizon is at least as likely as not."""
LEAST_ANNOUNCED: Final = 3
"""Runs whose failure was announced, below which a threshold says nothing."""
CHANCE: Final = 0.05
"""How often features that know nothing are given a threshold."""

_BUDGETS: Final = (0.1, 0.3, 1.0)
_CANDIDATES: Final = 60
_SHIFTS: Final = round(1 / CHANCE) - 1
_FEW_FAILURES: Final = 100  # from here on, choosing among thresholds cannot make chance look like knowledge
_CANDIDATES_SHIFTED: Final = 20
_RESAMPLES: Final = 200


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
        recall, recall_low, recall_high: share of failures announced within the actionable hours before them, and the
            middle 80 % of its resamples by run.
        lead_median_hours, lead_p10_hours: from the first announcement, at most a week ahead, to the failure.
        false_low, false_high: of the false episodes, as of the recall.
        announced: how many runs ended in a failure that was announced.

    """

    budget: float
    threshold: float | None = None
    false_episodes: float | None = None
    recall: float | None = None
    recall_low: float | None = None
    recall_high: float | None = None
    lead_median_hours: float | None = None
    lead_p10_hours: float | None = None
    false_low: float | None = None
    false_high: float | None = None
    announced: int = 0


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


def plan_alarms(
    held_out: HeldOutRuns,
    *,
    budget: float,
    actionable_hours: float,
    scored_every_hours: float,
    seed: int,
    unforeseeable: str = "",
) -> AlarmPlan:
    """Return the plan with the highest recall within the budget; without thresholds where alarms would mislead.

    unforeseeable: why no probability of this model is to raise an alarm, in words; empty where there is no such reason.
    """
    runs = held_out.every(scored_every_hours)
    trial = _Trial(runs, actionable_hours, max(scored_every_hours, runs.interval_hours))
    thresholds = _candidates(runs.probability)
    openings = [replay(runs.probability, runs.machines, threshold) for threshold in thresholds]
    tried = [trial.judge(is_open) for is_open in openings]
    curve = [trial.point(each, thresholds, tried, seed=seed) for each in sorted({*_BUDGETS, budget})]
    chosen = next(point for point in curve if point.budget == budget)
    withheld = unforeseeable or _withheld(chosen, trial, openings, seed)
    watch = None if withheld else chosen.threshold
    return AlarmPlan(
        watch=watch,
        act=None if watch is None else max(watch, URGENT),
        persistence=PERSISTENCE,
        actionable_hours=actionable_hours,
        scored_every_hours=scored_every_hours,
        budget=budget,
        machine_months=trial.months,
        failures=int(runs.failed.sum()),
        curve=tuple(curve),
        withheld=withheld,
    )


def judge_plan(held_out: HeldOutRuns, plan: AlarmPlan, *, seed: int) -> BudgetPoint:
    """Return what a plan comes to on runs that it was not made on; without figures where it has no threshold."""
    if plan.watch is None:
        return BudgetPoint(plan.budget)
    runs = held_out.every(plan.scored_every_hours)
    trial = _Trial(runs, plan.actionable_hours, max(plan.scored_every_hours, runs.interval_hours))
    found = trial.judge(replay(runs.probability, runs.machines, plan.watch))
    return trial.described(plan.budget, plan.watch, found, seed=seed)


@dataclass(frozen=True)
class _Trial:
    """Held-out runs, and how alarms are judged on them."""

    runs: HeldOutRuns
    actionable_hours: float
    interval_hours: float

    @property
    def months(self) -> float:
        """Exposure in machine-months."""
        return len(self.runs.hours) * self.interval_hours / HOURS_PER_MONTH

    def judge(self, is_open: Flags) -> Replayed:
        return judge(self.runs, is_open, self.actionable_hours, self.interval_hours)

    def best(self, budget: float, tried: Sequence[Replayed]) -> int | None:
        """The position of the highest recall within a budget, of equal ones the longest lead."""
        within = [
            (each.recall, _median(each.lead_hours), -each.false.sum(), number)
            for number, each in enumerate(tried)
            if each.leads.size and each.false.sum() <= budget * self.months
        ]
        return max(within)[3] if within else None

    def point(self, budget: float, thresholds: Sequence[float], tried: Sequence[Replayed], *, seed: int) -> BudgetPoint:
        """What a budget buys."""
        number = self.best(budget, tried)
        if number is None:
            return BudgetPoint(budget)
        return self.described(budget, thresholds[number], tried[number], seed=seed)

    def described(self, budget: float, threshold: float, found: Replayed, *, seed: int) -> BudgetPoint:
        """A threshold and what it came to."""
        recall, false = self._resampled(found, seed)
        return BudgetPoint(
            budget=budget,
            threshold=round(threshold, 6),
            false_episodes=float(found.false.sum() / self.months),
            recall=found.recall,
            recall_low=recall[0],
            recall_high=recall[1],
            lead_median_hours=float(np.quantile(found.lead_hours, 0.5)) if found.lead_hours.size else None,
            lead_p10_hours=float(np.quantile(found.lead_hours, 0.1)) if found.lead_hours.size else None,
            false_low=false[0],
            false_high=false[1],
            announced=len(found.lead_hours),
        )

    def _resampled(self, found: Replayed, seed: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """The middle 80 % of recall and of false episodes a machine-month, runs drawn with replacement."""
        generator = np.random.Generator(np.random.PCG64(seed))
        failed = np.flatnonzero(self.runs.failed)
        hours = np.unique(self.runs.runs, return_counts=True)[1] * self.interval_hours
        announced = ~np.isnan(found.leads)
        if not failed.size:
            return (0.0, 0.0), (0.0, 0.0)
        recalls = announced[generator.integers(len(failed), size=(_RESAMPLES, len(failed)))].mean(axis=1)
        drawn = generator.integers(len(hours), size=(_RESAMPLES, len(hours)))
        rates = found.false[drawn].sum(axis=1) / (hours[drawn].sum(axis=1) / HOURS_PER_MONTH)
        return _middle(recalls), _middle(rates)


def _middle(values: FloatArray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.1, 0.9]).tolist()
    return low, high


def _median(hours: FloatArray) -> float:
    return float(np.median(hours)) if hours.size else 0.0


def _candidates(probability: FloatArray) -> list[float]:
    """Thresholds between the median and the highest probability, evenly spaced in log odds."""
    clipped = np.clip(probability, 1e-4, 1 - 1e-4)
    odds = np.log(clipped / (1 - clipped))
    spaced = np.linspace(float(np.median(odds)), float(odds.max()), _CANDIDATES)
    return [float(threshold) for threshold in 1.0 / (1.0 + np.exp(-spaced))]


def _withheld(point: BudgetPoint, trial: _Trial, openings: Sequence[Flags], seed: int) -> str:
    """Why a threshold would mislead, in words; empty where it would not."""
    if point.threshold is None or point.recall is None:
        return f"no threshold keeps within {point.budget:g} false episodes a machine-month"
    failures = int(trial.runs.failed.sum())
    if point.announced < LEAST_ANNOUNCED:
        return (
            f"only {point.announced} of {failures} failures would be announced, and {LEAST_ANNOUNCED} are the least"
            " that say anything"
        )
    by_chance = _chance_recall(point, trial, openings, seed)
    if point.recall <= by_chance:
        return f"alarms at other times would announce as many failures ({by_chance:.0%}) by chance"
    return ""


def _chance_recall(point: BudgetPoint, trial: _Trial, openings: Sequence[Flags], seed: int) -> float:
    """The highest recall that the same alarms reach when they are shifted in time and the threshold is chosen anew."""
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = replay(trial.runs.probability, trial.runs.machines, point.threshold or 1.0)
    few = int(trial.runs.failed.sum()) < _FEW_FAILURES
    tried = [chosen, *(openings[:: len(openings) // _CANDIDATES_SHIFTED] if few else ())]
    highest = 0.0
    for _ in range(_SHIFTS):
        moved = [trial.judge(shifted(is_open, trial.runs.machines, generator)) for is_open in tried]
        number = trial.best(point.budget, moved) if few else 0
        highest = max(highest, 0.0 if number is None else moved[number].recall)
    return highest
