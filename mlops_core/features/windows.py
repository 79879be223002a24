"""Durations, and the grid of hops that windows end on.

A window is half open, `[window_end - length, window_end)`, in UTC. Window ends lie on the grid of whole hops counted
from 1970-01-01T00:00Z, so the grid depends on the hop alone and never on when data began.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlops_core.errors import InvalidArgumentError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d+[wdhms])+")
_PART = re.compile(r"(\d+)([wdhms])")


class DurationError(InvalidArgumentError):
    """A duration that cannot be read, or is not positive."""

    def __init__(self, duration: object) -> None:
        super().__init__(
            "duration",
            duration,
            "is not a positive duration",
            "Give a timedelta, or whole numbers with units w, d, h, m (minutes) or s, such as '30m', '6h' or '1d12h'",
        )


class WindowError(InvalidArgumentError):
    """Window lengths and hop that do not fit each other."""


class NaiveTimeError(InvalidArgumentError):
    """A time without an offset, which could mean any hour of the day."""

    def __init__(self, at: datetime) -> None:
        super().__init__("time", at.isoformat(), "has no time zone", "Make it aware: at.replace(tzinfo=UTC)")


def parse_duration(duration: timedelta | str) -> timedelta:
    """The timedelta of a duration such as '30m', '6h', '1d' or '1d12h'.

    Raises:
        DurationError: it cannot be read, or is zero or negative.

    """
    if isinstance(duration, str):
        if not _DURATION.fullmatch(duration):
            raise DurationError(duration)
        parts: dict[str, int] = {}
        for number, unit in _PART.findall(duration):
            parts[_UNITS[unit]] = parts.get(_UNITS[unit], 0) + int(number)
        parsed = timedelta(**parts)
    else:
        parsed = duration
    if parsed <= timedelta(0):
        raise DurationError(duration)
    return parsed


def length_name(length: timedelta | str) -> str:
    """What a feature's name says of its window length: whole hours as '6h', otherwise minutes as '90m'.

    Raises:
        WindowError: the length is not a whole number of minutes.

    """
    parsed = parse_duration(length)
    minutes, rest = divmod(parsed, timedelta(minutes=1))
    if rest:
        raise WindowError("length", str(parsed), "is not a whole number of minutes", "Choose whole minutes")
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


@dataclass(frozen=True)
class Windows:
    """Window lengths over one hop, checked: every length is a whole number of hops and has a name of its own."""

    lengths: tuple[timedelta, ...]
    hop: timedelta

    @classmethod
    def of(cls, lengths: Sequence[timedelta | str], hop: timedelta | str) -> "Windows":
        """Windows from durations in either form.

        Raises:
            DurationError: a duration cannot be read or is not positive.
            WindowError: there is no length, two lengths are equal, or a length is not a multiple of the hop.

        """
        windows = cls(tuple(parse_duration(length) for length in lengths), parse_duration(hop))
        if not windows.lengths:
            raise WindowError("lengths", (), "holds no window length", "Give at least one, such as lengths=('1h',)")
        if len(set(windows.names)) < len(windows.names):
            raise WindowError("lengths", windows.names, "repeats a length", "Give each length once")
        for length, name in zip(windows.lengths, windows.names, strict=True):
            if length % windows.hop:
                raise WindowError(
                    "lengths",
                    name,
                    f"is not a multiple of the hop {windows.hop}",
                    "Choose a hop that divides every length, or lengths that are multiples of the hop",
                )
        return windows

    @property
    def names(self) -> tuple[str, ...]:
        """The suffix of each length in feature names, in the order of the lengths."""
        return tuple(length_name(length) for length in self.lengths)

    @property
    def hops(self) -> tuple[int, ...]:
        """Each length counted in hops."""
        return tuple(length // self.hop for length in self.lengths)

    @property
    def longest(self) -> timedelta:
        """The longest length: how far back a feature row looks."""
        return max(self.lengths)


def hop_index(at: datetime, hop: timedelta) -> int:
    """The number of whole hops from the epoch to `at`: the index of the bucket that `at` lies in.

    Raises:
        NaiveTimeError: `at` has no time zone.

    """
    if at.tzinfo is None:
        raise NaiveTimeError(at)
    return (at - EPOCH) // hop


def bucket_start(at: datetime, hop: timedelta | str) -> datetime:
    """The start of the hop-wide bucket that `at` lies in; an edge belongs to the bucket that begins there."""
    width = parse_duration(hop)
    return EPOCH + hop_index(at, width) * width


def first_window_end(at: datetime, hop: timedelta | str) -> datetime:
    """The earliest window end whose window can hold a reading made at `at`: the first grid point after it."""
    return bucket_start(at, hop) + parse_duration(hop)
