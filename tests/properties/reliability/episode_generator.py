"""What happens to alarms, drawn at random: readings beyond limits, runs of scoring, answers of people, and trials."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeAlias

from tests.properties.reliability.calls import Fault
from tests.properties.reliability.generator import close_turns, faults, rarely, rivals, schedule
from tests.properties.reliability.history import Deliver, DeliverAgain, Faults, Operation, Say, Together, Wait
from tests.properties.reliability.pipeline import READINGS

ALL = tuple(range(6))
CALM, WATCH, ACT = RISKS = ("calm", "watch", "act")


class Series(NamedTuple):
    """A machine publishes a reading a minute, the last one now."""

    machine_id: str
    channel: str
    value: float
    readings: int


class Judge(NamedTuple):
    """The fleet is scored: anomalies are judged, and alarms whose time has come."""

    faults: Faults = ()
    order: int = 0


class Compute(NamedTuple):
    """Hours pass, of each of which features are computed and judged; those of some machines are unlike them.

    `risks`: what a model of failures thinks of machines A and B, of RISKS.
    """

    hours: int
    unusual: tuple[str, ...] = ()
    judged: Judge = Judge()
    risks: tuple[str, ...] = (CALM, CALM)


class Correct(NamedTuple):
    """Late readings change the features of the last hour, which is judged again."""

    risks: tuple[str, ...]
    judged: Judge = Judge()


class Overtaken(NamedTuple):
    """A run of scoring makes so many calls, another computes and judges the next hour, and the first one goes on."""

    calls: int
    risks: tuple[str, ...]


class Orphan(NamedTuple):
    """A process dies before it announces what it stored; two others find that once its minute is over."""

    series: Series
    schedule: tuple[tuple[int, int], ...]


class Brief(NamedTuple):
    """A limit is crossed and left again before anybody looks, and two processes judge all of it at once."""

    series: Series
    quiet: float
    schedule: tuple[tuple[int, int], ...]


class Overlap(NamedTuple):
    """One process judges that a limit is crossed, and another what came after it, while the first one announces."""

    series: Series
    quiet: float
    schedule: tuple[tuple[int, int], ...]


class JudgeTogether(NamedTuple):
    """Runs of scoring overlap."""

    runs: tuple[Judge, ...]
    schedule: tuple[tuple[int, int], ...]


class Reply(NamedTuple):
    """A person answers one of the episodes that there are."""

    pick: int
    action: str
    faults: Faults = ()
    verdict: str = "NO_FAULT"


class Publish(NamedTuple):
    """The stream of alarms hands so many changes to their function, and some that it has taken again."""

    most: int
    again: int = 0
    faults: Faults = ()


class Try(NamedTuple):
    """The champion is tried, as once a week."""

    faults: Faults = ()


Scored: TypeAlias = Compute | Correct | Overtaken | Judge | JudgeTogether
Happening: TypeAlias = Operation | Series | Orphan | Brief | Overlap | Scored | Reply | Publish | Try


def episodes(random: Random) -> list[Happening]:
    """What happens to alarms."""
    return [random.choice(_OFTEN)(random) for _ in range(random.randrange(8, 35))]


_LIMITED = (("A", "vibration", (21.0, 8.0, 3.0, 3.0)), ("B", "temperature", (90.0, 70.0, 30.0, 30.0)))


def _faults_of_alarms(random: Random, calls: int) -> Faults:
    """Faults at any calls, or at one of those by which an alarm is stored and announced."""
    if random.randrange(3):
        return faults(random, calls, "PutObject", "UpdateItem", "Notify")
    place = random.choice(("Notify", "UpdateItem alarms"))
    return (((place, random.randrange(3)), random.choice(tuple(Fault))),)


def _say(random: Random) -> Say:
    machine_id, channel, values = random.choice(_LIMITED)
    return Say(machine_id, channel, random.randrange(2), random.choice(values))


def _series(random: Random) -> Series:
    machine_id, channel, values = random.choice(_LIMITED)
    return Series(machine_id, channel, random.choice(values), random.randrange(2, 4))


def _deliver(random: Random) -> Deliver:
    return Deliver(
        READINGS,
        tuple(random.randrange(6) for _ in range(random.randrange(1, 5))),
        _faults_of_alarms(random, 9),
        random.randrange(6),
        answer_is_lost=rarely(random),
        while_in_flight=bool(random.randrange(2)),
    )


def _deliver_together(random: Random) -> Together:
    return rivals(schedule(random))


def _orphan(random: Random) -> Orphan:
    return Orphan(_series(random), close_turns(random))


def _brief(random: Random) -> Brief:
    series = Series(*random.choice((("A", "vibration", 21.0), ("B", "temperature", 90.0))), 2)
    return Brief(series, 3.0 if series.machine_id == "A" else 30.0, schedule(random))


def _overlap(random: Random) -> Overlap:
    series = Series(*random.choice((("A", "vibration", 21.0), ("B", "temperature", 90.0))), 2)
    first = (0, random.randrange(4, 16))
    return Overlap(series, 3.0 if series.machine_id == "A" else 30.0, (first, (1, 50), (0, 50)))


def _deliver_again(random: Random) -> DeliverAgain:
    return DeliverAgain(READINGS, random.randrange(6))


def _wait(random: Random) -> Wait:
    return Wait(random.choice((1, 2, 30, 60, 240)))


def _compute(random: Random) -> Compute:
    return Compute(random.randrange(1, 6), random.choice(((), ("A",), ("A", "B"))), _judge(random), _risks(random))


def _correct(random: Random) -> Correct:
    return Correct(_risks(random), _judge(random))


def _overtaken(random: Random) -> Overtaken:
    return Overtaken(random.randrange(2, 20), _risks(random))


def _risks(random: Random) -> tuple[str, ...]:
    return random.choice(RISKS), random.choice((CALM, CALM, *RISKS))


def _judge(random: Random) -> Judge:
    return Judge(_faults_of_alarms(random, 20), random.randrange(6))


def _judge_together(random: Random) -> JudgeTogether:
    return JudgeTogether((Judge(order=0), Judge(order=1)), schedule(random))


def _reply(random: Random) -> Reply:
    action = random.choice(("acknowledge", "begin_work", "shelve", "shelve", "close", "close"))
    verdict = random.choice(("NO_FAULT", "FAULT_FOUND", "SENSOR_FAULT"))
    return Reply(random.randrange(4), action, faults(random, 4, "UpdateItem"), verdict)


def _publish(random: Random) -> Publish:
    place = random.choice(("PutItem label-history", "PutItem label-history", "PutEvents"))
    found = (((place, 0), random.choice((Fault.REFUSED, *Fault))),) if random.randrange(2) else ()
    return Publish(random.choice((1, 5, 50)), random.choice((0, 0, 1, 5)), found)


def _try(random: Random) -> Try:
    return Try(faults(random, 14, "PutObject", "Notify"))


_OFTEN: tuple[Callable[[Random], Happening], ...] = (
    *(_say,) * 3,
    *(_series,) * 6,
    *(_deliver,) * 6,
    *(_deliver_together,) * 3,
    *(_orphan,) * 2,
    *(_brief,) * 2,
    *(_overlap,) * 2,
    _deliver_again,
    *(_wait,) * 3,
    *(_compute,) * 6,
    *(_correct,) * 2,
    *(_overtaken,) * 2,
    *(_judge,) * 6,
    *(_judge_together,) * 2,
    *(_reply,) * 6,
    *(_publish,) * 4,
    *(_try,) * 2,
)
