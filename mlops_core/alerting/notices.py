"""Notifications of silence and of damaged data: their subjects and texts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_core.alerting.episode_notices import Notice, first_lines
from mlops_core.alerting.silence import ChannelOfMachine, LastSeen
from mlops_core.lake import Damage

if TYPE_CHECKING:
    from mlops_core.condition import ClassStep, LevelShift  # which loads polars


def silence_notice(
    fallen: Sequence[ChannelOfMachine], again: Sequence[ChannelOfMachine], now: Mapping[ChannelOfMachine, LastSeen]
) -> Notice:
    """Return one notification of all channels that have fallen silent or are heard again."""
    counts = [
        *([f"{len(fallen)} silent"] if fallen else []),
        *([f"{len(again)} heard again"] if again else []),
    ]
    lines = [
        *(
            f"{name.machine_id} {name.channel}: silent since before {now[name].not_after:%Y-%m-%d %H:%M} UTC"
            for name in fallen
        ),
        *(f"{name.machine_id} {name.channel}: heard again" for name in again),
    ]
    total = sum(seen.is_silent for seen in now.values())
    text = [*first_lines(lines), f"Silent in all: {total}."]
    return Notice(f"Sensors: {', '.join(counts)}", "\n".join(text))


def damage_notice(found: Sequence[Damage]) -> Notice:
    """Return one notification of all objects that cannot be read."""
    count = "1 stored object is" if len(found) == 1 else f"{len(found)} stored objects are"
    text = [
        *first_lines(
            [f"{each.key}: {each.problem}{' (it was made again)' if each.is_mended else ''}" for each in found]
        ),
        "What was damaged is set aside, and everything else goes on. What else can be mended, and how: mlops doctor.",
    ]
    return Notice(f"{count} damaged", "\n".join(text))


def trial_notice(
    version: str | None, broken: Sequence[str], shifts: "Sequence[LevelShift]", steps: "Sequence[ClassStep]" = ()
) -> Notice:
    """Return the notice of a trial: promises surely not kept, and levels of machines and classes that have shifted."""
    counts = [
        *([f"{len(broken)} promises surely not kept"] if broken else []),
        *([f"{len(shifts)} levels shifted"] if shifts else []),
        *([f"{len(steps)} levels of a whole class shifted"] if steps else []),
    ]
    lines = [
        *(f"Model {version}: {promise}" for promise in broken),
        *(
            f"{shift.machine_id} {shift.channel}: {shift.deviation:+.1f} spreads of its class from its own level since"
            f" {shift.since:%Y-%m-%d}, over two returns to service: was the sensor recalibrated or moved?"
            for shift in shifts
        ),
    ]
    lines += [
        f"{step.machines} machines of {step.machine_class or 'no class'}, {step.channel}: most jumped by"
        f" {step.jump:+.1f} spreads of their class or more about {step.at:%Y-%m-%d}, and stayed: were their sensors"
        " recalibrated together, or did the load change?"
        for step in steps
    ]
    text = [*first_lines(lines), "The whole trial: mlops models trial."]
    return Notice(f"Models on trial: {', '.join(counts)}", "\n".join(text))
