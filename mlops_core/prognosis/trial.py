"""The champion on trial: what was predicted against what then happened, beside what was promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.prognosis.alarm_budget import LEAST_ANNOUNCED, AlarmPlan, BudgetPoint, judge_plan
from mlops_core.prognosis.alarm_replay import HeldOutRuns
from mlops_core.prognosis.verdicts import found_failures, is_refuted, known_verdicts
from mlops_core.telemetry import MAINTENANCE, normalise_failures
from mlops_core.time import HOURS_PER_MONTH

_RESAMPLES = 200
_FOR_GOOD = 1e6  # hours


@dataclass(frozen=True)
class Trial:
    """What a model promised and what came of it; shares and rates with the middle 80 % of resamples of the runs.

    Attributes:
        machine_months, failures: what was seen.
        realised: failures announced, false episodes a machine-month and leads, by the model's own alarm plan; without
            figures where it has no threshold.
        promised: the same on held-out machines in its training; None of a model without a plan.
        stated, observed: the mean probability that was stated, and the share of hours within the horizon of a failure.
        observed_low, observed_high: of that share.
        broken: the promises that are surely not kept, in words.
        by_code: the failures by event code; a new way of failing stands out here.

    """

    machine_months: float
    failures: int
    realised: BudgetPoint
    promised: BudgetPoint | None
    stated: float | None
    observed: float | None
    observed_low: float | None
    observed_high: float | None
    broken: tuple[str, ...]
    by_code: tuple["CodeOnTrial", ...] = ()


@dataclass(frozen=True)
class CodeOnTrial:
    """How many failures of one event code there were, and the share that was announced."""

    event_code: str
    failures: int
    recall: float | None


def try_champion(
    predictions: pl.DataFrame,
    failures: pl.DataFrame,
    plan: AlarmPlan,
    *,
    horizon_hours: float,
    known_until: datetime,
    maintenance: pl.DataFrame | None = None,
    verdicts: pl.DataFrame | None = None,
    seed: int = 0,
) -> Trial:
    """Compare predictions with the failures that followed, and with the findings about alarms.

    A fault that was found counts as a failure, although the machine was repaired before it failed; where no fault was
    found, the hours of the episode did not fail, however short the time since.

    Args:
        predictions: `machine_id`, `window_end`, `failure_probability` of one model, as they were made.
        failures: `FAILURES` up to `known_until`.
        plan: how the model's predictions become alarms, with what was promised of them.
        horizon_hours: how far ahead the probability looks.
        known_until: what came later is not known: rows whose horizon reaches beyond it are no answer.
        maintenance: frame `MAINTENANCE`; a repair within an episode whose fault was found is where the run ended.
        verdicts: frame `VERDICTS`.
        seed: of the resampling of runs.

    """
    found = known_verdicts(verdicts, known_until)
    repairs = MAINTENANCE.to_frame() if maintenance is None else maintenance
    ends = found_failures(failures, repairs, found).join(
        normalise_failures(failures).select("machine_id", "event_timestamp", "event_code"),
        on=["machine_id", "event_timestamp"],
        how="left",
    )
    rows = _with_outcomes(predictions, ends, known_until)
    rows = rows.with_columns(
        seen_hours=pl.when(is_refuted(rows, found)).then(pl.lit(_FOR_GOOD)).otherwise("seen_hours")
    )
    runs = _runs(rows)
    realised = judge_plan(runs, plan, seed=seed)
    promised = next((point for point in plan.curve if point.budget == plan.budget), None)
    stated, observed, low, high = _calibration(runs, horizon_hours, seed)
    by_code = {
        str(code): judge_plan(_runs(own), plan, seed=seed)
        for (code,), own in rows.filter(pl.col("event_code").is_not_null()).group_by("event_code", maintain_order=True)
    }
    counts = dict(rows.group_by("event_code").agg(pl.col("run").n_unique()).rows())
    per_code = tuple(CodeOnTrial(code, counts[code], each.recall) for code, each in sorted(by_code.items()))
    return Trial(
        machine_months=len(runs.hours) * max(runs.interval_hours, plan.scored_every_hours) / HOURS_PER_MONTH,
        failures=int(runs.failed.sum()),
        realised=realised,
        promised=promised,
        stated=stated,
        observed=observed,
        observed_low=low,
        observed_high=high,
        broken=(*_broken(realised, promised, int(runs.failed.sum())), *_missed_codes(by_code, counts, promised)),
        by_code=per_code,
    )


def _runs(rows: pl.DataFrame) -> HeldOutRuns:
    return HeldOutRuns(
        machines=_positions(rows["machine_id"]),
        runs=_positions(rows["run"]),
        hours=rows["hours"].to_numpy(),
        probability=rows["failure_probability"].to_numpy(),
        rul_hours=rows["rul_hours"].fill_null(np.nan).to_numpy(),
        seen_hours=rows["seen_hours"].to_numpy(),
    )


def _with_outcomes(predictions: pl.DataFrame, failures: pl.DataFrame, known_until: datetime) -> pl.DataFrame:
    """Each prediction with the hours to the next failure of its machine, if one followed, and its run."""
    ends = failures.select("machine_id", "event_code", failed_at="event_timestamp").filter(
        pl.col("failed_at") <= known_until
    )
    ordered = predictions.unique(["machine_id", "window_end"], keep="last").sort("window_end")
    joined = ordered.join_asof(
        ends.sort("failed_at"),
        left_on="window_end",
        right_on="failed_at",
        by="machine_id",
        strategy="forward",
        check_sortedness=False,
    )
    hours = (pl.col("window_end") - pl.lit(known_until)).dt.total_seconds() / 3600
    return joined.sort("machine_id", "window_end").with_columns(
        run=pl.struct("machine_id", "failed_at").rle_id(),
        hours=hours,
        seen_hours=-hours,
        rul_hours=(pl.col("failed_at") - pl.col("window_end")).dt.total_seconds() / 3600,
    )


def _positions(column: pl.Series) -> NDArray[np.int64]:
    return column.rle_id().cast(pl.Int64).to_numpy()


def _calibration(
    runs: HeldOutRuns, horizon_hours: float, seed: int
) -> tuple[float | None, float | None, float | None, float | None]:
    """Mean stated probability, share of hours that failed within the horizon, and its interval by runs."""
    fails = np.nan_to_num(runs.rul_hours, nan=np.inf) <= horizon_hours
    answered = fails | (runs.seen_hours >= horizon_hours)
    if not answered.any():
        return None, None, None, None
    names, index = np.unique(runs.runs[answered], return_inverse=True)
    rows, failing = np.bincount(index), np.bincount(index, weights=fails[answered])
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(len(names), size=(_RESAMPLES, len(names)))
    low, high = np.quantile(failing[drawn].sum(axis=1) / rows[drawn].sum(axis=1), [0.1, 0.9]).tolist()
    return float(runs.probability[answered].mean()), float(fails[answered].mean()), low, high


def _broken(realised: BudgetPoint, promised: BudgetPoint | None, failures: int) -> list[str]:
    """Promises that even the favourable end of the interval does not reach."""
    if promised is None or realised.recall is None or realised.recall_high is None or promised.recall_low is None:
        return []
    broken: list[str] = []
    if failures and realised.recall_high < promised.recall_low:
        broken.append(
            f"it announced {realised.recall:.0%} of failures (at most {realised.recall_high:.0%}),"
            f" and promised at least {promised.recall_low:.0%}"
        )
    low, high = realised.false_low, promised.false_high
    if low is not None and high is not None and low > high:
        broken.append(
            f"it raised {realised.false_episodes:.2f} false episodes a machine-month (at least"
            f" {low:.2f}), and promised at most {high:.2f}"
        )
    return broken


def _missed_codes(
    by_code: Mapping[str, BudgetPoint], counts: Mapping[str, int], promised: BudgetPoint | None
) -> list[str]:
    """Ways of failing of which surely fewer are announced than was promised of all."""
    if promised is None or promised.recall_low is None:
        return []
    return [
        f"of {counts[code]} failures {code} it announced {point.recall:.0%}: a way of failing that it does not know?"
        for code, point in sorted(by_code.items())
        if point.recall is not None and point.recall_high is not None
        if counts[code] >= LEAST_ANNOUNCED and point.recall_high < promised.recall_low
    ]
