"""The model card: what a model predicts, from what, how sure it is and when not to trust it, for maintenance engineers.

Source of the form: Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from collections.abc import Mapping

from mlops_core.prognosis.alarm_budget import CHANCE, AlarmPlan, BudgetPoint
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.reasons import phrase
from mlops_core.prognosis.schema import FeatureSchema
from mlops_core.prognosis.simple_rules import unbeaten_rules

_MOST_FEATURES = 8


def render_model_card(bundle: ModelBundle) -> str:
    """Return the card of a model as Markdown."""
    manifest, calibration = bundle.manifest, bundle.calibration
    horizon = f"{manifest.horizon_hours:g} h"
    predicts = (
        f"For each machine, from its latest windows of readings: the probability that it fails within {horizon}; the "
        "hours that it has left (P10: nine of ten machines in this state last longer; P50: half do; P90: one in ten "
        "does); a health index (P50 as a share of a typical life of "
        f"{calibration.typical_life_hours:.0f} h, at most 1); and what speaks for it, in words."
    )
    judged = "Each machine was judged by a model that had learned from the other machines only."
    sections = [
        f"# Model {bundle.version}",
        f"## What it predicts\n{predicts}",
        f"## What it learned from\n{_origin(bundle)}",
        f"## What it looks at most\n{_features(bundle.schema)}",
        f"## How sure it is\n{judged}\n\n{_figures(bundle.metrics, horizon)}",
        f"{_alarm(bundle)}{_life(bundle)}{_modes(bundle)}",
        f"## When not to trust it\n{_limits(bundle)}",
        f"## How its features are computed\n{_features_recipe(bundle)}",
        f"## To make it again\n{_recipe(bundle)}",
    ]
    return "\n\n".join(sections) + "\n"


def _origin(bundle: ModelBundle) -> str:
    manifest = bundle.manifest
    return (
        f"{manifest.failures} failures of {len(manifest.machines)} machines in {len(manifest.runs)} runs, "
        f"{manifest.rows} feature rows from {manifest.trained_from[:16]} to {manifest.trained_through[:16]} UTC, "
        f"{manifest.failing_rows} of them within {manifest.horizon_hours:g} h of a failure. "
        "Runs that had not failed yet are counted as having lasted at least as long as they were seen."
    )


def _features(schema: FeatureSchema) -> str:
    ranked = sorted(zip(schema.importance, schema.names, strict=True), key=lambda item: (-item[0], item[1]))
    lines = [
        f"| {phrase(name, is_share=name in schema.shares)} | {share:.0%} |"
        for share, name in ranked[:_MOST_FEATURES]
        if share > 0
    ]
    return "\n".join([f"The strongest of {len(ranked)} features:\n", "| feature | share |", "| --- | --- |", *lines])


def _figures(metrics: Mapping[str, float | None], horizon: str) -> str:
    meanings = {
        "base_rate": f"share of hours within {horizon} of a failure: what a guess would reach",
        "pr_auc": "area under the precision-recall curve: 1 is perfect, the share above is a guess",
        "roc_auc": "how often an hour before a failure is ranked above another: 0.5 is a guess",
        "brier": "mean squared error of the probability: 0 is perfect",
        "expected_calibration_error": "how far a stated probability is from the observed frequency, on average",
        "alarm_precision": "share of hours at or above the alarm threshold that were within it",
        "age_pr_auc": "what the hours in service alone reach",
        "own_rms_pr_auc": "what a channel's 24 h r.m.s. against its own first week alone reaches",
        "better_than_constant": "share of resamples of the runs in which it ranks better than a constant; 0.9 is sure",
        "better_than_age": "the same, against the hours in service alone",
        "better_than_own_rms": "the same, against the 24 h r.m.s. alone",
        "permuted_roc_auc": "the same training on shuffled labels: about 0.5, or the test itself would be wrong",
        "rul_mean_absolute_error_hours": "mean error of the P50 of the remaining life, in hours",
        "rul_root_mean_square_error_hours": "root mean square error of the mean of the remaining life, in hours",
        "rul_constant_error_hours": "the same of the best constant: what telling every machine the same would reach",
    }
    lines = [
        f"| {name} | {'not defined' if value is None else f'{value:.3g}'} | {meanings[name]} |"
        for name, value in metrics.items()
    ]
    return "\n".join(["| figure | value | meaning |", "| --- | --- | --- |", *lines])


def _alarm(bundle: ModelBundle) -> str:
    plan = bundle.alarm_plan
    if plan.watch is None or plan.act is None:
        why = f": {plan.withheld}" if plan.withheld else ""
        advice = (
            "Go by the limits and by what is unusual for each machine, and train again with other sensors or features."
            if unbeaten_rules(bundle.metrics)
            else "Go by the order of the machines, their hours and the reasons, and train again once more failures are"
            " on record."
        )
        return "\n\n".join([f"**It raises no alarm**{why}. {advice}", *([_curve(plan)] if plan.curve else [])])
    if bundle.alarms is None:
        return f"Alarm from a probability of {plan.act:.2f} on."
    return (
        f"An episode opens as WATCH with the third prediction in a row from {plan.watch:.2f} on, is ACT from"
        f" {plan.act:.2f} on, and ends with the third in a row below half of {plan.watch:.2f}. It is right if the"
        f" machine fails within {plan.actionable_hours:g} h, and false again for each further"
        f" {plan.actionable_hours:g} h that it stays open without a failure. Replayed on {plan.machine_months:.1f}"
        f" held-out machine-months with {plan.failures} failures, one prediction every {plan.scored_every_hours:g} h;"
        f" intervals are the middle 80 % of resamples of the runs:\n\n{_curve(plan)}\n\n"
        f"The threshold is that of {plan.budget:g} false episodes a machine-month. Features that know nothing are given"
        f" one in at most {CHANCE:.0%} of fleets."
    )


def _life(bundle: ModelBundle) -> str:
    reached = bundle.metrics.get("rul_root_mean_square_error_hours")
    constant = bundle.metrics.get("rul_constant_error_hours")
    if reached is None or constant is None or reached < constant:
        return ""
    return (
        f"\n\n**Its remaining life is worse than a constant**: {reached:.0f} h root mean square error, where the same"
        f" number of hours for every machine gives {constant:.0f} h. Do not plan by it."
    )


def _modes(bundle: ModelBundle) -> str:
    modes = bundle.modes
    if modes is None:
        return ""
    return (
        f"\n\nShould a machine fail, it names the likeliest way: {', '.join(modes.names)}. Of {modes.failures} failures"
        f" of machines that it had not seen it named {modes.right:.0%} rightly; always naming the most frequent would"
        f" have been right of {modes.majority_right:.0%}."
    )


def _curve(plan: AlarmPlan) -> str:
    header = (
        "| false episodes a machine-month, at most | came to | threshold | failures announced | lead, median (P10) |"
    )
    rows = [
        f"| {point.budget:g} | no threshold keeps within it | | | |"
        if point.threshold is None
        else (
            f"| {point.budget:g} | {point.false_episodes:.2f}{_interval(point)} | {point.threshold:.2f} |"
            f" {point.recall:.0%} ({point.recall_low:.0%} to {point.recall_high:.0%}) |"
            f" {_hours(point.lead_median_hours)} ({_hours(point.lead_p10_hours)}) |"
        )
        for point in plan.curve
    ]
    return "\n".join([header, "| --- | --- | --- | --- | --- |", *rows])


def _interval(point: BudgetPoint) -> str:
    return "" if point.false_low is None else f" ({point.false_low:.2f} to {point.false_high:.2f})"


def _hours(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} h"


def _limits(bundle: ModelBundle) -> str:
    limits = [
        "A kind of machine, mounting or duty that is not among those it learned from.",
        "A way of failing that never happened in its data, or that these sensors do not show.",
        "A prediction that lists unusual features: it is outside all that the model has seen.",
        "The first hours after a return to service, while long windows still hold readings from before the repair.",
        "Silence: a machine that stopped reporting is not a healthy one.",
        f"More than {bundle.manifest.horizon_hours:g} h ahead, the probability says nothing; read the hours instead.",
    ]
    if bundle.manifest.failures < 30:
        limits.insert(0, f"It has seen {bundle.manifest.failures} failures only: treat every figure as provisional.")
    if bundle.manifest.rul_ceiling_hours is not None:
        limits.append(f"Remaining lives beyond {bundle.manifest.rul_ceiling_hours:g} h are not distinguished.")
    return "\n".join(f"- {limit}" for limit in limits)


def _features_recipe(bundle: ModelBundle) -> str:
    recipe = bundle.recipe
    windows = f"Windows of {', '.join(recipe.lengths)}, every {recipe.hop}, of {', '.join(recipe.channels or ())}"
    lines = [f"{windows}: {', '.join(recipe.statistics)}."]
    if recipe.normaliser is not None:
        settings = ", ".join(recipe.normaliser.setting_channels)
        by_condition = f", each operating condition (by {settings}) by itself" if settings else ""
        lines.append(f"Readings are normalised first{by_condition}.")
    if recipe.drift:
        lines.append(f"Drift from the machine's first {recipe.drift_rows} values: {', '.join(recipe.drift)}.")
    if recipe.age:
        lines.append("Hours in service since the last return from a repair.")
    if recipe.unknown:
        lines.append(f"Made outside of the recipe, so no stack serves it: {', '.join(recipe.unknown)}.")
    return "\n".join(f"- {line}" for line in lines)


def _recipe(bundle: ModelBundle) -> str:
    manifest = bundle.manifest
    settings = ", ".join(f"{name} {value:g}" for name, value in sorted(manifest.settings.items()))
    return (
        f"Seed {manifest.seed}; {settings}; LightGBM {manifest.lightgbm}. Training data sha256 "
        f"`{manifest.data_sha256}`, feature schema sha256 `{bundle.schema.sha256}`. "
        f"Vibration zones: {bundle.calibration.zone_source}."
    )
