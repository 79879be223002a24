"""Histories of alarms: limits, anomalies, answers to episodes and the weekly trial, disturbed at any call."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

import polars as pl

from handlers.stores import (
    Alarms,
    BaselineRegistry,
    DataLake,
    FeatureRow,
    LabelHistory,
    ModelRegistry,
    NewestFeatures,
    OnlineFeatures,
    predictions,
)
from mlops_core.alerting import Answer, AnswerRefusedError, NoSuchEpisodeError
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.condition import BaselineBundle, train_baseline
from mlops_core.lake import RANKING_KEY, SCORES_KEY, hour_path
from mlops_core.prognosis import FleetRanking, ModelBundle
from mlops_core.prognosis.alarm_budget import AlarmPlan, BudgetPoint
from mlops_core.telemetry import FAILURES
from tests.properties.reliability import messages
from tests.properties.reliability.alarm_stream import AlarmStream
from tests.properties.reliability.calls import Fault, Invocation, interleave
from tests.properties.reliability.episode_generator import (
    ACT,
    ALL,
    CALM,
    WATCH,
    Brief,
    Compute,
    Correct,
    Happening,
    Judge,
    JudgeTogether,
    Orphan,
    Overlap,
    Overtaken,
    Publish,
    Reply,
    Scored,
    Series,
    Try,
)
from tests.properties.reliability.episode_rules import follows, label_of, stored_alarms
from tests.properties.reliability.generator import rivals
from tests.properties.reliability.history import Deliver, History, Together
from tests.properties.reliability.messages import text_of
from tests.properties.reliability.observations import demand
from tests.properties.reliability.operator_verbs import bundle
from tests.properties.reliability.pipeline import DEAD_LETTERS, READINGS, Variant, Wiring
from tests.properties.reliability.reference import moment
from tests.recorded_failures import failure_of
from tests.unit.test_baseline import FORTNIGHT, fleet

HOUR = timedelta(hours=1)
_COLUMNS = ("vibration_rms_1h", "vibration_rms_24h", "temperature_mean_1h", "temperature_count_1h")
_OF_THE_MODEL = ("vibration_count_1h", "vibration_max_1h", "vibration_last_2h", "temperature_max_2h")
# The model of these histories sees a probability of .002, of .53 and of .96 in them.
_AT_RISK = {CALM: (60.0, 2.0, -0.1, 48.0), WATCH: (60.0, 6.44, 0.0, 46.8), ACT: (60.0, 8.39, 0.32, 47.0)}
_MODEL = AlarmSource.FAILURE_MODEL
_TO_ITS_END = 1000
_PROMISED = BudgetPoint(0.3, 0.5, 0.2, 0.95, 0.9, 1.0, 30.0, 10.0, false_low=0.1, false_high=0.3, announced=19)


class EpisodeHistory(History):
    """Two machines with limits and a baseline, and a champion that breaks its promise."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring, Variant(), lambda _: None)
        wiring.watch_limits()
        self.patience = timedelta(minutes=1)
        self._window_ends = {self.pipeline.now}
        self._revision, self._unusual = 0, ()
        self.stream = AlarmStream(self.pipeline)
        self._lake = DataLake(self.pipeline.s3, "lake")
        self._serve()

    def _serve(self) -> None:
        now = self.pipeline.now
        for registry, served in ((BaselineRegistry(self._lake), baseline()), (ModelRegistry(self._lake), champion())):
            registry.store(served)
            registry.promote(served.version, after=None, at=now, reason="a test")
        scored = {"failure_probability": 0.01, "model_version": champion().version}
        for hours in range(1, 49):
            at = now - hours * HOUR
            lines = [
                json.dumps({"machine_id": f"M{n}", "window_end": text_of(at), **scored}).encode() for n in range(5)
            ]
            self._lake.create(f"predictions/{hour_path(at)}/{hours}.jsonl.gz", gzip.compress(b"\n".join(lines)))
        for number in range(4):
            event = failure_of(f"M{number}", now - HOUR / 2, received_at=now)
            LabelHistory(self._client("dynamodb"), "label-history").record(event)

    def _client(self, name: str) -> Any:
        return self.pipeline.ports.client(name, getattr(self.pipeline, name))

    def happen(self, operation: Happening) -> None:
        """Let one thing happen."""
        match operation:
            case Series():
                self._publish_series(operation)
            case Compute() | Correct() | Overtaken() | Judge() | JudgeTogether():
                self._score(operation)
            case Orphan() | Brief() | Overlap():
                self._cross_a_limit(operation)
            case Reply():
                self._reply(operation)
            case Publish(most, again, faults):
                self.disturbed(partial(self.stream.deliver, most=most, again=again), faults)
            case Try(faults):
                self.disturbed(self.pipeline.try_champion, faults)
            case _:
                self.apply(operation)
        self.seen.report()

    def _score(self, operation: Scored) -> None:
        match operation:
            case Compute(hours, unusual, judged, risks):
                for _ in range(hours):
                    self.pipeline.now += HOUR
                    self._compute(unusual, risks)
                    self.happen(judged)
            case Correct(risks, judged):
                self._revise(risks)
                self.happen(judged)
            case Overtaken(calls, risks):
                self._overtake(calls, risks)
            case Judge():
                invocation, act = self._judge(operation)
                act()
                if not invocation.failed:
                    self._alarms_follow_from_scores()
            case JudgeTogether(runs, schedule):
                interleave([self._judge(each) for each in runs], schedule)

    def _cross_a_limit(self, operation: Orphan | Brief | Overlap) -> None:
        match operation:
            case Orphan(series, turns):
                self.happen(series)
                self.happen(Deliver(READINGS, ALL, ((("Notify", 0), Fault.KILLED_BEFORE),)))
                self.pipeline.now += timedelta(minutes=2)
                self.happen(rivals(turns))
            case Brief(series, quiet, turns):
                self.happen(series)
                self.pipeline.now += timedelta(minutes=3)
                self.happen(series._replace(value=quiet, readings=2))
                self.happen(rivals(turns))
            case Overlap(series, quiet, turns):
                self.deliver_all(READINGS)
                self.happen(series)
                crossing = tuple(range(series.readings))
                self.pipeline.now += timedelta(minutes=1)
                self.happen(series._replace(value=quiet, readings=1))
                self.happen(Together((Deliver(READINGS, crossing), Deliver(READINGS, (-1,), order=1)), turns))

    def _publish_series(self, series: Series) -> None:
        now = self.pipeline.now
        for number in reversed(range(series.readings)):
            at = now - number * timedelta(minutes=1)
            publication = messages.reading(series.machine_id, series.channel, at, series.value, now)
            self.publications.append(publication)
            self.pipeline.publish(publication)

    def _compute(self, unusual: Sequence[str], risks: Sequence[str]) -> None:
        self._revision, self._unusual = 0, unusual
        self._window_ends.add(self.pipeline.now.replace(minute=0))
        self._offer(risks)

    def _revise(self, risks: Sequence[str]) -> None:
        self._revision += 1
        self._offer(risks)

    def _offer(self, risks: Sequence[str]) -> None:
        window_end = max(self._window_ends).replace(minute=0)
        rows = [
            FeatureRow(name, window_end, self._revision, features_of(name, risk, name in self._unusual))
            for name, risk in zip("AB", risks, strict=True)
        ]
        for row in rows:
            self.seen.computed(row.machine_id, row.window_end, row.revision)
        online = OnlineFeatures(self._client("dynamodb"), "realtime-features")
        NewestFeatures(self._lake, online).offer_all(rows, updated_at=self.pipeline.now)

    def _overtake(self, calls: int, risks: Sequence[str]) -> None:
        self.pipeline.now += HOUR
        behind, (invocation, score) = self._judge(Judge()), self._judge(Judge(order=1))

        def compute_and_score() -> None:
            self._compute((), risks)
            score()

        interleave([behind, (invocation, compute_and_score)], ((0, calls), (1, _TO_ITS_END), (0, _TO_ITS_END)))

    def _alarms_follow_from_scores(self) -> None:
        objects, alarms = self.pipeline.s3.objects, {alarm.machine_id: alarm for alarm in self._alarms(_MODEL)}
        if RANKING_KEY not in objects or SCORES_KEY not in objects:
            return
        scores = predictions._decode(objects[SCORES_KEY])
        for machine in FleetRanking.decode(objects[RANKING_KEY]).machines:
            if machine.state.may_alarm and (score := scores.get(machine.machine_id)):
                alarm = alarms.get(machine.machine_id)
                demand(follows(alarm, score.alarm), "I1 an alarm follows from the stored score", f"{alarm} of {score}")

    def _judge(self, run: Judge) -> tuple[Invocation, Callable[[], None]]:
        invocation = self.invocation(run.faults, run.order)
        return invocation, lambda: self.pipeline.score(invocation)

    def _reply(self, reply: Reply) -> None:
        episodes = [alarm.episode for alarm in self._alarms() if alarm.episode is not None]
        if not episodes:
            return
        episode_id = episodes[reply.pick % len(episodes)].id
        until = self.pipeline.now + HOUR if reply.action == "shelve" else None
        given = Answer(action=reply.action, until=until, verdict=reply.verdict if reply.action == "close" else None)
        answer = partial(
            Alarms(self._client("dynamodb"), "alarms").answer,
            episode_id,
            given,
            principal="operator",
            now=self.pipeline.now,
        )
        self.disturbed(
            lambda invocation: self.pipeline.operate(invocation, answer),
            reply.faults,
            refusals=(AnswerRefusedError, NoSuchEpisodeError),
        )

    def _alarms(self, *sources: AlarmSource) -> list[Alarm]:
        stored = stored_alarms(self.pipeline.dynamodb.items["alarms"])
        return [alarm for alarm in stored if alarm.source in (sources or AlarmSource)]

    def settle(self) -> None:
        """Let everything be delivered, judged and tried undisturbed; then people know what is stored, and once."""
        for _ in range(2):
            self.pipeline.now += timedelta(minutes=2)  # whoever has claimed an announcement had a minute for it
            self.deliver_all(READINGS)
            if self.pipeline.queues[DEAD_LETTERS].waiting:
                self.revive()
        self.deliver_all(READINGS)
        for _ in range(2):
            self.happen(Judge())
        self.happen(Try())
        while not self.stream.is_taken:
            self.happen(Publish(10))
        self._people_know()
        self._others_know()
        self._no_trial_is_lost()

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

    def _others_know(self) -> None:
        lost = self.seen.episodes.changes - set(self.pipeline.bus.taken)
        demand(not lost, "I1 each change of an episode is on the bus", f"{lost}")
        kept = Counter(map(label_of, LabelHistory(self._client("dynamodb"), "label-history").load_verdicts()))
        given = Counter(self.seen.episodes.verdicts.values())
        demand(kept == given, "I1 each verdict is a label, once", f"{kept - given} too many, {given - kept} missing")

    def _no_trial_is_lost(self) -> None:
        kept = len(self.pipeline.s3.under("trials/"))
        sent = [about for about, _ in self.pipeline.topic.sent].count("trial")
        doubled = sum(map(_may_be_sent_again, self.invocations))
        demand(kept <= sent <= kept + doubled, "I1 each trial is kept, and announced once", f"{sent} of {kept}")


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
def features_of(machine_id: str, risk: str, is_unusual: bool) -> dict[str, float]:
    """A machine's features in an hour like any other, or of four times the vibration; and those of a risk."""
    row = _normal().filter(machine_id=machine_id).row(0, named=True)
    own = {name: row[name] * (4.0 if is_unusual and name.startswith("vibration") else 1.0) for name in _COLUMNS}
    return own | dict(zip(_OF_THE_MODEL, _AT_RISK[risk], strict=True))


@cache
def _normal() -> pl.DataFrame:
    names = {"M0": "A", "M1": "B", "M2": "C"}
    return fleet(3, FORTNIGHT, seed=1).with_columns(pl.col("machine_id").replace_strict(names))
