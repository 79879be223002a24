"""A stack that lives: its settings change, what it stores is damaged, and an operator works on it, faults or not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple, TypeAlias
from warnings import catch_warnings, simplefilter

import polars as pl

import handlers.promotion
import handlers.training_set
from contract.environment import HISTORICAL_REACH
from handlers.stores import ChampionMovedError, DataLake, last_seen_object
from mlops_core.errors import UntrainableError
from mlops_core.lake import (
    BEGINNINGS_KEY,
    CHAMPION_KEY,
    CHECKPOINT_KEY,
    FRESHNESS_KEY,
    LAYOUT_KEY,
    RANKING_KEY,
    SCORES_KEY,
    Layout,
    features_key,
    shard_of,
)
from mlops_core.lake.seal import SEAL
from tests.properties.reliability import reconciliation
from tests.properties.reliability.history import HALF_HOUR, Faults, History, Operation, Run
from tests.properties.reliability.messages import ReadingFact, Refusal, text_of
from tests.properties.reliability.observations import demand, lines_of, reading_of
from tests.properties.reliability.operator_verbs import Operator, imported_rows
from tests.properties.reliability.pipeline import Variant, Wiring, context
from tests.properties.reliability.reference import moment
from tests.properties.reliability.releases import OLDER, deploy


class Redeploy(NamedTuple):
    """The functions get other settings."""

    shards: int
    hop_minutes: int
    lengths_hours: tuple[int, ...]
    channels: tuple[str, ...]


class Damage(NamedTuple):
    """Somebody, or a disk, changes a stored object (an item, where `kind` is "online") of those that there are."""

    kind: str
    pick: int
    how: str


class Score(NamedTuple):
    """The fleet is scored, with a model or without, and silence is announced."""

    faults: Faults = ()
    order: int = 0


class ReplayQuarantine(NamedTuple):
    """An operator lets late messages in."""

    faults: Faults = ()
    order: int = 0


class RecordRepair(NamedTuple):
    """A technician records a repair so many half hours ago."""

    machine_id: str
    age: int
    faults: Faults = ()


class Promote(NamedTuple):
    """A model of this seed is stored and promoted; without a seed the one before serves again."""

    seed: int | None
    faults: Faults = ()


class Release(NamedTuple):
    """Processing runs once as a release of this age, of AGES, would store what it computes."""

    age: str
    faults: Faults = ()


class Train(NamedTuple):
    """An execution of training: a set is written, a model of this seed stored, judged against who serves, and promoted.

    `rival`: the seed of a model that an operator promotes after the judgement.
    """

    seed: int
    rival: int | None = None
    faults: Faults = ()


class Import(NamedTuple):
    """An operator imports readings of a machine, from so many half hours ago on; stopped, again until it is done."""

    machine_id: str
    age: int
    readings: int
    faults: Faults = ()


Verb: TypeAlias = ReplayQuarantine | RecordRepair | Promote | Import
Happening: TypeAlias = Operation | Redeploy | Release | Damage | Score | Train | Verb

PLACES = {
    "raw": "raw/",
    "buckets": "processed/buckets/",
    "features": "processed/features/",
    "compacted": "compacted/",
    "checkpoint": CHECKPOINT_KEY,
    "layout": LAYOUT_KEY,
    "beginnings": BEGINNINGS_KEY,
    "freshness": FRESHNESS_KEY,
    "champion": CHAMPION_KEY,
    "scores": SCORES_KEY,
    "ranking": RANKING_KEY,
}
"""Where the objects lie that are damaged."""


def _without_a_row(body: bytes) -> bytes:
    """A table without its last row, by somebody who keeps the metadata."""
    frame, metadata, sink = pl.read_parquet(body), pl.read_parquet_metadata(BytesIO(body)), BytesIO()
    frame.head(-1).write_parquet(sink, metadata={SEAL: metadata[SEAL]})
    return sink.getvalue() if frame.height else b""


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda body: body[: len(body) // 2],
    "other bytes": lambda body: body[::-1],
    "a row less": lambda body: _without_a_row(body) if body.startswith(b"PAR1") else b"",
}


GONE = "gone"
"""How only buckets are damaged: they are made again from their readings."""


class LivingHistory(History):
    """A stack to which all of this happens."""

    def __init__(self, wiring: Wiring, variant: Variant) -> None:
        super().__init__(wiring, variant, reconciliation.scheduled_features_follow_from_all_readings)
        self._wiring = wiring
        self.patience = timedelta(minutes=1)
        wiring.watch_limits()
        self.operator = Operator(self.pipeline)
        self._damaged: dict[str, frozenset[ReadingFact]] = {}
        self._lets_late_in = False
        self._executions = 0
        self.is_online_hurt = False

    def is_affected(self, machine_id: str, window_end: datetime) -> bool:
        """Whether a window holds a reading whose object is damaged, or its row's partition is."""
        store = self.pipeline.s3
        layout = Layout.decode(store.objects[LAYOUT_KEY])
        key = features_key(window_end, shard_of(machine_id, layout.shards_of(window_end)))
        if store.objects.get(key) in store.damaged:
            return True
        begins = window_end - max(self.pipeline.variant.lengths)
        lost = (fact for facts in self._damaged.values() for fact in facts if fact.machine_id == machine_id)
        return any(begins <= moment(fact.event_timestamp) < window_end for fact in lost)

    def happen(self, operation: Happening) -> None:
        """Let one thing happen."""
        match operation:
            case Redeploy():
                self._redeploy(Variant(operation.hop_minutes, operation.shards, **_windows(operation)))
            case Damage():
                self._damage(operation)
            case Score(faults, order):
                self.disturbed(self.pipeline.score, faults, order)
            case Release(age, faults):
                self._run_release(age, faults)
            case Train():
                self._train(operation)
            case ReplayQuarantine() | RecordRepair() | Promote() | Import():
                self._let_operator(operation)
            case _:
                self.apply(operation)
        self.seen.report()

    def _let_operator(self, verb: Verb) -> None:
        match verb:
            case ReplayQuarantine(faults, order):
                self._lets_late_in = True
                self._operate(self.operator.replay_quarantine, faults, order)
            case RecordRepair(machine_id, age, faults):
                self._operate(partial(self.operator.record_repair, machine_id, self._ago(age)), faults)
            case Promote(seed, faults):
                chosen = self.operator.roll_back if seed is None else partial(self.operator.promote, seed)
                if CHAMPION_KEY not in self._damaged:
                    self._operate(chosen, faults)
            case Import():
                self._import(verb)

    def _run_release(self, age: str, faults: Faults) -> None:
        """An older release does not store with which settings it computed: those of the runs before and after it."""
        if age == OLDER:
            self.apply(Run())
        deploy(self.pipeline.ports, age)
        self.apply(Run(faults))
        deploy(self.pipeline.ports, None)
        if age == OLDER:
            self.apply(Run())

    def _train(self, wanted: Train) -> None:
        event = {"execution": f"execution-{self._executions}", "started_at": self.pipeline.now.isoformat()}
        self._executions += 1
        with catch_warnings():
            simplefilter("default")  # what it assumes it logs
            for faults in (wanted.faults, ()):  # the state machine tries a step again
                self._step(lambda: handlers.training_set.handler(event, context()), faults, UntrainableError)
        if CHAMPION_KEY in self._damaged:
            return
        against, version = self.operator.serving, self.operator.keep_trained(wanted.seed)
        if wanted.rival is not None:
            self._operate(partial(self.operator.promote, wanted.rival))
        judged = {"version": version, "reason": "better", "against": against}
        for faults in (wanted.faults, ()):
            before = self.operator.serving
            answer = self._step(lambda: handlers.promotion.handler(judged, context()), faults, ChampionMovedError)
            moved = before not in {against, version}
            demand(not moved or self.operator.serving == before, "I15 a champion of later is not replaced", f"{answer}")
        demand(moved or self.operator.serving == version, "I15 what is judged better serves", f"{answer}")

    def _step(self, step: Callable[[], Any], faults: Faults, refusal: type[Exception]) -> Any:
        return self.disturbed(lambda invocation: self.pipeline.operate(invocation, step), faults, refusals=(refusal,))

    def _ago(self, age: int) -> datetime:
        now = self.pipeline.now
        return now.replace(minute=now.minute - now.minute % 30) - age * HALF_HOUR

    def _redeploy(self, variant: Variant) -> None:
        before = self.pipeline.variant
        self.is_reshaped |= before._replace(shards=variant.shards) != variant
        self._wiring.deploy(variant)
        hours = (f"{key.split('/')[1][5:]}T{key.split('/')[2][5:]}:00+00:00" for key in self.pipeline.s3.under("raw/"))
        self.seen.unwatched |= any(map(self.pipeline.is_out_of_sight, hours))

    def _operate(self, verb: Callable[[], Any], faults: Faults = (), order: int = 0) -> Any:
        """What a verb returns; None where a fault ended it."""
        answer = self.disturbed(lambda invocation: self.pipeline.operate(invocation, verb), faults, order)
        return None if isinstance(answer, BaseException) else answer

    def _import(self, wanted: Import) -> None:
        now, rows = self.pipeline.now, list(imported_rows(wanted.machine_id, self._ago(wanted.age), wanted.readings))
        rows = [row for row in rows if row[2] <= now]
        for faults in (wanted.faults, ()):
            self._operate(partial(self.operator.import_readings, rows, now), faults)
        self.imported |= {ReadingFact(row[0], row[1], text_of(row[2]), row[3]) for row in rows}

    def _damage(self, wanted: Damage) -> None:
        store = self.pipeline.s3
        if wanted.kind == "online":
            items = self.pipeline.dynamodb.items["realtime-features"]
            for key in sorted(items)[wanted.pick % max(1, len(items)) :][:1]:
                items[key] = items[key] | {"revision": {"S": "five"}}
                self.is_online_hurt = True
            return
        keys = [key for key in store.under(PLACES[wanted.kind]) if store.objects[key] not in store.damaged]
        if wanted.kind == "champion":
            keys = [key for key in keys if key == CHAMPION_KEY]
        if wanted.kind == "layout":
            keys = [key for key in keys if store.earlier(key)]
        if not keys:
            return
        key = keys[wanted.pick % len(keys)]
        body = store.objects[key]
        if wanted.kind == "raw":
            self._damaged[key] = frozenset(map(reading_of, lines_of(body)))
        elif wanted.kind == "champion":
            self._damaged[key] = frozenset()
        elif wanted.kind == "buckets" and wanted.how == GONE:
            store.lose(key)
            return
        self.is_online_hurt |= wanted.kind == "features"  # which row is the newest, nobody can tell
        store.damage(key, WAYS.get(wanted.how, WAYS["empty"])(body))

    def settle(self) -> None:
        """Bring the stack to rest, mend it, and balance its books."""
        reconciliation.come_to_rest(self)
        if self._lets_late_in:
            self._let_late_in()
        self._everything_damaged_is_named()
        self._mend()
        self.happen(Run())
        self.happen(Score())
        self._people_know()
        reconciliation.everything_is_in_one_place(self)
        reconciliation.replaying_changes_nothing_but_what_is_missing(self)

    def _let_late_in(self) -> None:
        self.happen(ReplayQuarantine())
        for publication in self.publications:
            fact = publication.fact
            if publication.fate == Refusal("TOO_LATE") and fact is not None and self._is_history(fact.event_timestamp):
                publication.fate, publication.replayed = fact, True

    def _is_history(self, event_timestamp: str) -> bool:
        return self.pipeline.now - moment(event_timestamp) < HISTORICAL_REACH

    def _everything_damaged_is_named(self) -> None:
        store = self.pipeline.s3
        named = {finding.damage.key for finding in self._operate(self.operator.examine)}
        damaged = {key for key, body in store.objects.items() if body in store.damaged}
        demand(damaged <= named, "what is damaged has a name", f"{damaged - named}")
        whole = {key for key in named if key.startswith("processed/")} - store.ever_damaged
        demand(not whole, "what is whole is not called damaged", f"{whole}")

    def _mend(self) -> None:
        left = self._operate(self.operator.mend)
        demand(not left, "what can be mended is mended", f"{left}")
        self._damaged.clear()
        self.is_online_hurt = False

    def _people_know(self) -> None:
        """I18: what is silent was announced; an announcement that is due is made."""
        stored = last_seen_object(DataLake(self.pipeline.s3, "lake")).load()
        silent = [] if stored is None else [name for name, seen in stored.value.items() if seen.is_silent]
        notices = [text for about, text in self.pipeline.topic.sent if about == "silence"]
        unheard = [name for name in silent if not any(name.machine_id in text for text in notices)]
        demand(not unheard, "I18 silence is announced", f"{unheard} of {notices}")


def _windows(operation: Redeploy) -> dict[str, Any]:
    return {"lengths_hours": operation.lengths_hours, "channels": operation.channels}
