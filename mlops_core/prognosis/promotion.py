"""Whether a challenger takes the champion's place: one rule, and its outcome in words.

A challenger is promoted when, on the same held-out runs,

1. it is better than a guess (the lower end of its PR-AUC's interval lies above the base rate), and, in at least 90 % of
   resamples of the runs, than the hours in service alone and than a channel's own 24 h r.m.s. alone (fewer than five
   failures cannot decide: the runs that were held out in its training decide then);
2. its PR-AUC is higher than the champion's in at least 90 % of resamples of the runs;
3. no metric that users rely on gets much worse: event recall at the alarm precision by more than 0.05, median lead time
   by more than a tenth, Brier score by more than a twentieth.

Without a champion, or with one that cannot be compared (it is damaged, reads other features, or looks ahead another
time), the first condition decides.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mlops_core.errors import FeatureMismatchError
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.evaluation import Evaluation, evaluate
from mlops_core.prognosis.holdout import judge_rows
from mlops_core.prognosis.metrics import resample_runs
from mlops_core.prognosis.simple_rules import (
    AGE_ALONE,
    LEAST_COMPARED,
    OWN_RMS,
    shares_better,
    unbeaten,
    unbeaten_rules,
    why_unforeseeable,
)

CONFIDENCE: Final = 0.9
RECALL_LOSS: Final = 0.05
LEAD_TIME_LOSS: Final = 0.1
BRIER_LOSS: Final = 0.05


@dataclass(frozen=True)
class Verdict:
    """Whether to promote the challenger, and why.

    Attributes:
        promote: the decision.
        reason: in words, with the figures that decided.
        challenger, champion: the evaluations; `champion` is None where there was none to compare with.
        probability_better: share of resamples of the runs in which the challenger's PR-AUC is higher; None likewise.

    """

    promote: bool
    reason: str
    challenger: Evaluation
    champion: Evaluation | None = None
    probability_better: float | None = None


def compare_models(
    challenger: ModelBundle,
    champion: ModelBundle | None,
    held_out: pl.DataFrame,
    *,
    refused: str | None = None,
    seed: int = 0,
    resamples: int = 400,
) -> Verdict:
    """Judge both models on the same labelled rows, of runs that neither has learned from.

    Args:
        challenger: the new model.
        champion: the model that serves; None where there is none.
        held_out: rows of `label_features`, with the models' horizon.
        refused: why there is a champion that cannot be given here: it is no model that may serve.
        seed: of the resampling of runs.
        resamples: how many.

    Returns:
        Whether the challenger is to be promoted, the reason in words, and the figures of both.

    Raises:
        HeldOutRunsError: one of them has learned from some of these runs.
        UnjudgeableError, FeatureMismatchError, MissingColumnError, UntrainableError: as `evaluate`, of the challenger.

    Example:
        >>> split = mc.split_by_time(labelled, at=datetime(2026, 2, 5, tzinfo=UTC))
        >>> verdict = mc.compare_models(mc.train(split.known, seed=7), None, split.later)  # few runs
        >>> verdict.promote, verdict.champion
        (False, None)

    """
    new = evaluate(challenger, held_out, seed=seed, resamples=resamples)
    if not new.pr_auc_low > new.base_rate:
        return Verdict(
            promote=False,
            reason="Rejected: the challenger is no better than a guess: failures are not foreseeable with these sensors"
            f" (PR-AUC {new.pr_auc:.3f}, at least {new.pr_auc_low:.3f}; a guess reaches {new.base_rate:.3f}).",
            challenger=new,
        )
    shares = {AGE_ALONE: new.better_than_age, OWN_RMS: new.better_than_own_rms}
    rules = unbeaten(shares) if new.failures >= LEAST_COMPARED else unbeaten_rules(challenger.metrics)
    if rules:
        return Verdict(
            promote=False,
            reason=f"Rejected: {why_unforeseeable(rules)} (PR-AUC {new.pr_auc:.3f} of {new.runs} runs).",
            challenger=new,
        )
    obstacle = f"the champion is refused ({refused})" if refused else _obstacle(challenger, champion, held_out)
    if champion is None or obstacle:
        return Verdict(
            promote=True,
            reason=f"Promoted: {obstacle}, and PR-AUC {new.pr_auc:.3f} is well above a guess ({new.base_rate:.3f}).",
            challenger=new,
        )
    old = evaluate(champion, held_out, seed=seed, resamples=resamples)
    better = _probability_better(challenger, champion, held_out, seed, resamples)
    objections = _objections(new, old, better)
    figures = (
        f"PR-AUC {new.pr_auc:.3f} against {old.pr_auc:.3f}, higher in {better:.0%} of resamples of {new.runs} runs"
    )
    reason = f"Rejected: {'; '.join(objections)} ({figures})." if objections else f"Promoted: {figures}."
    return Verdict(promote=not objections, reason=reason, challenger=new, champion=old, probability_better=better)


def _obstacle(challenger: ModelBundle, champion: ModelBundle | None, held_out: pl.DataFrame) -> str:
    """Why there is nothing to compare the challenger with; empty where there is."""
    if champion is None:
        return "there is no champion yet"
    if champion.manifest.horizon_hours != challenger.manifest.horizon_hours:
        return f"the champion looks {champion.manifest.horizon_hours:g} h ahead, which answers another question"
    try:
        champion.check_features(held_out.columns)
    except FeatureMismatchError as error:
        return f"the champion cannot read these features any more ({error.message})"
    return ""


def _probability_better(
    challenger: ModelBundle, champion: ModelBundle, held_out: pl.DataFrame, seed: int, resamples: int
) -> float:
    new, old = judge_rows(challenger, held_out), judge_rows(champion, held_out)
    _, mine, theirs = np.intersect1d(new.rows, old.rows, return_indices=True)
    fails = new.fails[mine]
    drawn = resample_runs(fails, new.runs[mine], seed=seed, resamples=resamples)
    return shares_better(new.probability[mine], {"champion": old.probability[theirs]}, fails, drawn)["champion"]


def _objections(new: Evaluation, old: Evaluation, better: float) -> list[str]:
    new_lead, old_lead = new.lead_time_median_hours or 0.0, old.lead_time_median_hours or 0.0
    objections = {
        f"it is not surely better (needs {CONFIDENCE:.0%} of resamples)": better < CONFIDENCE,
        f"it would miss more failures (event recall {new.event_recall:.2f}, was {old.event_recall:.2f})": (
            new.event_recall < old.event_recall - RECALL_LOSS
        ),
        f"it would warn later (median lead time {new_lead:.1f} h, was {old_lead:.1f} h)": (
            new_lead < old_lead * (1.0 - LEAD_TIME_LOSS)
        ),
        f"its probabilities are further off (Brier score {new.brier:.4f}, was {old.brier:.4f})": (
            new.brier > old.brier * (1.0 + BRIER_LOSS)
        ),
    }
    return [objection for objection, holds in objections.items() if holds]
