"""Rules that need no training, as rankings of rows: what a model has to beat before anybody should rely on it.

- age alone: the longer since the machine was returned to service, the sooner it fails.
- own r.m.s. alone: the 24 h r.m.s. of a channel against its median in the run's first week, the largest ratio of all
  channels.
- a constant: every row alike; it reaches the share of rows that fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from mlops_core.features import parse_feature_name
from mlops_core.prognosis.metrics import FloatArray, Ranking
from mlops_core.prognosis.training_table import TrainingTable

AGE_ALONE: Final = "age"
OWN_RMS: Final = "own_rms"
CONSTANT: Final = "constant"
RULES: Final[Mapping[str, str]] = {
    CONSTANT: "a constant",
    AGE_ALONE: "the hours in service alone",
    OWN_RMS: "a channel's 24 h r.m.s. against its own first week",
}
"""Each rule in words."""
BETTER: Final = "better_than_"
"""Before a rule's name: the metric that says in which share of resamples a model ranks better."""
CONFIDENCE: Final = 0.9
"""Share of resamples of the runs in which a model must rank better than a rule."""

LEAST_COMPARED: Final = 5
"""Failed runs from which on a comparison says something: the hours in service rank the rows of one run perfectly."""

_DAY_SECONDS: Final = 86_400
_FIRST_WEEK_HOURS: Final = 168.0


def rule_scores(table: TrainingTable) -> dict[str, FloatArray]:
    """Return a score for each row of the table by each rule; own r.m.s. only where a 24 h r.m.s. is among the features.

    NaN in a feature scores 0.
    """
    first = np.full(len(table.run_ids), np.inf)
    np.minimum.at(first, table.runs, table.hours)
    age = table.hours - first[table.runs]
    scores = {CONSTANT: np.zeros(len(age)), AGE_ALONE: age}
    columns = [
        column
        for column, name in enumerate(table.names)
        if (parts := parse_feature_name(name)) and not parts.is_drift
        if parts.statistic == "rms" and parts.seconds == _DAY_SECONDS
    ]
    if columns:
        values = table.matrix[:, columns].astype(np.float64)
        ratios = np.zeros_like(values)
        bounds = np.append(np.flatnonzero(np.append(True, np.diff(table.runs) != 0)), len(table.runs))
        for begin, end in pairwise(bounds.tolist()):
            own = values[begin:end]
            own_first = own[age[begin:end] < _FIRST_WEEK_HOURS]
            usual = np.array([_median(column) for column in own_first.T])
            np.divide(own, usual, out=ratios[begin:end], where=usual > 0)
        scores[OWN_RMS] = np.nan_to_num(ratios).max(axis=1)
    return scores


def shares_better(
    probability: FloatArray, rules: Mapping[str, FloatArray], fails: FloatArray, weights: Iterator[FloatArray]
) -> dict[str, float]:
    """Return for each rule the share of resamples in which the probability's PR-AUC is higher.

    weights: one set of weights of the rows a resample, as `resample_runs` yields them.
    """
    model, rankings = Ranking(probability), {name: Ranking(score) for name, score in rules.items()}
    wins = dict.fromkeys(rules, 0)
    resamples = 0
    for weight in weights:
        reached = model.average_precision(fails, weight)
        resamples += 1
        for name, ranking in rankings.items():
            wins[name] += reached > ranking.average_precision(fails, weight)
    return {name: count / max(resamples, 1) for name, count in wins.items()}


def unbeaten(shares: Mapping[str, float | None]) -> list[str]:
    """Return the rules that a model does not surely beat, given its shares of resamples."""
    return [name for name in RULES if (share := shares.get(name)) is not None and share < CONFIDENCE]


def unbeaten_rules(metrics: Mapping[str, float | None]) -> list[str]:
    """Return the rules that the metrics of a model's training say it does not surely beat."""
    return unbeaten({name: metrics.get(f"{BETTER}{name}") for name in RULES})


def why_unforeseeable(rules: Sequence[str]) -> str:
    """Why a model that does not surely beat these rules deserves no trust, in words; empty without any."""
    named = " or ".join(RULES[name] for name in rules)
    if not rules:
        return ""
    if list(rules) == [OWN_RMS]:
        return f"it does not surely rank hours better than {named}: a limit on that does as well"
    return f"failures are not foreseeable with these sensors: it does not surely rank hours better than {named}"


def _median(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else np.nan
