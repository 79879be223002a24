"""Playing histories one after another, and telling the short story of one that breaks an invariant."""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Literal, TypeAlias

from tests.properties.reliability import catching_up, episode_generator, generator
from tests.properties.reliability.episode_lives import EpisodeHistory
from tests.properties.reliability.history import History, Operation
from tests.properties.reliability.living import LivingHistory
from tests.properties.reliability.machine_lives import Lives, lives
from tests.properties.reliability.observations import InvariantViolatedError
from tests.properties.reliability.pipeline import Variant, Wiring
from tests.properties.reliability.reconciliation import scheduled_features_follow_from_all_readings, settle

Kind: TypeAlias = Literal["platform", "simulator", "living", "alarms", "outages"]
"""What a history is of: the platform, the simulator, a stack that lives, alarms, or catching up after an outage."""


def platform(wiring: Wiring, variant: Variant, happening: Sequence[Operation], *, replay: bool) -> None:
    """Play one history of the platform to its end."""
    history = History(wiring, variant, scheduled_features_follow_from_all_readings)
    for operation in happening:
        history.apply(operation)
    settle(history, replay=replay)


def play(history: Lives | LivingHistory | EpisodeHistory, happening: Sequence[Any]) -> None:
    """Play one history of anything else to its end."""
    for operation in happening:
        history.happen(operation)
    history.settle()


def drawn(wiring: Wiring, seed: int, of: Kind) -> tuple[list[Any], Callable[[list[Any]], None]]:
    """The history that a seed draws, and what plays it."""
    random = Random(seed)  # noqa: S311
    match of:
        case "simulator":
            return lives(random), lambda happening: play(Lives(wiring), happening)
        case "alarms":
            return episode_generator.episodes(random), lambda happening: play(EpisodeHistory(wiring), happening)
        case "outages":
            variant = catching_up.variant(random)
            return catching_up.outage(random), partial(catching_up.catch_up, wiring, variant)
        case "living":
            variant = generator.living_variant(random)
            return generator.living(random), lambda happening: play(LivingHistory(wiring, variant), happening)
        case "platform":
            variant = generator.variant(random)
            return generator.history(random), partial(platform, wiring, variant, replay=seed % 4 == 0)


def explore(wiring: Wiring, first: int, histories: int, of: Kind = "platform", *, shrink: bool = True) -> None:
    """Let histories happen, one for each seed from the first on; raises what the first bad one violates."""
    for seed in range(first, first + histories):
        happening, run = drawn(wiring, seed, of)
        try:
            run(happening)
        except InvariantViolatedError as violation:
            if not shrink:
                raise
            story = "\n".join(map(repr, shrunk(happening, run, violation.invariant)))
            violation.add_note(f"RELIABILITY_SEED={seed} draws this history first. What it takes:\n{story}")
            raise


def shrunk(happening: list[Any], run: Callable[[list[Any]], None], invariant: str) -> list[Any]:
    """The history without the operations without which it breaks the same invariant."""
    position = 0
    while position < len(happening):
        fewer = happening[:position] + happening[position + 1 :]
        try:
            run(fewer)
        except InvariantViolatedError as violation:
            if violation.invariant == invariant:
                happening, position = fewer, -1
        position += 1
    return happening
