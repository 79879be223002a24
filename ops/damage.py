"""What is damaged in a stack: the records that functions have kept, and what is found by reading everything anew."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from handlers.stores import DamagedItem, Predictions, decode_parquet, last_seen_object, ranking_object, scores_object
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import (
    ACCEPTED_DAMAGE_PREFIX,
    BASELINE_CHAMPION_KEY,
    BEGINNINGS_KEY,
    BUCKETS_PREFIX,
    CHAMPION_KEY,
    CHECKPOINT_KEY,
    COMPACTED_PREFIX,
    DAMAGED_PREFIX,
    EARLIER_EVENTS_KEY,
    EVENT_DAYS_PREFIX,
    EVENTS_PREFIX,
    FEATURES_PREFIX,
    FRESHNESS_KEY,
    LAYOUT_KEY,
    OVERSIZE_PREFIX,
    QUARANTINE_PREFIX,
    RANKING_KEY,
    RAW_PREFIX,
    REPLACED_PREFIX,
    SCORES_KEY,
    Checkpoint,
    Damage,
    Layout,
    damage_id,
    decode_events,
    decode_quarantine,
    decode_readings,
    event_day_key,
    hour_of_text,
    raw_hour,
    raw_key,
)
from mlops_core.prognosis import Champion
from ops.ranges import HOUR, process_range
from ops.stack import Stack

NOTICED_BY: Final = "doctor"
_AT_ONCE: Final = 200
_LOOKED_BACK: Final = timedelta(hours=24)
_BY_DAY: Final = (
    RAW_PREFIX,
    COMPACTED_PREFIX,
    REPLACED_PREFIX,
    EVENTS_PREFIX,
    QUARANTINE_PREFIX,
    BUCKETS_PREFIX,
    FEATURES_PREFIX,
)


def _readings(body: bytes) -> object:
    return decode_readings([body], on_malformed=lambda _: None)


def _events(body: bytes) -> object:
    return decode_events([body], on_malformed=lambda _: None)


_DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    RAW_PREFIX: _readings,
    REPLACED_PREFIX: _readings,
    EVENTS_PREFIX: _events,
    QUARANTINE_PREFIX: decode_quarantine,
    COMPACTED_PREFIX: decode_parquet,
    BUCKETS_PREFIX: decode_parquet,
    FEATURES_PREFIX: decode_parquet,
    EVENT_DAYS_PREFIX: decode_parquet,
    BEGINNINGS_KEY: decode_parquet,
    CHECKPOINT_KEY: Checkpoint.decode,
    LAYOUT_KEY: Layout.decode,
    CHAMPION_KEY: Champion.decode,
    BASELINE_CHAMPION_KEY: Champion.decode,
}
"""How the objects under a prefix, or the one of a key, are read."""

_EARLIER: Final = "--mend takes its latest earlier version that can be read"
_REMEDIES: Final = {
    RAW_PREFIX: "--mend stores an earlier version, where there is one, beside it; else its readings are lost: --accept",
    QUARANTINE_PREFIX: "its message cannot be judged again: --accept",
    REPLACED_PREFIX: "its readings are in the compacted hour: --accept",
    EVENTS_PREFIX: "the failures are in the label history; events of other kinds are lost: --accept",
    BUCKETS_PREFIX: "--mend computes its hour again",
    FEATURES_PREFIX: "--mend computes its hour again",
    COMPACTED_PREFIX: "--mend makes it again of the bytes under replaced/",
    OVERSIZE_PREFIX: "raise processingMemoryMb, compute the hour with mlops backfill, then --accept",
}
_ITEM_REMEDY: Final = "--mend keeps what it holds in the record and removes it; it is then made anew"
_SAID_REMEDY: Final = (
    "--mend keeps what it holds in the record and removes it; then record it again (mlops machines, maintenance)"
)

_DOCUMENTS: Final = (
    CHECKPOINT_KEY,
    LAYOUT_KEY,
    CHAMPION_KEY,
    BEGINNINGS_KEY,
    EARLIER_EVENTS_KEY,
    BASELINE_CHAMPION_KEY,
    FRESHNESS_KEY,
    SCORES_KEY,
    RANKING_KEY,
)


@dataclass(frozen=True)
class Finding:
    """A damaged object or item: `remedy` says what to do, `is_settled` that it was restored or made again since."""

    damage: Damage
    remedy: str
    is_settled: bool = False
    item: DamagedItem | None = None

    @property
    def what_to_do(self) -> str:
        """In words."""
        return "it was restored or made again since: --mend closes the record" if self.is_settled else self.remedy

    def as_report(self) -> dict[str, object]:
        """As part of a report."""
        known = self.damage.model_dump(include={"key", "problem", "noticed_at", "noticed_by"})
        return {**known, "is_settled": self.is_settled, "remedy": self.what_to_do}


class Doctor:
    """Finds what is damaged in a stack and mends what can be mended. It removes no object."""

    def __init__(self, stack: Stack, now: datetime) -> None:
        self._stack = stack
        self._lake = stack.lake
        self._now = now
        documents = (last_seen_object(stack.lake), scores_object(stack.lake), ranking_object(stack.lake))
        self._decoders = _DECODERS | {document.key: document.decode for document in documents}

    def recorded(self) -> list[Finding]:
        """What functions have found and could not rebuild, and no operator has accepted."""
        names = [name for name in self._lake.versions(DAMAGED_PREFIX) if not name.startswith(ACCEPTED_DAMAGE_PREFIX)]
        found = [Damage.decode(body) for body in self._lake.read_all(names)]
        return [Finding(damage, _remedy(damage.key), is_settled=self._is_settled(damage)) for damage in found]

    def accepted(self) -> set[str]:
        """Names of the records that an operator has accepted; what was mended may be damaged in the same way again."""
        records = [Damage.decode(body) for body in self._lake.read_all(self._lake.versions(ACCEPTED_DAMAGE_PREFIX))]
        return {damage.id for damage in records if not damage.is_mended}

    def is_accepted(self, key: str) -> bool:
        """Whether nothing more is to be done about an object as it is now."""
        return damage_id(key, self._lake.versions(key).get(key, "")) in self.accepted()

    def examined(self, days: int) -> Iterator[Finding]:
        """Read every document and item, and the objects of the last so many days; yield what cannot be read."""
        yield from self._objects(
            {key: version for key in _DOCUMENTS for found, version in self._lake.versions(key).items() if found == key}
        )
        for back in range(days):
            day = f"date={self._now - timedelta(days=back):%Y-%m-%d}"
            for prefix in (*(f"{prefix}{day}/" for prefix in _BY_DAY), event_day_key(day)):
                yield from self._objects(self._lake.versions(prefix))
        yield from self._items()

    def mend(self, finding: Finding, *, quiet: bool) -> bool:
        """Mend what can be mended; returns whether it was."""
        damage, key = finding.damage, finding.damage.key
        if finding.item is not None:
            # What it held, before it is removed.
            self._lake.create(*damage.model_copy(update={"is_mended": True}).encode(is_accepted=True))
            self._make_item_again(finding.item)
            return True
        if key.startswith(OVERSIZE_PREFIX):
            return False
        if not finding.is_settled:
            if key.startswith((BUCKETS_PREFIX, COMPACTED_PREFIX, FEATURES_PREFIX)):
                hour = hour_of_text(f"{key.partition('date=')[2][:10]}T{key.partition('hour=')[2][:2]}")
                process_range(self._stack, hour - HOUR, hour + HOUR, 2 * HOUR, quiet=quiet)
                if key.startswith(FEATURES_PREFIX) and not self._is_settled(damage):
                    self._restored(damage)  # of windows that no setting of today makes
            elif not self._restored(damage):
                return False
            elif key.startswith(RAW_PREFIX):
                self.accept(finding)
                return True
        if is_settled := self._is_settled(damage):
            self.accept(replace(finding, damage=damage.model_copy(update={"is_mended": True})))
        return is_settled

    def accept(self, finding: Finding) -> None:
        """Keep the record as one about which nothing more is to be done: later runs still pass the object over."""
        record = finding.damage.encode()
        self._lake.create(*finding.damage.encode(is_accepted=True))
        if record.key in self._lake.versions(record.key):
            self._lake.remove([record.key])

    def _is_settled(self, damage: Damage) -> bool:
        """Whether the object is another than the damaged one by now, or is there again where it was gone."""
        version = self._lake.versions(damage.key).get(damage.key)
        if not damage.version:
            return version is not None
        return version is None or version.strip('"') != damage.version

    def _restored(self, damage: Damage) -> bool:
        """Put the latest earlier version that can be read in the place of the damaged one; False where there is none.

        Raw objects are written once: the earlier version gets a name of its own beside the damaged one.
        """
        decode = self._decoder(damage.key)

        def readable(body: bytes) -> bytes:
            decode(body)
            return body

        body = self._lake.earlier(damage.key, readable)
        if body is not None and damage.key.startswith(RAW_PREFIX):
            self._lake.create(raw_key(raw_hour(damage.key), sha256(body).hexdigest()), body)
            return True
        is_replaced = damage.key in self._decoders or damage.key.startswith((FEATURES_PREFIX, EVENT_DAYS_PREFIX))
        if body is not None and is_replaced:
            self._lake.replace(damage.key, body, seen=f'"{damage.version}"')
            return True
        return False

    def _make_item_again(self, item: DamagedItem) -> None:
        second = "event_timestamp" if item.table == self._stack.outputs.label_history_table_name else "alarm"
        keys = {name: {"S": value} for name, value in zip(("machine_id", second), item.keys, strict=False)}
        self._stack.dynamodb.delete_item(TableName=item.table, Key=keys)
        if item.table == self._stack.outputs.realtime_features_table_name:
            until = self._now.replace(minute=0, second=0, microsecond=0)
            process_range(self._stack, until - _LOOKED_BACK, until, _LOOKED_BACK, quiet=True)

    def _objects(self, versions: Mapping[str, str]) -> Iterator[Finding]:
        names = list(versions)
        for first in range(0, len(names), _AT_ONCE):
            part = names[first : first + _AT_ONCE]
            for key, body in zip(part, self._lake.read_all(part), strict=True):
                try:
                    self._decoder(key)(body)
                except MalformedObjectError as error:
                    problem = error.problem or error.message
                    yield Finding(Damage.of(key, versions[key], problem, at=self._now, by=NOTICED_BY), _remedy(key))

    def _decoder(self, key: str) -> Callable[[bytes], object]:
        return next(decode for prefix, decode in self._decoders.items() if key.startswith(prefix))

    def _items(self) -> Iterator[Finding]:
        outputs = self._stack.outputs
        found: list[DamagedItem] = []
        predictions = Predictions(self._stack.dynamodb, outputs.predictions_table_name)
        for store in (self._stack.online_features, predictions, self._stack.alarms, self._stack.machines):
            store.load_all(on_damaged=found.append)
        list(self._stack.label_history.entries(on_damaged=found.append))
        said_by_people = {outputs.machines_table_name, outputs.label_history_table_name}
        for item in found:
            key = f"{item.table}/{'/'.join(item.keys)}"
            version = sha256(item.content.encode()).hexdigest()
            damage = Damage.of(key, version, item.problem, at=self._now, by=NOTICED_BY)
            remedy = _SAID_REMEDY if item.table in said_by_people else _ITEM_REMEDY
            yield Finding(damage.model_copy(update={"content": item.content}), remedy, item=item)


def _remedy(key: str) -> str:
    return next((text for prefix, text in _REMEDIES.items() if key.startswith(prefix)), _EARLIER)
