"""Which channels of which machines have fallen silent, by the windows of their newest features.

Silence is detected from what was not received: a window that holds nothing says that the last reading came before it
began. A channel that was seen once is watched until it has been silent for `FORGOTTEN_AFTER`: then its machine has
left the fleet. One that was never seen is not missed.

```
24h [.................................................)
                                   6h [...............)
                                                1h [..)   empty: the last reading came before this one began
                                                      | window_end
```
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mlops_core.condition.operating_state import is_silent
from mlops_core.features import RUNNING, is_off
from mlops_core.records import UtcInstant

FORGOTTEN_AFTER: Final = timedelta(days=30)

_HOUR: Final = timedelta(hours=1)
_LENGTHS = Sequence[timedelta]


class ChannelOfMachine(NamedTuple):
    """One sensor."""

    machine_id: str
    channel: str


class NewestWindows(NamedTuple):
    """A machine's newest features: those named `{channel}_count_{hours}h` are looked at."""

    machine_id: str
    window_end: datetime
    features: Mapping[str, float | None]


@dataclass(frozen=True)
class LastSeen:
    """A channel's last reading came before `not_after`, according to windows up to `until`."""

    not_after: UtcInstant
    until: UtcInstant
    is_silent: bool


def latest_possible(windows: NewestWindows, channel: str, lengths: _LENGTHS) -> datetime:
    """Return an upper bound of the time of a channel's last reading, at the resolution of its windows.

    Args:
        windows: a machine's newest feature row. Lengths that it does not have, since others were configured when it was
            computed, say nothing.
        channel: its name.
        lengths: of the feature windows, shortest first.

    """
    counts = _counts(windows, channel, lengths)
    return windows.window_end - (_longest_empty(counts) if counts else lengths[-1])


def update_last_seen(
    known: Mapping[ChannelOfMachine, LastSeen],
    fleet: Iterable[NewestWindows],
    *,
    at: datetime,
    silent_after: timedelta,
    lengths: _LENGTHS,
    channels: Sequence[str],
    muted: Collection[str] = (),
    retired: Collection[str] = (),
) -> dict[ChannelOfMachine, LastSeen]:
    """Return what is known of every watched channel now, from what was known before; those forgotten are gone.

    Args:
        known: what was known of each channel before.
        fleet: the newest feature row of each machine.
        at: up to when readings have been processed.
        silent_after: how long a channel may send nothing.
        lengths: of the feature windows, shortest first. The windows say which of their lengths are empty and no more,
            so silence is detected at window resolution, and a value between two lengths is rounded up.
        channels: names of those that are watched.
        muted: machines whose channels neither fall silent nor are heard again now: they have failed or are worked on.
        retired: machines that are watched no more.

    """
    bounds = {name: (seen.not_after, seen.until) for name, seen in known.items()}
    for windows in fleet:
        for channel in channels:
            name = ChannelOfMachine(windows.machine_id, channel)
            bound = _bound(known.get(name), windows, channel, lengths)
            if bound is not None:
                bounds[name] = bound, windows.window_end
    return {
        name: LastSeen(
            bound,
            until,
            is_silent=name in known and known[name].is_silent
            if name.machine_id in muted
            else is_silent(bound, until=at, after=silent_after),
        )
        for name, (bound, until) in sorted(bounds.items())
        if at - bound < FORGOTTEN_AFTER and name.machine_id not in retired
    }


class MachineLastSeen(NamedTuple):
    """A machine's last reading came before `last`; it is silent where all of its channels are."""

    last: datetime
    is_silent: bool


def last_seen_by_machine(channels: Mapping[ChannelOfMachine, LastSeen]) -> dict[str, MachineLastSeen]:
    """Return when each machine was last seen, from its channels."""
    machines: dict[str, MachineLastSeen] = {}
    for name, seen in channels.items():
        others = machines.get(name.machine_id)
        machines[name.machine_id] = MachineLastSeen(
            seen.not_after if others is None else max(seen.not_after, others.last),
            seen.is_silent and (others is None or others.is_silent),
        )
    return machines


def transitions(
    before: Mapping[ChannelOfMachine, LastSeen], now: Mapping[ChannelOfMachine, LastSeen]
) -> tuple[list[ChannelOfMachine], list[ChannelOfMachine]]:
    """Return the channels that have fallen silent and those that are heard again."""
    was_silent = {name for name, seen in before.items() if seen.is_silent}
    fallen = [name for name, seen in now.items() if seen.is_silent and name not in was_silent]
    again = [name for name, seen in now.items() if not seen.is_silent and name in was_silent]
    return fallen, again


def _bound(known: LastSeen | None, windows: NewestWindows, channel: str, lengths: _LENGTHS) -> datetime | None:
    """The moment before which the last reading came; None where the channel was never seen, or the row says nothing."""
    counts = _counts(windows, channel, lengths)
    if not counts:
        return None
    possible = windows.window_end - _longest_empty(counts)
    if any(counts.values()):
        return possible
    if known is None:
        return None
    # Nothing in the longest window, which joins on to the silence that is known, or leaves a gap that was not observed.
    return min(known.not_after, possible) if possible <= known.until else possible


def _longest_empty(counts: Mapping[timedelta, float]) -> timedelta:
    """Return the length of the longest window before the first that holds readings; zero without any."""
    silent = timedelta()
    for length, count in counts.items():
        if count > 0:
            break
        silent = length
    return silent


def _counts(windows: NewestWindows, channel: str, lengths: _LENGTHS) -> dict[timedelta, float]:
    """Return how many readings each window of a channel holds.

    Those of a machine that is off are in none: its state speaks for all.
    """
    names = {length: f"count_{length // _HOUR}h" for length in lengths}
    found = {length: windows.features.get(f"{channel}_{name}") for length, name in names.items()}
    if not all(found.values()) and is_off(windows.features):  # which looks through the names of all features
        found = {length: count or windows.features.get(f"{RUNNING}_{names[length]}") for length, count in found.items()}
    return {length: count for length, count in found.items() if count is not None}
