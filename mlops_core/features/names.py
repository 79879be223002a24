"""The names of features: `{channel}_{statistic}_{length}`, such as `vibration_mean_6h`."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from mlops_core.errors import InvalidArgumentError
from mlops_core.features.statistics import REGISTRY, Statistic

AGE: Final = "age_hours"
"""The hours in service since the last return from a repair."""
DRIFT: Final = "_drift"
"""Ends the name of a feature's distance from the machine's own beginning."""

EVENT_LENGTHS: Final = ("24h", "168h")
_EVENT: Final = "event/"
_EVENT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?:/[^\r\n]{1,100})?")
_EVENT_COLUMN: Final = re.compile(_EVENT + r"(?P<name>.+)_(?:in_(?P<length>\d+[hms])|hours_since)")
_ATTRIBUTE: Final = "machine/"
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}
_WORDS: Final = {"h": "h", "m": "min", "s": "s"}


@dataclass(frozen=True)
class FeatureName:
    """The parts of `{channel}_{statistic}_{length}`; with `_drift` after it, of its distance from its beginning."""

    channel: str
    statistic: str
    seconds: int
    is_drift: bool

    @property
    def length(self) -> str:
        """The window's length in words: `6 h`, `30 min`, `10 s`."""
        number, unit = _in_largest_unit(self.seconds)
        return f"{number} {_WORDS[unit]}"

    @property
    def length_name(self) -> str:
        """The window's length as in the name: `6h`, `30m`, `10s`."""
        number, unit = _in_largest_unit(self.seconds)
        return f"{number}{unit}"

    @property
    def row(self) -> Statistic:
        """What the statistic is."""
        return REGISTRY[self.statistic]


def parse_feature_name(name: str) -> FeatureName | None:
    """Return the parts of a feature's name, or None where it has another form."""
    return _parsed(name, tuple(REGISTRY))


@lru_cache(maxsize=10_000)  # to give the reasons of one prediction, each column's name is asked for many times
def _parsed(name: str, statistics: tuple[str, ...]) -> FeatureName | None:
    parts = _pattern(statistics).fullmatch(name)
    if parts is None:
        return None
    seconds = int(parts["number"]) * _SECONDS[parts["unit"]]
    return FeatureName(parts["channel"], parts["statistic"], seconds, is_drift=parts["drift"] is not None)


@dataclass(frozen=True)
class EventColumn:
    """The parts of `event/{name}_in_{length}` or `event/{name}_hours_since`, of which `length` is None."""

    name: str
    length: str | None


def check_event_names(names: Sequence[str]) -> None:
    """Raise InvalidArgumentError where one is neither a kind nor `kind/code`, or is named twice."""
    for name in names:
        if not _EVENT_NAME.fullmatch(name):
            raise InvalidArgumentError("events", name, "is neither a kind of events nor kind/code")
    if len(set(names)) < len(names):
        raise InvalidArgumentError("events", ", ".join(names), "names one twice")


def event_columns(name: str, lengths: Collection[str]) -> tuple[list[str], str]:
    """Return the columns of one name of events: its counts, one a length, and the hours since the last."""
    return [f"{_EVENT}{name}_in_{length}" for length in lengths], f"{_EVENT}{name}_hours_since"


def parse_event_column(name: str) -> EventColumn | None:
    """Return the parts of a column that `add_events` makes, or None where it is another's."""
    parts = _EVENT_COLUMN.fullmatch(name)
    return None if parts is None else EventColumn(parts["name"], parts["length"])


def attribute_column(name: str) -> str:
    """Return the column of an attribute of machines, a number (`age_years`) or a value (`class=pumps`)."""
    return f"{_ATTRIBUTE}{name}"


def attribute_of(column: str) -> str | None:
    """Return the attribute of a column that `add_attributes` makes, or None where it is another's."""
    return column.removeprefix(_ATTRIBUTE) if column.startswith(_ATTRIBUTE) else None


def _in_largest_unit(seconds: int) -> tuple[int, str]:
    return next((seconds // size, unit) for unit, size in _SECONDS.items() if seconds % size == 0)


@cache
def _pattern(statistics: Iterable[str]) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<channel>.+?)_(?P<statistic>{'|'.join(statistics)})_(?P<number>\d+)(?P<unit>[hms])(?P<drift>_drift)?"
    )
