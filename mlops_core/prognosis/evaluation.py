"""Judge a model on runs that it has not learned from, in figures that decide something.

evaluation = evaluate(bundle, later_rows)              # after split_by_time, or of other machines
evaluation = evaluate(bundle, rows, truth=history.truth)   # on simulated machines, against an oracle
"""

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from mlops_core.prognosis.alarm_budget import judge_plan
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.calibration import FloatArray, weighted_quantiles
from mlops_core.prognosis.holdout import judge_rows
from mlops_core.prognosis.metrics import (
    Ranking,
    alarm_leads,
    alarm_threshold,
    average_precision,
    brier_score,
    expected_calibration_error,
    resample_runs,
)
from mlops_core.prognosis.simple_rules import AGE_ALONE, CONSTANT, OWN_RMS, shares_better
from mlops_core.text import html_table


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model on held-out runs. Hours are hours, all else is a share in [0, 1]; None: not defined.

    Attributes:
        model_version: of the bundle.
        rows, runs, failures: rows with a known answer, their runs, and how many of these fail within the horizon.
        base_rate: share of rows that do: the PR-AUC of a guess.
        pr_auc, pr_auc_low, pr_auc_high: area under the precision-recall curve; 95 % interval by resampling runs.
        alarm_precision: the share of alarm hours that must be true.
        alarm_threshold: the lowest probability that reaches it on these rows.
        event_recall: share of failures with a true alarm at that threshold.
        lead_time_median_hours, lead_time_p10_hours: from the first true alarm to the failure, of those that had one.
        own_alarm_precision, own_event_recall: the same at the threshold that the model brought along.
        brier, expected_calibration_error: of the probability.
        rul_coverage: share of rows, of runs seen to fail, whose remaining life lies within P10 and P90; meant: 0.8.
        rul_mean_absolute_error_hours: of P50.
        rul_root_mean_square_error_hours, rul_constant_error_hours: of the mean remaining life, and of the best constant
            on these rows.
        rul_nasa_score: mean score of the mean remaining life (Saxena et al., PHM 2008), an hour counting as a cycle.
        age_pr_auc, own_rms_pr_auc: what the hours in service alone reach, and a channel's 24 h r.m.s. against its own
            first week; None where the features hold no 24 h r.m.s.
        better_than_age, better_than_own_rms: share of resamples of the runs in which the model's PR-AUC is higher.
        episodes_announced, episodes_announced_low, episodes_announced_high: by the model's own alarm plan, share of
            failures announced within its actionable hours, and 80 % of its resamples by run; None where it alarms not.
        false_episodes, false_episodes_low, false_episodes_high: a machine-month, likewise.
        episode_lead_median_hours, episode_lead_p10_hours: from the announcement, at most a week ahead, to the failure.
        oracle_pr_auc: what ranking by the true health index reaches on the same rows; None without ground truth.

    """

    model_version: str
    rows: int
    runs: int
    failures: int
    base_rate: float
    pr_auc: float
    pr_auc_low: float
    pr_auc_high: float
    alarm_precision: float
    alarm_threshold: float | None
    event_recall: float
    lead_time_median_hours: float | None
    lead_time_p10_hours: float | None
    own_alarm_precision: float | None
    own_event_recall: float | None
    brier: float
    expected_calibration_error: float
    rul_coverage: float | None
    rul_mean_absolute_error_hours: float | None
    rul_root_mean_square_error_hours: float | None
    rul_constant_error_hours: float | None
    rul_nasa_score: float | None
    age_pr_auc: float
    own_rms_pr_auc: float | None
    better_than_age: float
    better_than_own_rms: float | None
    episodes_announced: float | None
    episodes_announced_low: float | None
    episodes_announced_high: float | None
    false_episodes: float | None
    false_episodes_low: float | None
    false_episodes_high: float | None
    episode_lead_median_hours: float | None
    episode_lead_p10_hours: float | None
    oracle_pr_auc: float | None

    def _repr_html_(self) -> str:
        figures = asdict(self)
        return html_table(f"Evaluation of model {figures.pop('model_version')}", figures)


def evaluate(
    bundle: ModelBundle,
    labelled: pl.DataFrame,
    *,
    truth: pl.DataFrame | None = None,
    seed: int = 0,
    resamples: int = 200,
    allow_training_runs: bool = False,
) -> Evaluation:
    """Return the figures of a model on labelled rows.

    Args:
        bundle: the model.
        labelled: rows as for training, labelled with the model's horizon, of runs that it has not learned from.
        truth: `SimulatedHistory.truth`, for the comparison with an oracle that sees the true health index.
        seed: of the resampling of runs.
        resamples: how many.
        allow_training_runs: judge even on runs that the model has learned from, to see how much it remembers.

    Returns:
        Ranking, calibration, alarms, lead times and remaining life, with 95 % intervals by resampling runs, beside what
        simple rules reach on the same rows.

    Raises:
        HeldOutRunsError: the model has learned from some of these runs.
        UnjudgeableError: no row with a known answer, or none that fails.
        FeatureMismatchError: the model takes other features.
        MissingColumnError, UntrainableError: a frame that is not labelled, or for another horizon.

    Example:
        >>> figures = mc.evaluate(model, labelled, allow_training_runs=True)
        >>> 0 < figures.pr_auc <= 1
        True

    """
    held = judge_rows(bundle, labelled, truth=truth, allow_training_runs=allow_training_runs)
    fails, probability, precision = held.fails, held.probability, bundle.calibration.alarm_precision
    ranking, drawn = Ranking(probability), list(resample_runs(fails, held.runs, seed=seed, resamples=resamples))
    low, high = np.quantile([ranking.average_precision(fails, weight) for weight in drawn], [0.025, 0.975]).tolist()
    rules = {name: score for name, score in held.rules.items() if name != CONSTANT}
    better = shares_better(probability, rules, fails, iter(drawn))
    episodes = judge_plan(held.predicted, bundle.alarm_plan, seed=seed)
    threshold = alarm_threshold(fails, probability, precision=precision)
    leads = alarm_leads(fails, probability, held.rul_hours, held.runs, threshold=threshold)
    own = bundle.calibration.alarm_threshold
    own_leads = alarm_leads(fails, probability, held.rul_hours, held.runs, threshold=own)
    own_alarms = fails[probability >= own] if own is not None else fails[:0]
    median, p10 = _lead_times(leads)
    return Evaluation(
        model_version=bundle.version,
        rows=len(fails),
        runs=len(np.unique(held.runs)),
        failures=len(leads),
        base_rate=float(fails.mean()),
        pr_auc=average_precision(fails, probability),
        pr_auc_low=low,
        pr_auc_high=high,
        alarm_precision=precision,
        alarm_threshold=threshold,
        event_recall=float((~np.isnan(leads)).mean()),
        lead_time_median_hours=median,
        lead_time_p10_hours=p10,
        own_alarm_precision=float(own_alarms.mean()) if len(own_alarms) else None,
        own_event_recall=float((~np.isnan(own_leads)).mean()) if own is not None else None,
        brier=brier_score(fails, probability),
        expected_calibration_error=expected_calibration_error(fails, probability),
        rul_coverage=None if held.life is None else held.life.coverage,
        rul_mean_absolute_error_hours=None if held.life is None else held.life.absolute_error_hours,
        rul_root_mean_square_error_hours=None if held.life is None else held.life.square_error_hours,
        rul_constant_error_hours=None if held.life is None else held.life.constant_hours,
        rul_nasa_score=None if held.life is None else held.life.nasa_score,
        age_pr_auc=average_precision(fails, rules[AGE_ALONE]),
        own_rms_pr_auc=average_precision(fails, rules[OWN_RMS]) if OWN_RMS in rules else None,
        better_than_age=better[AGE_ALONE],
        better_than_own_rms=better.get(OWN_RMS),
        episodes_announced=episodes.recall,
        episodes_announced_low=episodes.recall_low,
        episodes_announced_high=episodes.recall_high,
        false_episodes=episodes.false_episodes,
        false_episodes_low=episodes.false_low,
        false_episodes_high=episodes.false_high,
        episode_lead_median_hours=episodes.lead_median_hours,
        episode_lead_p10_hours=episodes.lead_p10_hours,
        oracle_pr_auc=None if held.health is None else average_precision(fails, 1.0 - held.health),
    )


def _lead_times(leads: FloatArray) -> tuple[float | None, float | None]:
    hours = leads[~np.isnan(leads)]
    if not len(hours):
        return None, None
    median, p10 = weighted_quantiles(hours, np.ones_like(hours), np.array([0.5, 0.1])).tolist()
    return median, p10
