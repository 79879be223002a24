"""A prediction in words: nothing unusual, or two or three physical statements and where to look first."""

from typing import Final

from mlops_core.features import parse_feature_name
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.prediction import Prediction

NOTHING_UNUSUAL: Final = "nothing unusual"

_MOST: Final = 3
_TIMES_BASE_RATE: Final = 2.0
_FIRST_LOOK: Final = {
    "vibration": "bearings, balance, alignment and loose mountings",
    "acceleration": "bearings, balance, alignment and loose mountings",
    "temperature": "cooling, lubrication and load",
    "pressure": "leaks, valves and filters",
    "current": "the winding, the supply and the load",
    "flow": "blockages, valves and the impeller",
    "oil": "the lubricant and its filter",
}
"""What to look at first, by a word in the name of the channel that speaks loudest for a failure."""
_FIRST_LOOK_OF_MODE: Final = {
    "bearing": "bearings and their lubrication",
    "balance": "balance: deposits, lost weights and loose mountings",
    "align": "the coupling and the alignment",
    "heat": "cooling, lubrication and load",
    "lubri": "the lubricant and its filter",
    "leak": "seals and joints",
    "winding": "the winding and the supply",
}
"""What to look at first, by a word in the event code of the failures that a machine is most like."""


def risk_of(bundle: ModelBundle) -> float:
    """Return the probability below which no statement is made: the alarm threshold, or twice the base rate."""
    threshold = bundle.alarm_plan.watch
    return threshold if threshold is not None else _TIMES_BASE_RATE * (bundle.metrics.get("base_rate") or 0.0)


def statements(prediction: Prediction, *, risk: float) -> tuple[str, ...]:
    """Return what speaks for a failure, the strongest first, or that nothing is unusual where the risk is lower.

    What speaks against a failure is no statement, and neither is a factor on the odds: both are in `reasons`.
    """
    if prediction.failure_probability < risk:
        return (NOTHING_UNUSUAL,)
    rising = [reason for reason in prediction.reasons if reason.odds_factor > 1.0][:_MOST]
    if not rising:
        return ("its readings taken together, none of them by itself",)
    mode = prediction.failure_mode
    look = first_look(rising[0].feature, mode)
    likely = [f"most like the failures of {mode}"] if mode else []
    return (*(reason.text for reason in rising), *likely, *([f"look first at {look}"] if look else []))


def first_look(feature: str, mode: str | None = None) -> str:
    """Return what to look at first; empty where nothing is known.

    feature: what speaks loudest for a failure. mode: the event code of the failures that it is most like, which goes
    before the feature's channel.
    """
    of_mode = next((look for word, look in _FIRST_LOOK_OF_MODE.items() if mode and word in mode.lower()), "")
    if of_mode:
        return of_mode
    parts = parse_feature_name(feature)
    channel = "" if parts is None else parts.channel.lower()
    return next((look for word, look in _FIRST_LOOK.items() if word in channel), "")
