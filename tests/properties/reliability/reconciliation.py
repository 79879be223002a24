"""The account of a history at rest: each message in one place, and features that follow from the set of readings."""

import json
from collections import Counter
from datetime import datetime
from functools import cache
from operator import itemgetter

import polars as pl

from handlers.stores.items import number
from mlops_core.features import AGE, DRIFT
from mlops_core.lake import BEGINNINGS_KEY, CHECKPOINT_KEY, LAYOUT_KEY, Layout, features_key, shard_of
from tests.properties.reliability.calls import Invocation
from tests.properties.reliability.history import History
from tests.properties.reliability.messages import FailureFact, ReadingFact, Refusal
from tests.properties.reliability.observations import demand
from tests.properties.reliability.pipeline import DEAD_LETTERS, few_features
from tests.properties.reliability.reference import Row, feature_rows, moment
from tests.properties.reliability.releases import is_sealed


def settle(history: History, *, replay: bool) -> None:
    """Bring a history to rest and reconcile it."""
    come_to_rest(history)
    everything_is_in_one_place(history)
    if replay or history.has_unfinished_range:
        replaying_changes_nothing_but_what_is_missing(history)


def come_to_rest(history: History) -> None:
    """Let everything be delivered; nothing is lost before dead letters are put back, and those are delivered, too."""
    history.drain()
    nothing_is_lost(history)
    if history.pipeline.queues[DEAD_LETTERS].waiting:
        history.revive()
        history.drain()


def nothing_is_lost(history: History) -> None:
    """I1: what is not where it has to end is a dead letter."""
    dead = [json.loads(each.body) for each in history.pipeline.queues[DEAD_LETTERS].waiting.values()]
    dead_payloads = Counter(each.get("payload_base64") or each["base64OriginalPayload"] for each in dead)
    missing = [each for each in history.publications if not history.seen.is_durable(each)]
    demand(len(missing) <= dead_payloads.total(), "I1 nothing is lost", f"{missing} of which dead: {dead}")


def everything_is_in_one_place(history: History) -> None:
    """I1, I3: the lake holds the distinct readings and failures, quarantine each refused message once; no others."""
    seen = history.seen
    fates = [publication.fate for publication in history.publications]
    readings = {fate for fate in fates if isinstance(fate, ReadingFact)} | history.imported
    failures = {fate for fate in fates if isinstance(fate, FailureFact)}
    refused = Counter(
        (*publication.identity, publication.fate.reason)
        for publication in history.publications
        if isinstance(publication.fate, Refusal)
    )
    demand(seen.readings == readings, "I1 the lake holds the readings", f"{seen.readings ^ readings}")
    stated = {(p.fact, p.replayed, p.extras) for p in history.publications if p.fate in readings}
    demand(
        stated <= seen.stated,
        "I1 extras and replayed are kept with a reading",
        f"{stated - seen.stated}",
    )
    stored = seen.stored_readings()
    demand(stored == readings, "I1 the lake still holds the readings", f"{stored ^ readings}")
    demand(seen.failures == failures, "I1 the lake holds the failures", f"{seen.failures ^ failures}")
    demand(seen.refused == refused, "I3 quarantine holds what was refused, once", f"{seen.refused} not {refused}")
    largest: dict[tuple[str, str], float] = {}
    for failure in failures:
        key = failure.machine_id, failure.event_timestamp
        largest[key] = max(failure.measured_value, largest.get(key, 0.0))
    items = history.pipeline.dynamodb.items["label-history"]
    recorded = {key: float(item["measured_value"]["N"]) for key, item in items.items() if "measured_value" in item}
    demand(recorded == largest, "I2 the label history follows from the events", f"{recorded} not {largest}")


def scheduled_features_follow_from_all_readings(history: History) -> None:
    """I2, I7, I8: each row that the schedule had to compute is what the set of readings gives."""
    if history.seen.unwatched:
        return
    checkpoint = json.loads(history.pipeline.s3.objects[CHECKPOINT_KEY])
    first, last = (datetime.fromisoformat(checkpoint[name]) for name in ("processed_from", "processed_until"))
    first = max(first, history.seen.features_from or first)
    demand(not checkpoint["due"], "I8 nothing stays due", str(checkpoint))
    demand(last == history.pipeline.now.replace(minute=0), "I10 no hour is left out", str(checkpoint))
    expected = {key: row for key, row in _expected(history, first, last).items() if not history.is_affected(*key)}
    found = {
        key: row for key, row in _stored(history).items() if first < key[1] <= last and not history.is_affected(*key)
    }
    demand(found == expected, "I2 features follow from the set of readings", _difference(found, expected))
    if not (history.has_unfinished_range or history.is_reshaped or history.is_online_hurt):
        _online_is_newest_offline(history)


def replaying_changes_nothing_but_what_is_missing(history: History) -> None:
    """I12, I17: computed anew from everything, rows are the same, and so are the bytes when it is done once more."""
    first = min((moment(each.event_timestamp) for each in history.seen.readings), default=None)
    if first is None:
        return
    start, end = first.replace(minute=0), history.pipeline.now.replace(minute=0)
    event = {"start": start.isoformat(), "end": end.isoformat()}
    expected = _expected(history, start, end)
    before: dict[str, bytes] | None = None
    for _ in range(2):
        answer = history.pipeline.process(Invocation(), event)
        history.seen.report()
        demand(isinstance(answer, dict) and answer["is_complete"], "I17 a replay ends well", repr(answer))
        found = _stored(history)
        demand(found == expected, "I17 a replay gives what the live run had to give", _difference(found, expected))
        after = history.pipeline.s3.under("processed/")
        others = {} if before is None else {key for key in before | after if before.get(key) != after.get(key)}
        demand(not others, "I12 the same readings give the same bytes", f"{others}")
        before = after
        if not history.is_reshaped:  # a row of earlier settings stays online until a newer one comes
            _online_is_newest_offline(history)
    _beginnings_are_the_first_rows(history)


def _expected(history: History, start: datetime, end: datetime) -> dict[tuple[str, datetime], Row]:
    variant = history.pipeline.variant
    return feature_rows(history.seen.readings, variant.lengths, variant.hop, start, end, variant.channels)


def _difference(found: dict[tuple[str, datetime], Row], expected: dict[tuple[str, datetime], Row]) -> str:
    keys = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    return "; ".join(f"{key[0]} {key[1]:%d %H:%M}: {found.get(key)} not {expected.get(key)}" for key in keys)


def _stored(history: History) -> dict[tuple[str, datetime], Row]:
    """Every row of the offline store, which has the bytes that these rows always have, and stands where it belongs."""
    rows: dict[tuple[str, datetime], Row] = {}
    store = history.pipeline.s3
    layout = Layout.decode(store.objects[LAYOUT_KEY])
    for key, body in store.under("processed/features/").items():
        if body in store.damaged:
            continue
        held = stored_rows(body)
        same = not is_sealed(body) or history.partition_bytes.setdefault(stored_table(body), body) == body
        demand(same, "I2 the same rows have the same bytes in every history", key)
        for row in filter(None, map(history.as_of_today, held)):
            shard = shard_of(row["machine_id"], layout.shards_of(row["window_end"]))
            demand(key == features_key(row["window_end"], shard), "I12 a row has one place", f"{row} in {key}")
            rows[row["machine_id"], row["window_end"]] = row
    return rows


def _beginnings_are_the_first_rows(history: History) -> None:
    """I2: what drift and age count from follows from the rows, in whatever order they were computed."""
    rows = list(_stored(history).values())
    if not rows:
        return
    variant = history.pipeline.variant
    recipe = few_features(variant.lengths, variant.hop, variant.channels)
    expected = recipe.beginnings(pl.DataFrame(rows, infer_schema_length=None)).rows(named=True)
    found = pl.read_parquet(history.pipeline.s3.objects[BEGINNINGS_KEY]).rows(named=True)
    demand(found == expected, "I2 beginnings follow from the rows", f"{found} not {expected}")


def _online_is_newest_offline(history: History) -> None:
    """I9: the online store holds each machine's newest row.

    A row of which a reading is damaged, its buckets too, is not computed any more. Where no later one is left offline,
    the online store still answers from what was known before.
    """
    newest: dict[str, Row] = {}
    for (machine_id, _), row in sorted(_stored(history).items(), key=itemgetter(0)):
        newest[machine_id] = row
    items = history.pipeline.dynamodb.items["realtime-features"]
    missing = newest.keys() - {machine_id for (machine_id,) in items}
    demand(not missing, "I9 every machine is online", f"{missing}")
    for (machine_id,), item in items.items():
        features = {name: value for name, value in item["features"]["M"].items() if not is_derived(name)}
        found = moment(item["window_end"]["S"]), int(item["revision"]["N"]), features
        row = newest.get(machine_id)
        due = None if row is None else (row["window_end"], row["revision"], _as_stored(row))
        outlives = due is None or found[:2] > due[:2]
        if not (outlives and history.is_affected(machine_id, found[0])):
            demand(found == due, "I9 online is the newest offline row", f"{found} not {due}")


def _as_stored(row: Row) -> dict[str, dict[str, str]]:
    names = row.keys() - {"machine_id", "window_end", "revision"}
    return {name: {"N": number(row[name])} for name in names if row[name] is not None}


def is_derived(name: str) -> bool:
    """Whether a feature depends on more than the window: drift, age."""
    return name == AGE or name.endswith(DRIFT)


@cache
def stored_table(body: bytes) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
    """The columns and rows of a partition."""
    frame = pl.read_parquet(body)
    return tuple(frame.columns), tuple(frame.rows())


@cache
def stored_rows(body: bytes) -> tuple[Row, ...]:
    """The rows of a partition."""
    return tuple(pl.read_parquet(body).rows(named=True))
