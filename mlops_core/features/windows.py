"""Hopping windows: lengths, hop, and the grid that windows end on.

A window is half open, `[window_end - length, window_end)`, in UTC. Window ends lie on the grid of whole hops counted
from 1970-01-01T00:00Z, so the grid depends on the hop alone and never on when data began.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_core.errors import WindowError
from mlops_core.time import EPOCH, MICROSECOND, microseconds, parse_duration

HOPS_OF_A_WINDOW = 1_000_000  # 114 years of hours, 12 days of seconds; each row looks back on them in memory


def length_name(length: timedelta | str) -> str:
    """What a feature's name says of its window length: whole hours as '6h', otherwise minutes as '90m', or seconds.

    Raises:
        WindowError: the length is not a whole number of seconds.

    """
    parsed = parse_duration(length)
    seconds, rest = divmod(parsed, timedelta(seconds=1))
    if rest:
        raise WindowError("length", str(parsed), "is not a whole number of seconds", "Choose whole seconds")
    return f"{seconds}s" if seconds % 60 else f"{seconds // 60}m" if seconds % 3600 else f"{seconds // 3600}h"


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
            WindowError: there is no length, two lengths are equal, or a length is not a multiple of the hop, or is more
                than a million of them.

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
            if (hops := length // windows.hop) > HOPS_OF_A_WINDOW:
                raise WindowError(
                    "lengths", name, f"is {hops:,} hops of {windows.hop}", "Choose a longer hop, or a shorter length"
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
    return microseconds(at) // (hop // MICROSECOND)


def bucket_start(at: datetime, hop: timedelta | str) -> datetime:
    """The start of the hop-wide bucket that `at` lies in; an edge belongs to the bucket that begins there."""
    width = parse_duration(hop)
    return EPOCH + hop_index(at, width) * width


def first_window_end(at: datetime, hop: timedelta | str) -> datetime:
    """The earliest window end whose window can hold a reading made at `at`: the first grid point after it."""
    return bucket_start(at, hop) + parse_duration(hop)
