"""What may be seen of a stack at any moment, and what must hold of it then: a violation is raised where it happens."""

import gzip
import json
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Any

import polars as pl

from handlers.stores import newest_features
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import (
    BEGINNINGS_KEY,
    BUCKETS_PREFIX,
    CHECKPOINT_KEY,
    FEATURES_PREFIX,
    LAYOUT_KEY,
    NEWEST_KEY,
    SCORES_KEY,
)
from mlops_core.time import utc_text
from tests.properties.reliability import calls
from tests.properties.reliability.episode_rules import EpisodeRules, is_judged
from tests.properties.reliability.messages import ALLOWED_LATENESS, FailureFact, Publication, ReadingFact, Refusal
from tests.properties.reliability.object_store import Put
from tests.properties.reliability.pipeline import Pipeline
from tests.properties.reliability.reference import moment
from tests.properties.reliability.tables import Written

_NEVER: dict[str, dict[str, str]] = {"sequence": {"N": "0"}}


class InvariantViolatedError(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, found: str) -> None:
        super().__init__(f"{invariant}: {found}")
        self.invariant = invariant


def demand(holds: object, invariant: str, found: str) -> None:
    """Raise where an invariant does not hold."""
    if not holds:
        raise InvariantViolatedError(invariant, found)


class Observations:
    """Watches the stores of one stack, and keeps what they hold in a form that can be asked.

    `is_affected`: whether a machine's row of a window end depends on readings that are damaged.
    """

    def __init__(
        self, pipeline: Pipeline, is_affected: Callable[[str, datetime], bool] = lambda _machine_id, _window_end: False
    ) -> None:
        self._pipeline = pipeline
        self._is_affected = is_affected
        self.readings: set[ReadingFact] = set()
        self.failures: set[FailureFact] = set()
        self.refused: Counter[tuple[str, bytes, int, str]] = Counter()
        self.unwatched = False
        self.stated: set[tuple[ReadingFact, bool, str | None]] = set()
        self.features_from: Any = None  # before it, rows are of earlier settings
        self._shapes: dict[tuple[str, tuple[Any, ...]], tuple[int, tuple[int, ...]]] = {}
        self._sound_hours: dict[str, frozenset[ReadingFact]] = {}
        self._kept: set[bytes] = set()
        self._offline: dict[tuple[str, Any], int] = {}
        self._made_with: dict[str, str] | None = None
        self.episodes = EpisodeRules()
        self._trials = 0
        self._violation: InvariantViolatedError | None = None
        pipeline.s3.watchers.append(partial(self._watch, self._put))
        pipeline.s3.removal_watchers.append(partial(self._watch, self._removed))
        pipeline.dynamodb.watchers.append(partial(self._watch, self._written))

    def _watch(self, look: Callable[..., None], *happened: Any) -> None:
        try:
            look(*happened)
        except InvariantViolatedError as violation:  # kept, since a handler may catch it like any error
            self._violation = self._violation or violation

    def report(self) -> None:
        """Raise the first violation that was seen."""
        if self._violation:
            raise self._violation

    def is_durable(self, publication: Publication) -> bool:
        """Whether a publication is where it has to end."""
        match publication.fate:
            case ReadingFact():
                return publication.fate in self.readings
            case FailureFact():
                key = (publication.fate.machine_id, publication.fate.event_timestamp)
                return publication.fate in self.failures and key in self._pipeline.dynamodb.items["label-history"]
            case Refusal(reason):
                return (*publication.identity, reason) in self.refused

    def is_judged(self, publication: Publication) -> bool:
        """Whether a reading that is acknowledged has been compared with the limit of its channel, if it has one."""
        limits = self._pipeline.limits(*publication.fate[:2]) if isinstance(publication.fate, ReadingFact) else None
        return is_judged(publication, self._pipeline.dynamodb.items["alarms"], limits)

    def _put(self, put: Put) -> None:
        kind = put.key.split("/")[0]
        is_over_damage = put.old in self._pipeline.s3.damaged
        put = put._replace(old=None if is_over_damage else put.old)
        if kind == "models" and is_over_damage:  # what the earlier version held is taken back
            return
        looks = {"processed": self._processed, "compacted": self._compacted, "trials": self._tried}
        looks |= dict.fromkeys(("models", "baselines", "fleet", "freshness"), self._document)
        if kind in looks:
            looks[kind](put)
            if put.key == SCORES_KEY:
                for found in self.episodes.of_scores(put.old, put.body):
                    demand(*found)
            return
        demand(put.condition == "new", "I6 raw objects are created, never replaced", put.key)
        if kind in {"damaged", "predictions", "training"}:
            return
        if kind == "replaced":
            self._kept |= {*_lines(put.body)}
        elif kind == "raw":
            self._raw(put)
        elif kind == "events":
            self.failures |= {
                FailureFact(line["machine_id"], line["event_timestamp"], line["event_code"], line["measured_value"])
                for line in lines_of(put.body)
            }
        else:
            demand(kind == "quarantine", "I1 every message has its place", put.key)
            for line in lines_of(put.body):
                self._quarantined(put.key, line)

    def _compacted(self, put: Put) -> None:
        rows, old = compacted_readings(put.body), self._sound_hours.get(put.key, frozenset())
        self._sound_hours[put.key] = rows
        demand(old <= rows, "I1 an hour that is compacted again loses no reading", f"{old - rows} from {put.key}")
        demand(rows <= self.readings, "I1 compaction makes nothing up", f"{rows - self.readings} in {put.key}")
        _, date, hour, _ = put.key.split("/")
        places = {(f"date={row.event_timestamp[:10]}", f"hour={row.event_timestamp[11:13]}") for row in rows}
        demand(places <= {(date, hour)}, "I7 a reading lies in the hour of its event", f"{places} in {put.key}")

    def _removed(self, key: str, body: bytes) -> None:
        """What leaves raw/ is in its hour's compacted object by then, and its bytes are kept."""
        if key.startswith("damaged/"):  # a record that was settled
            return
        demand(body not in self._pipeline.s3.damaged, "what is damaged is set aside, not removed", key)
        if key.startswith("quarantine/"):
            self._released(body)
            return
        demand(key.startswith("raw/"), "I1 nothing but raw objects is removed", key)
        place = "/".join(key.split("/")[1:3])
        held = compacted_readings(self._pipeline.s3.objects.get(f"compacted/{place}/readings.parquet"))
        lost = {reading_of(line) for line in lines_of(body)} - held
        demand(not lost, "I1 what is removed from raw/ is compacted", f"{lost} of {key}")
        demand(self._kept.issuperset(_lines(body)), "I1 the bytes of what is removed from raw/ are kept", key)

    def stored_readings(self) -> set[ReadingFact]:
        """The readings that the lake holds now, raw or compacted."""
        raw = (body for body in self._pipeline.s3.under("raw/").values() if body not in self._pipeline.s3.damaged)
        stored = {reading_of(line) for body in raw for line in lines_of(body)}
        return stored.union(*map(compacted_readings, self._pipeline.s3.under("compacted/").values()))

    def _raw(self, put: Put) -> None:
        _, date, hour, _ = put.key.split("/")
        for line in lines_of(put.body):
            at = line["event_timestamp"]
            place = (f"date={at[:10]}", f"hour={at[11:13]}")
            demand(place == (date, hour), "I7 a reading lies in the hour of its event", f"{at} in {put.key}")
            fact = reading_of(line)
            self.readings.add(fact)
            self.stated.add((fact, line.get("replayed", False), line.get("extras")))
            self.unwatched |= self._pipeline.is_out_of_sight(at)

    def computed(self, machine_id: str, window_end: datetime, revision: int) -> None:
        """Note a row of which a history tells that the offline store has it."""
        self._offline[machine_id, window_end] = revision

    def _quarantined(self, key: str, line: dict[str, Any]) -> None:
        demand(
            line.keys() - {"readings"} == {"reason", "detail", "topic", "payload_base64", "received_at", "message_id"},
            "I3 quarantine holds the whole message",
            f"{sorted(line)} in {key}",
        )
        received_ms = round(moment(line["received_at"]).timestamp() * 1000)
        self.refused[line["topic"], b64decode(line["payload_base64"]), received_ms, line["reason"]] += 1

    def _released(self, body: bytes) -> None:
        """What leaves quarantine is in the lake by then."""
        for line in lines_of(body):
            received_ms = round(moment(line["received_at"]).timestamp() * 1000)
            self.refused[line["topic"], b64decode(line["payload_base64"]), received_ms, line["reason"]] -= 1
            payload = json.loads(b64decode(line["payload_base64"]))
            held = {(fact.machine_id, fact.event_timestamp) for fact in (*self.readings, *self.failures)}
            about = line["topic"].split("/")[-2 if "event" not in line["topic"] else -3], payload["timestamp_utc"]
            kept = (about[0], utc_text(moment(about[1]))) in held
            demand(kept, "I1 what leaves quarantine is in the lake", str(about))

    def _tried(self, put: Put) -> None:
        self._trials += 1
        announced = [about for about, _ in self._pipeline.topic.sent].count("trial")
        demand(announced >= self._trials, "I1 a trial is announced before it is kept", f"{announced} of {self._trials}")
        demand(put.condition == "new", "I6 a trial is kept once", put.key)

    @staticmethod
    def _document(put: Put) -> None:
        if not put.key.endswith("champion.json"):
            models = put.key.startswith(("models/", "baselines/"))
            demand(models or put.condition, "I10 documents of the fleet are replaced as they were seen", put.key)
            return
        demand(put.condition, "I15 the champion moves by compare and swap", put.key)
        old = json.loads(put.old)["history"] if put.old else []
        new = json.loads(put.body)["history"]
        demand(new[:-1] == old, "I15 the history of promotions is only added to", f"{old} to {new}")

    def _processed(self, put: Put) -> None:
        if put.key == LAYOUT_KEY:
            demand(put.condition is not None, "I10 the layout is replaced as it was seen", put.key)
        elif put.key == CHECKPOINT_KEY:
            self._checkpoint(put)
        elif put.key == BEGINNINGS_KEY:
            demand(put.condition is not None, "I10 beginnings move by compare and swap", put.key)
        elif put.key == NEWEST_KEY:
            self._newest(put)
        elif put.key.startswith(FEATURES_PREFIX):
            self._grows(put, ("machine_id", "window_end"))
            self._offline |= _revisions(put.body, ("machine_id", "window_end"))
        else:
            demand(put.key.startswith(BUCKETS_PREFIX), "I12 outputs have one key a partition", put.key)
            self._grows(put, ("machine_id", "channel", "bucket_start"))

    @staticmethod
    def _newest(put: Put) -> None:
        demand(put.condition is not None, "I10 the fleet's newest rows move by compare and swap", put.key)
        try:
            before = newest_features._decode(put.old) if put.old else {}
        except MalformedObjectError:
            return  # it was damaged, and begins with what the online store holds
        now = newest_features._decode(put.body)
        for machine_id, row in before.items():
            kept = now.get(machine_id)
            held = kept is not None and (kept.window_end, kept.revision) >= (row.window_end, row.revision)
            demand(held, "I9 the fleet's newest rows never go back", f"{machine_id}: {row.window_end} to {kept}")

    def _grows(self, put: Put, identity: tuple[str, ...]) -> None:
        variant = self._pipeline.variant
        shape = variant.hop_minutes, variant.lengths_hours
        old, new = _revisions(put.old, identity), _revisions(put.body, identity)
        for key, revision in old.items():
            if self._shapes.get((put.key, key), shape) != shape:
                continue  # rows of other windows do not compare
            if put.key.startswith(FEATURES_PREFIX) and self._is_affected(*key):
                continue  # its buckets are damaged, too, or it would stay
            grown = new.get(key, 0) >= revision
            demand(grown, "I10 an older result never replaces a newer one", f"{key} went back in {put.key}")
        self._shapes |= {(put.key, key): shape for key, revision in new.items() if old.get(key) != revision}

    def _checkpoint(self, put: Put) -> None:
        invocation = calls.current()
        earlier = [each for each in invocation.errors() if each[0] < invocation.calls - 1]
        demand(not earlier, "I11 a run with an error leaves the checkpoint alone", str(earlier))
        new = json.loads(put.body)
        self._note_shape(put.old, new)
        if put.old is None:
            return
        old = json.loads(put.old)
        demand(new["version"] > old["version"], "I10 the checkpoint has a new version each time", f"{old} to {new}")
        demand(
            new["processed_until"] >= old["processed_until"] and new["processed_from"] == old["processed_from"],
            "I10 the checkpoint never goes back",
            f"{old} to {new}",
        )

    def _note_shape(self, old: bytes | None, new: dict[str, Any]) -> None:
        """Note from when on rows are of the settings of today: those within reach of late data were due anew."""
        before = json.loads(old) if old else {"made_with": self._made_with, "processed_until": new["processed_until"]}
        made_with = new.get("made_with")  # which an older release does not store
        if made_with is not None and before.get("made_with") not in (None, made_with):
            reach = moment(before["processed_until"]) - ALLOWED_LATENESS - max(self._pipeline.variant.lengths)
            self.features_from = max(moment(new["processed_from"]), reach, self.features_from or reach)
        self._made_with = made_with

    def _written(self, written: Written) -> None:
        if written.table == "realtime-features":
            key = written.item["machine_id"]["S"], written.item["window_end"]["S"]
            revision = int(written.item["revision"]["N"])
            if written.old is not None and "N" in written.old["revision"]:
                before = written.old["window_end"]["S"], int(written.old["revision"]["N"])
                demand((key[1], revision) > before, "I9 the online store never goes back", f"{before} to {key}")
            offline = self._offline.get((key[0], moment(key[1])), 0)
            demand(offline >= revision, "I12 online follows offline", f"{key} at {revision}, offline {offline}")
        if written.table == "alarms":
            for found in self.episodes.of_write(written, self._pipeline.topic.sent):
                demand(*found)
        if written.table == "alarms" and "sequence" in written.assigned:
            before, after = (int(item["sequence"]["N"]) for item in (written.old or _NEVER, written.item))
            demand(after == before + 1, "I10 an alarm moves by compare and set", f"{before} to {after}")
        if written.table == "machine-state" and written.old is not None:
            before, after = (json.loads(item["state"]["S"])["event_timestamp"] for item in (written.old, written.item))
            demand(before <= after, "I10 a machine's life never goes back", f"{before} to {after}")


@cache
def lines_of(body: bytes) -> tuple[dict[str, Any], ...]:
    """The JSON lines of an object."""
    return tuple(json.loads(line) for line in gzip.decompress(body).splitlines())


def _lines(body: bytes) -> list[bytes]:
    return gzip.decompress(body).splitlines()


def reading_of(line: dict[str, Any]) -> ReadingFact:
    """The reading of a line of the lake."""
    return ReadingFact(line["machine_id"], line["channel"], line["event_timestamp"], line["value"])


@cache
def compacted_readings(body: bytes | None) -> frozenset[ReadingFact]:
    """The readings of a compacted object."""
    if body is None:
        return frozenset()
    rows = pl.read_parquet(body).rows()
    return frozenset(ReadingFact(machine_id, channel, utc_text(at), value) for machine_id, channel, at, value in rows)


@cache
def _revisions(body: bytes | None, identity: tuple[str, ...]) -> dict[tuple[Any, ...], int]:
    if body is None:
        return {}
    frame = pl.read_parquet(body, columns=[*identity, "revision"])
    return {row[:-1]: row[-1] for row in frame.select(*identity, "revision").rows()}
