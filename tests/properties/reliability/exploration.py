"""Playing histories one after another, and telling the short story of one that breaks an invariant."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tests.properties.reliability import catching_up, episode_generator, episode_lives, generator
from tests.properties.reliability.catching_up import catch_up
from tests.properties.reliability.history import History, Operation
from tests.properties.reliability.living import Happening, LivingHistory
from tests.properties.reliability.machine_lives import Lives, lives
from tests.properties.reliability.observations import InvariantViolatedError
from tests.properties.reliability.pipeline import Variant, Wiring
from tests.properties.reliability.reconciliation import scheduled_features_follow_from_all_readings, settle


def platform(wiring: Wiring, variant: Variant, happening: Sequence[Operation], *, replay: bool) -> None:
    """Play one history of the platform to its end."""
    history = History(wiring, variant, scheduled_features_follow_from_all_readings)
    for operation in happening:
        history.apply(operation)
    settle(history, replay=replay)


def simulator(wiring: Wiring, happening: Sequence[Any]) -> None:
    """Play one history of the simulator to its end."""
    machines = Lives(wiring)
    for operation in happening:
        machines.apply(operation)
    machines.settle()


def living_stack(wiring: Wiring, variant: Variant, happening: Sequence[Happening]) -> None:
    """Play one history of a stack that lives to its end."""
    history = LivingHistory(wiring, variant)
    for operation in happening:
        history.happen(operation)
    history.settle()


def alarms(wiring: Wiring, happening: Sequence[episode_generator.Happening]) -> None:
    """Play one history of alarms to its end."""
    history = episode_lives.EpisodeHistory(wiring)
    for operation in happening:
        history.happen(operation)
    history.settle()


def explore(
    wiring: Wiring,
    first: int,
    histories: int,
    *,
    of_simulator: bool = False,
    of_living: bool = False,
    of_alarms: bool = False,
    of_outages: bool = False,
    shrink: bool = True,
) -> None:
    """Let histories happen, one for each seed from the first on; raises what the first bad one violates."""
    for chosen in range(first, first + histories):
        drawn = random.Random(chosen)  # noqa: S311
        if of_simulator:
            happening: list[Any] = lives(drawn)
            run: Callable[[list[Any]], None] = partial(simulator, wiring)
        elif of_alarms:
            happening = episode_generator.episodes(drawn)
            run = partial(alarms, wiring)
        elif of_outages:
            run = partial(catch_up, wiring, catching_up.variant(drawn))
            happening = catching_up.outage(drawn)
        elif of_living:
            variant = generator.living_variant(drawn)
            happening = generator.living(drawn)
            run = partial(living_stack, wiring, variant)
        else:
            variant = generator.variant(drawn)
            happening = generator.history(drawn)
            run = partial(platform, wiring, variant, replay=chosen % 4 == 0)
        try:
            run(happening)
        except InvariantViolatedError as violation:
            if not shrink:
                raise
            story = "\n".join(map(repr, shrunk(happening, run, violation.invariant)))
            violation.add_note(f"RELIABILITY_SEED={chosen} draws this history first. What it takes:\n{story}")
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
