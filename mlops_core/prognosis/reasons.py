"""Why a machine's failure probability is what it is: the strongest contributions, in words and numbers.

Features that say the same thing share their Shapley values at random, so they are added up by what they describe: the
level, trend, variation or drift of a channel. The one that adds most gives the number.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mlops_core.features import AGE, DRIFT, attribute_of, parse_event_column, parse_feature_name
from mlops_core.prognosis.schema import FeatureSchema

_LEVELS: Final = frozenset({"mean", "last", "max", "min", "rms"})
_HALF: Final = 0.5
_NOTHING: Final = 0.01  # a factor between 0.99 and 1.01 on the odds is no reason


@dataclass(frozen=True)
class Reason:
    """One contribution to the failure probability.

    Attributes:
        feature: the column that adds most within its group.
        value: its value; None where it has none.
        typical: its median in the training data.
        odds_factor: by what the whole group multiplies the odds of failure; above 1 towards failure.
        text: what, how much, against its own normal where that is known, and for how long; without any factor.

    """

    feature: str
    value: float | None
    typical: float | None
    odds_factor: float
    text: str


def strongest_reasons(
    schema: FeatureSchema, row: NDArray[np.float32], contributions: NDArray[np.float64], slope: float, *, most: int
) -> tuple[Reason, ...]:
    """Return up to `most` reasons, the strongest first.

    row: one row of the matrix; contributions: what each column adds to the raw log odds (one more entry, the mean, may
    follow); slope: of the calibration, by which raw log odds count.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for index, name in enumerate(schema.names):
        groups.setdefault(_group(name), []).append(index)
    totals = sorted(
        ((float(contributions[columns].sum()) * slope, columns) for columns in groups.values()),
        key=lambda total: (-abs(total[0]), total[1]),
    )
    return tuple(
        _reason(
            schema, row, max(columns, key=lambda column: math.copysign(1.0, effect) * contributions[column]), effect
        )
        for effect, columns in totals[:most]
        if abs(effect) >= _NOTHING
    )


def _group(name: str) -> tuple[str, str]:
    parts = parse_feature_name(name)
    if parts is None:
        event = parse_event_column(name)
        return (name, "") if event is None else (event.name, "event")
    return parts.channel, "drift" if parts.is_drift else parts.row.aspect


def _reason(schema: FeatureSchema, row: NDArray[np.float32], column: int, effect: float) -> Reason:
    name, typical = schema.names[column], schema.typical[column]
    value = None if np.isnan(row[column]) else float(row[column])
    factor = math.exp(max(-50.0, min(50.0, effect)))
    unit, own = _unit(schema, name), _own_normal(schema, row, column)
    words = phrase(name, is_share=name in schema.shares)
    usual = f"usually {_amount(typical, unit)}" if own is None else f"normal for this machine is {_amount(own, unit)}"
    text = f"{words} is {_amount(value, unit)}, {usual}{_lasting(schema, row, column, own)}"
    return Reason(name, value, typical, factor, text)


def _own_normal(schema: FeatureSchema, row: NDArray[np.float32], column: int) -> float | None:
    """The level at which the machine began, of a feature that is a level; None without a drift feature."""
    parts = parse_feature_name(schema.names[column])
    if parts is None or parts.is_drift or parts.statistic not in _LEVELS:
        return None
    for name in schema.names:
        drift = parse_feature_name(name)
        level = name.removesuffix(DRIFT)
        if drift and drift.is_drift and drift.channel == parts.channel and level in schema.names:
            began = float(row[schema.names.index(level)]) - float(row[schema.names.index(name)])
            return None if math.isnan(began) else began
    return None


def _lasting(schema: FeatureSchema, row: NDArray[np.float32], column: int, own: float | None) -> str:
    """How long a level has been away from normal at least: half of the longest window that shows half of it."""
    parts = parse_feature_name(schema.names[column])
    if own is None or parts is None:
        return ""
    away = float(row[column]) - own
    longest = max(
        (
            other.seconds
            for index, name in enumerate(schema.names)
            if (other := parse_feature_name(name)) and not other.is_drift
            if (other.channel, other.statistic) == (parts.channel, parts.statistic)
            if away and (float(row[index]) - own) / away >= _HALF
        ),
        default=0,
    )
    hours = longest / 7200
    return f", for at least {hours:g} h" if hours >= 1 else ""


def phrase(name: str, *, is_share: bool = False) -> str:
    """Return a feature in words: `vibration r.m.s. over 6 h`; a name of another form is returned as it is.

    `is_share`: of a count that is a share of the expected readings.
    """
    parts = parse_feature_name(name)
    if parts is None:
        return _event_words(name) or ("time in service since the last repair" if name == AGE else name)
    what = "share of expected readings" if is_share else parts.row.words
    words = f"{parts.channel} {what} over {parts.length}"
    return f"{words}, against the machine's own beginning," if parts.is_drift else words


def _event_words(name: str) -> str:
    """A column of events or of an attribute in words: `number of error E1 within 24h`; empty of any other."""
    event = parse_event_column(name)
    if event is None:
        return (attribute_of(name) or "").replace("=", " ", 1)
    what = event.name.replace("/", " ", 1)
    return f"number of {what} within {event.length}" if event.length else f"time since the last {what}"


def _unit(schema: FeatureSchema, name: str) -> str:
    parts = parse_feature_name(name)
    unit = parts.row.unit if parts else "h" if name == AGE or _is_time_since(name) else ""
    if parts and "{unit}" in unit:
        unit = unit.format(unit=schema.units[parts.channel]) if parts.channel in schema.units else ""
    return unit and f" {unit}"


def _is_time_since(name: str) -> bool:
    event = parse_event_column(name)
    return event is not None and event.length is None


def _amount(value: float | None, unit: str = "") -> str:
    return "absent" if value is None else f"{value:.3g}{unit}"
