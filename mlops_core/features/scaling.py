"""Window statistics of normalised readings, from those of the readings: what a scaling of the values does to each."""

import math
from collections.abc import Mapping
from typing import Final

from mlops_core.features.names import FeatureName, parse_feature_name

NORMALISED: Final = "_normalised"
"""Ends the name of a channel whose readings were normalised, as in `vibration_normalised_mean_6h`: a feature of raw
readings cannot be taken for one of normalised readings."""

Row = Mapping[str, float | None]


def normalised_row(features: Row, scales: Mapping[str, tuple[float | None, float | None]]) -> Row:
    """Return a row of features with those of `(value - mean) / deviation` added, by channel.

    Args:
        features: by column name; what is absent is null.
        scales: mean and deviation of each channel that was learned; None where there were no readings to learn from.

    """
    added: dict[str, float | None] = {}
    for name, value in features.items():
        parts = parse_feature_name(name)
        if parts is None or parts.channel not in scales:
            continue
        mean, deviation = scales[parts.channel]
        renamed = name.replace(parts.channel, f"{parts.channel}{NORMALISED}", 1)
        if mean is None or deviation is None:
            added[renamed] = 0 if parts.statistic == "count" else None
        else:
            added[renamed] = None if value is None else _scaled(features, parts, value, mean, deviation)
    return {**features, **added}


def _scaled(features: Row, parts: FeatureName, value: float, mean: float, deviation: float) -> float | None:
    shift = 0.0 if parts.is_drift else mean  # of two levels that are subtracted, both are shifted
    match parts.row.scaling:
        case "none":
            return value
        case "scale":
            return value / deviation
        case "location":
            return (value - shift) / deviation
        case "mixed":
            return _mixed(features, parts, mean, deviation)


def _mixed(features: Row, parts: FeatureName, mean: float, deviation: float) -> float | None:
    """Root mean square and crest factor, which depend on level and spread."""
    count, level, least, greatest = (
        features.get(f"{parts.channel}_{name}_{parts.length_name}") for name in ("count", "mean", "min", "max")
    )
    if parts.is_drift or not count or level is None or least is None or greatest is None:
        return None
    spread = features.get(f"{parts.channel}_std_{parts.length_name}") or 0.0  # null where there is one reading
    rms = math.hypot((level - mean) / deviation, spread / deviation * math.sqrt((count - 1) / count))
    if parts.statistic == "rms":
        return rms
    return max(abs(least - mean), abs(greatest - mean)) / deviation / rms if rms > 0 else None
