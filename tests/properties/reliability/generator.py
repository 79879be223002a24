"""Histories at random. Who supplies the numbers decides what that means: a seed, or hypothesis, which can shrink."""

from collections.abc import Callable
from random import Random

from mlops_core.lake import CHECKPOINT_KEY, NEWEST_KEY
from tests.properties.reliability.calls import Fault
from tests.properties.reliability.history import (
    Deliver,
    DeliverAgain,
    Faults,
    Operation,
    Redrive,
    Run,
    RunRange,
    Say,
    SayBad,
    SayFailure,
    Together,
    Wait,
    Work,
)
from tests.properties.reliability.living import (
    GONE,
    PLACES,
    WAYS,
    Damage,
    Happening,
    Import,
    Promote,
    RecordRepair,
    Redeploy,
    Release,
    ReplayQuarantine,
    Score,
    Train,
)
from tests.properties.reliability.messages import BAD, BAD_FAILURES
from tests.properties.reliability.pipeline import LABELS, READINGS, Variant
from tests.properties.reliability.releases import AGES

_FAULTS = tuple(Fault)
_BURSTS = (1, 2, 3, 5, 8, 13, 50)
_TO_ITS_END = 1000
_COMMITS = (
    "PutObject processed/features",
    "PutItem realtime-features",
    f"PutObject {NEWEST_KEY}",
    f"PutObject {CHECKPOINT_KEY}",
)


def variant(random: Random) -> Variant:
    """Configuration to run with."""
    return Variant(random.choice((60, 60, 30)), random.choice((1, 1, 2)))


def history(random: Random) -> list[Operation]:
    """What happens to a platform: to all of it, or mostly to what comes in, which takes much less time to play."""
    operations = random.choice((_ALL, _INCOMING, _INCOMING))
    return [random.choice(operations)(random) for _ in range(random.randrange(6, 30))]


def faults(random: Random, calls: int, *operations: str) -> Faults:
    """Nothing, or faults at the first so many calls of an invocation or at the first calls of an operation."""
    if random.randrange(2):
        return ()
    return tuple(
        (
            ("", random.randrange(calls)) if random.randrange(2) else (random.choice(operations), random.randrange(5)),
            random.choice(_FAULTS),
        )
        for _ in range(random.randrange(1, 3))
    )


def schedule(random: Random) -> tuple[tuple[int, int], ...]:
    """Who goes on for how many calls, of invocations that overlap."""
    return tuple((random.randrange(4), random.choice(_BURSTS)) for _ in range(random.randrange(1, 10)))


def rarely(random: Random) -> bool:
    """One time in ten."""
    return random.randrange(10) == 9


def _say(random: Random) -> Say:
    return Say(
        random.choice("AAB"),
        random.choice(("temperature", "temperature", "vibration")),
        random.randrange(8),
        random.choice((20.0, 21.0)),
        replayed=rarely(random),
        rule_fails=rarely(random),
    )


def _say_failure(random: Random) -> SayFailure:
    return SayFailure("A", random.choice((0, 0, 1, 7)), random.choice((11.5, 12.5)))


def _say_bad(random: Random) -> SayBad:
    return SayBad(random.choice(tuple(BAD)), rule_fails=rarely(random))


def _say_bad_failure(random: Random) -> SayBad:
    return SayBad(random.choice(tuple(BAD_FAILURES)), as_failure=True, rule_fails=rarely(random))


def _wait(random: Random) -> Wait:
    return Wait(random.choice((10, 30, 60, 60, 150, 300)))


def _deliver(random: Random) -> Deliver:
    return Deliver(
        random.choice((READINGS, READINGS, LABELS)),
        tuple(random.randrange(6) for _ in range(random.randrange(1, 7))),
        faults(random, 5, "PutObject", "UpdateItem"),
        random.randrange(6),
        answer_is_lost=rarely(random),
        while_in_flight=bool(random.randrange(2)),
    )


def _run(random: Random) -> Run:
    slowness_ms = random.choice((0, 0, 60_000, 110_000))
    return Run(_faults_of_run(random), random.randrange(6), slowness_ms, is_tried_again=bool(random.randrange(2)))


def _run_range(random: Random) -> RunRange:
    return RunRange(random.randrange(5), random.randrange(1, 5), _faults_of_run(random), random.randrange(6))


def _faults_of_run(random: Random) -> Faults:
    """Faults at any calls, or at one of those by which a run makes known what it did, one after another."""
    if random.randrange(4):
        return faults(
            random, 40, "PutObject", "PutObject", "GetObject", "ListObjectsV2", "PutItem", "PutItem", "DeleteObjects"
        )
    return (((random.choice(_COMMITS), random.randrange(2)), random.choice(_FAULTS)),)


def _together(random: Random) -> Together:
    kinds: tuple[Callable[[Random], Work], ...] = (_run, _run, _deliver, _run_range)
    return Together(tuple(random.choice(kinds)(random) for _ in range(random.randrange(2, 5))), schedule(random))


def _overtaken(random: Random) -> Together:
    """A run goes on for some calls; a delivery and a whole other run end before it does."""
    work = (Run(order=random.randrange(6)), Deliver(READINGS, tuple(range(6))), Run(order=random.randrange(6)))
    # Who goes on is counted among those that have not ended, so the second is twice the one behind the first.
    return Together(work, ((0, random.randrange(2, 16)), (1, _TO_ITS_END), (1, _TO_ITS_END), (0, _TO_ITS_END)))


def _deliver_again(random: Random) -> DeliverAgain:
    return DeliverAgain(random.choice((READINGS, LABELS)), random.randrange(6))


def _redrive(random: Random) -> Redrive:
    return Redrive(faults(random, 4, "SendMessage", "DeleteMessage"))


_OFTEN: tuple[tuple[Callable[[Random], Operation], int], ...] = (
    (_say, 10),
    (_say_bad, 2),
    (_say_failure, 3),
    (_say_bad_failure, 1),
    (_wait, 5),
    (_deliver, 8),
    (_run, 6),
    (_together, 4),
    (_overtaken, 6),
    (_run_range, 1),
    (_deliver_again, 1),
    (_redrive, 2),
)
_ALL = tuple(draw for draw, times in _OFTEN for _ in range(times))
_INCOMING = (*(draw for draw in _ALL if draw not in {_run, _overtaken, _run_range, _wait}), _run, _wait)

_CHANNELS = (("temperature", "vibration"), ("temperature", "vibration"), ("temperature", "vibration", "flow"))
_LENGTHS = ((1, 2), (1, 2), (1, 2), (2,), (1, 24), (24, 168))


def living_variant(random: Random) -> Variant:
    """Configuration of a stack that lives: any of those that it may be given later."""
    return Variant(
        random.choice((60, 60, 30)),
        random.choice((1, 1, 2, 3)),
        lengths_hours=random.choice(_LENGTHS),
        channels=random.choice(_CHANNELS),
    )


def living(random: Random) -> list[Happening]:
    """What happens to a stack that lives."""
    return [random.choice(_LIVING)(random) for _ in range(random.randrange(8, 30))]


def _say_of_another_age(random: Random) -> Say:
    """A clock that was reset, years ago."""
    return Say(random.choice("AB"), "temperature", 48 * 800 + random.randrange(8), 20.0)


def _say_loud(random: Random) -> Say:
    """Vibration beyond its limits, now or half an hour ago."""
    return Say("A", "vibration", random.randrange(2), 21.0)


def _rival_deliveries(random: Random) -> Together:
    """A queue hands the same messages to two processes at once."""
    return rivals(close_turns(random))


def rivals(turns: tuple[tuple[int, int], ...]) -> Together:
    """Two processes that get the same messages."""
    work = tuple(Deliver(READINGS, tuple(range(6)), order=n, while_in_flight=True) for n in range(2))
    return Together(work, turns)


def close_turns(random: Random) -> tuple[tuple[int, int], ...]:
    """A schedule by which two processes take turns after few calls."""
    return tuple((random.randrange(2), random.choice((1, 2, 3))) for _ in range(6))


def _redeploy(random: Random) -> Redeploy:
    chosen = living_variant(random)
    return Redeploy(chosen.shards, chosen.hop_minutes, chosen.lengths_hours, chosen.channels)


def _release(random: Random) -> Release:
    return Release(random.choice(AGES), _faults_of_run(random))


def _train(random: Random) -> Train:
    return Train(random.choice((1, 2)), random.choice((None, None, 1, 2)), _faults_of_verb(random))


def _damage(random: Random) -> Damage:
    kind = random.choice((*PLACES, "raw", "buckets", "compacted", "features", "online"))
    return Damage(kind, random.randrange(6), random.choice((*WAYS, "a row less", GONE)))


def _long_wait(random: Random) -> Wait:
    return Wait(random.choice((60, 60, 180, 1500)))


def _faults_of_verb(random: Random) -> Faults:
    return faults(random, 8, "PutObject", "GetObject", "UpdateItem", "DeleteObjects")


def _score(random: Random) -> Score:
    return Score(faults(random, 20, "PutObject", "GetObject", "Notify", "UpdateItem"), random.randrange(6))


def _replay_quarantine(random: Random) -> ReplayQuarantine:
    return ReplayQuarantine(_faults_of_verb(random), random.randrange(6))


def _record_repair(random: Random) -> RecordRepair:
    return RecordRepair(random.choice("AB"), random.randrange(6), _faults_of_verb(random))


def _promote(random: Random) -> Promote:
    return Promote(random.choice((1, 2, None)), _faults_of_verb(random))


def _import(random: Random) -> Import:
    return Import(random.choice("AB"), random.randrange(1, 60), random.randrange(1, 30), _faults_of_verb(random))


_LIVING_OFTEN: tuple[tuple[Callable[[Random], Happening], int], ...] = (
    (_say, 10),
    (_say_bad, 1),
    (_say_failure, 2),
    (_wait, 4),
    (_long_wait, 2),
    (_deliver, 8),
    (_run, 8),
    (_together, 1),
    (_overtaken, 1),
    (_redrive, 1),
    (_say_of_another_age, 1),
    (_say_loud, 3),
    (_rival_deliveries, 2),
    (_redeploy, 3),
    (_release, 2),
    (_damage, 5),
    (_score, 3),
    (_replay_quarantine, 2),
    (_record_repair, 1),
    (_promote, 2),
    (_train, 2),
    (_import, 1),
)
_LIVING = tuple(draw for draw, times in _LIVING_OFTEN for _ in range(times))
