"""Histories of alarms: limits, anomalies, answers to episodes and the weekly trial, disturbed at any call."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from random import Random
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from handlers.stores.alarms import Alarms
from handlers.stores.baseline_registry import BaselineRegistry
from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from handlers.stores.model_registry import ModelRegistry
from handlers.stores.newest_features import NewestFeatures
from handlers.stores.online_features import FeatureRow, OnlineFeatures
from mlops_core.alerting import Answer, AnswerRefusedError, NoSuchEpisodeError
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.condition import BaselineBundle, train_baseline
from mlops_core.lake import hour_path
from mlops_core.prognosis import ModelBundle
from mlops_core.prognosis.alarm_budget import AlarmPlan, BudgetPoint
from mlops_core.telemetry import FAILURES, FailureEvent
from tests.properties.reliability import messages
from tests.properties.reliability.calls import Fault, Invocation, interleave
from tests.properties.reliability.episode_rules import stored_alarms
from tests.properties.reliability.generator import faults, rarely, schedule
from tests.properties.reliability.history import Deliver, DeliverAgain, Faults, History, Operation, Say, Together, Wait
from tests.properties.reliability.messages import text_of
from tests.properties.reliability.observations import demand
from tests.properties.reliability.operator_verbs import bundle
from tests.properties.reliability.pipeline import DEAD_LETTERS, READINGS, Variant, Wiring
from tests.properties.reliability.reference import moment
from tests.unit.test_baseline import FORTNIGHT, fleet

HOUR = timedelta(hours=1)
_ALL = tuple(range(6))
_COLUMNS = ("vibration_rms_1h", "vibration_rms_24h", "temperature_mean_1h", "temperature_count_1h")
_PROMISED = BudgetPoint(0.3, 0.5, 0.2, 0.95, 0.9, 1.0, 30.0, 10.0, false_low=0.1, false_high=0.3, announced=19)


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
    """Hours pass, of each of which features are computed and judged; those of some machines are unlike them."""

    hours: int
    unusual: tuple[str, ...] = ()
    judged: Judge = Judge()


class Orphan(NamedTuple):
    """A process dies before it announces what it stored; two others find that once its minute is over."""

    said: Series
    schedule: tuple[tuple[int, int], ...]


class Brief(NamedTuple):
    """A limit is crossed and left again before anybody looks, and two processes judge all of it at once."""

    said: Series
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


class Try(NamedTuple):
    """The champion is tried, as once a week."""

    faults: Faults = ()


Happening: TypeAlias = Operation | Series | Orphan | Brief | Compute | Judge | JudgeTogether | Reply | Try


class EpisodeHistory(History):
    """Two machines with limits and a baseline, and a champion that breaks its promise."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring, Variant(), lambda _: None)
        wiring.watch_limits()
        self.patience = timedelta(minutes=1)
        self._window_ends = {self.pipeline.now}
        s3: Any = self.pipeline.s3
        self._lake, self._dynamodb = DataLake(s3, "lake"), self.pipeline.dynamodb
        self._serve()

    def _serve(self) -> None:
        now = self.pipeline.now
        for registry, served in ((BaselineRegistry(self._lake), baseline()), (ModelRegistry(self._lake), champion())):
            registry.store(served)
            registry.promote(served.version, after=None, at=now, reason="a test")
        told = {"failure_probability": 0.01, "model_version": champion().version}
        for hours in range(1, 49):
            at = now - hours * HOUR
            lines = [json.dumps({"machine_id": f"M{n}", "window_end": text_of(at), **told}).encode() for n in range(5)]
            self._lake.create(f"predictions/{hour_path(at)}/{hours}.jsonl.gz", gzip.compress(b"\n".join(lines)))
        for number in range(4):
            event = FailureEvent(
                machine_id=f"M{number}",
                event_timestamp=now - HOUR / 2,
                event_code="WEAR",
                measured_value=12.0,
                threshold=11.2,
                received_at=now,
            )
            LabelHistory(self._client("dynamodb"), "label-history").record(event)

    def _client(self, name: str) -> Any:
        return self.pipeline.ports.client(name, getattr(self.pipeline, name))

    def happen(self, operation: Happening) -> None:
        """Let one thing happen."""
        match operation:
            case Series():
                self._publish_series(operation)
            case Compute(hours, unusual, judged):
                for _ in range(hours):
                    self._compute(unusual)
                    self.happen(judged)
            case Judge():
                _, act = self._judge(operation)
                act()
            case Orphan(said, turns):
                self.happen(said)
                self.happen(Deliver(READINGS, _ALL, ((("Notify", 0), Fault.KILLED_BEFORE),)))
                self.pipeline.now += timedelta(minutes=2)
                self.happen(_rivals(turns))
            case Brief(said, quiet, turns):
                self.happen(said)
                self.pipeline.now += timedelta(minutes=3)
                self.happen(said._replace(value=quiet, readings=2))
                self.happen(_rivals(turns))
            case JudgeTogether(runs, schedule):
                interleave([self._judge(each) for each in runs], schedule)
            case Reply():
                self._reply(operation)
            case Try(faults):
                self._disturbed_by(self.pipeline.try_champion, faults)
            case _:
                self.apply(operation)
        self.seen.report()

    def _publish_series(self, said: Series) -> None:
        now = self.pipeline.now
        for number in reversed(range(said.readings)):
            at = now - number * timedelta(minutes=1)
            publication = messages.reading(said.machine_id, said.channel, at, said.value, now)
            self.publications.append(publication)
            self.pipeline.publish(publication)

    def _compute(self, unusual: Sequence[str]) -> None:
        self.pipeline.now += HOUR
        window_end = self.pipeline.now.replace(minute=0)
        self._window_ends.add(window_end)
        rows = [FeatureRow(name, window_end, 0, features_of(name, name in unusual)) for name in "AB"]
        online = OnlineFeatures(self._client("dynamodb"), "realtime-features")
        NewestFeatures(self._lake, online).offer_all(rows, updated_at=self.pipeline.now)

    def _disturbed_by(self, call: Callable[[Invocation], Any], faults: Faults, order: int = 0) -> Any:
        invocation = self.invocation(faults, order)
        answer = call(invocation)
        is_refusal = isinstance(answer, AnswerRefusedError | NoSuchEpisodeError)
        if not invocation.failed:
            ends_well = is_refusal or not isinstance(answer, BaseException)
            demand(ends_well, "I4 what is undisturbed ends well", repr(answer))
        return answer

    def _judge(self, run: Judge) -> tuple[Invocation, Callable[[], None]]:
        invocation = self.invocation(run.faults, run.order)
        return invocation, lambda: self.pipeline.score(invocation)

    def _reply(self, reply: Reply) -> None:
        episodes = [alarm.episode for alarm in self._alarms() if alarm.episode is not None]
        if not episodes:
            return
        episode_id = episodes[reply.pick % len(episodes)].id
        until = self.pipeline.now + HOUR if reply.action == "shelve" else None
        given = Answer(action=reply.action, until=until, verdict="NO_FAULT" if reply.action == "close" else None)
        answer = partial(
            Alarms(self._client("dynamodb"), "alarms").answer,
            episode_id,
            given,
            principal="operator",
            now=self.pipeline.now,
        )
        self._disturbed_by(lambda invocation: self.pipeline.operate(invocation, lambda: answer()), reply.faults)

    def _alarms(self) -> list[Alarm]:
        return stored_alarms(self.pipeline.dynamodb.items["alarms"])

    def settle(self) -> None:
        """Let everything be delivered, judged and tried undisturbed; then people know what is stored, and once."""
        for _ in range(2):
            self.pipeline.now += timedelta(minutes=2)  # whoever has claimed an announcement had a minute for it
            self._deliver_all()
            if self.pipeline.queues[DEAD_LETTERS].waiting:
                self.revive()
        self._deliver_all()
        for _ in range(2):
            self.happen(Judge())
        self.happen(Try())
        self._people_know()
        self._no_trial_is_lost()

    def _deliver_all(self) -> None:
        for _ in range(100):
            if not self.pipeline.queues[READINGS].waiting:
                return
            self.apply(Deliver(READINGS, tuple(range(5))))
            self.pipeline.now += self.patience

    def _people_know(self) -> None:
        doubled = sum(map(_may_be_sent_again, self.invocations))
        rules, sent = self.seen.episodes, Counter(text for _, text in self.pipeline.topic.sent)
        for alarm in self._alarms():
            is_unasked = alarm.episode is not None and alarm.episode.was_closed_by_person
            demand(is_unasked or not alarm.is_due(), "I1 every change of an episode is announced", repr(alarm))
            if alarm.source is AlarmSource.ANOMALY and alarm.evidence:
                until = moment(json.loads(alarm.evidence)["until"])
                demand(until in self._window_ends, "I2 an anomaly is of a feature row", alarm.evidence)
        due = Counter(text for texts in rules.texts.values() for text in texts)
        for text, times in due.items():
            demand(sent[text] <= times + doubled, "I2 what is undisturbed is announced once", text)

    def _no_trial_is_lost(self) -> None:
        kept = len(self.pipeline.s3.under("trials/"))
        sent = [about for about, _ in self.pipeline.topic.sent].count("trial")
        doubled = sum(map(_may_be_sent_again, self.invocations))
        demand(kept <= sent <= kept + doubled, "I1 each trial is kept, and told of once", f"{sent} of {kept}")


def _may_be_sent_again(invocation: Invocation) -> int:
    """How many messages a process sent that others may send again, since it was disturbed before it noted them."""
    if not invocation.failed:
        return 0
    at_message = Counter(fault for _, fault, operation in invocation.failed if operation == "Notify")
    unsent = at_message[Fault.KILLED_BEFORE] + at_message[Fault.REFUSED]
    return invocation.counts["Notify"] - unsent + at_message[Fault.REPEATED]


@cache
def baseline() -> BaselineBundle:
    """What is normal for machines A and B."""
    return train_baseline(_normal(), failures=pl.DataFrame(schema=FAILURES), episodes_per_machine_month=0.6)


@cache
def champion() -> ModelBundle:
    """A model that promises to announce most failures."""
    return replace(bundle(1), alarms=AlarmPlan(watch=0.5, act=0.8, curve=(_PROMISED,)))


@cache
def features_of(machine_id: str, is_unusual: bool) -> dict[str, float]:
    """A machine's features in an hour like any other, or of four times the vibration."""
    row = _normal().filter(machine_id=machine_id).row(0, named=True)
    return {name: row[name] * (4.0 if is_unusual and name.startswith("vibration") else 1.0) for name in _COLUMNS}


@cache
def _normal() -> pl.DataFrame:
    names = {"M0": "A", "M1": "B", "M2": "C"}
    return fleet(3, FORTNIGHT, seed=1).with_columns(pl.col("machine_id").replace_strict(names))


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


def _rivals(turns: tuple[tuple[int, int], ...]) -> Together:
    return Together(tuple(Deliver(READINGS, _ALL, order=n, while_in_flight=True) for n in range(2)), turns)


def _deliver_together(random: Random) -> Together:
    return _rivals(schedule(random))


def _orphan(random: Random) -> Orphan:
    return Orphan(_series(random), tuple((random.randrange(2), random.choice((1, 2, 3))) for _ in range(6)))


def _brief(random: Random) -> Brief:
    said = Series(*random.choice((("A", "vibration", 21.0), ("B", "temperature", 90.0))), 2)
    return Brief(said, 3.0 if said.machine_id == "A" else 30.0, schedule(random))


def _deliver_again(random: Random) -> DeliverAgain:
    return DeliverAgain(READINGS, random.randrange(6))


def _wait(random: Random) -> Wait:
    return Wait(random.choice((1, 2, 30, 60, 240)))


def _compute(random: Random) -> Compute:
    return Compute(random.randrange(1, 6), random.choice(((), ("A",), ("A", "B"))), _judge(random))


def _judge(random: Random) -> Judge:
    return Judge(_faults_of_alarms(random, 20), random.randrange(6))


def _judge_together(random: Random) -> JudgeTogether:
    return JudgeTogether((Judge(order=0), Judge(order=1)), schedule(random))


def _reply(random: Random) -> Reply:
    action = random.choice(("acknowledge", "begin_work", "shelve", "shelve", "close"))
    return Reply(random.randrange(4), action, faults(random, 4, "UpdateItem"))


def _try(random: Random) -> Try:
    return Try(faults(random, 14, "PutObject", "Notify"))


_OFTEN: tuple[Callable[[Random], Happening], ...] = (
    *(_say,) * 3,
    *(_series,) * 6,
    *(_deliver,) * 6,
    *(_deliver_together,) * 3,
    *(_orphan,) * 2,
    *(_brief,) * 2,
    _deliver_again,
    *(_wait,) * 3,
    *(_compute,) * 6,
    *(_judge,) * 6,
    *(_judge_together,) * 2,
    *(_reply,) * 6,
    *(_try,) * 2,
)
