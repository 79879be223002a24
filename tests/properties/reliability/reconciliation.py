"""The account of a history at rest: every published message in one place, and features that follow from all readings."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from handlers.stores.numbers import number
from mlops_core.lake import features_key, shard_of
from mlops_core.machines import CHANNELS
from mlops_core.schema import READINGS
from tests.properties.reliability.calls import Invocation
from tests.properties.reliability.history import HOUR, History
from tests.properties.reliability.messages import FailureFact, ReadingFact, Refusal
from tests.properties.reliability.observations import CHECKPOINT, demand
from tests.properties.reliability.pipeline import DEAD_LETTERS, LENGTHS


def settle(history: History) -> None:
    """Bring a history to rest and reconcile it, before and after dead letters are put back."""
    history.drain()
    nothing_is_lost(history)
    history.revive()
    history.drain()
    everything_is_in_one_place(history)
    if history.publications:
        if not history.seen.unwatched:
            scheduled_features_follow_from_all_readings(history)
        replaying_changes_nothing_but_what_is_missing(history)


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
    readings = {fate for fate in fates if isinstance(fate, ReadingFact)}
    failures = {fate for fate in fates if isinstance(fate, FailureFact)}
    refused = Counter(
        (*publication.identity, publication.fate.reason)
        for publication in history.publications
        if isinstance(publication.fate, Refusal)
    )
    demand(seen.readings == readings, "I1 the lake holds the readings", f"{seen.readings ^ readings}")
    demand(seen.failures == failures, "I1 the lake holds the failures", f"{seen.failures ^ failures}")
    demand(seen.refused == refused, "I3 quarantine holds what was refused, once", f"{seen.refused} not {refused}")
    largest: dict[tuple[str, str], float] = {}
    for failure in failures:
        key = failure.machine_id, failure.event_timestamp
        largest[key] = max(failure.measured_value, largest.get(key, 0.0))
    items = history.pipeline.dynamodb.items["label-history"]
    recorded = {key: float(item["measured_value"]["N"]) for key, item in items.items()}
    demand(recorded == largest, "I2 the label history follows from the events", f"{recorded} not {largest}")


def scheduled_features_follow_from_all_readings(history: History) -> None:
    """I2, I7, I8: each row that the schedule had to compute is what the set of readings gives."""
    checkpoint = json.loads(history.pipeline.s3.objects[CHECKPOINT])
    first, last = (datetime.fromisoformat(checkpoint[name]) for name in ("processed_from", "processed_until"))
    demand(not checkpoint["due"], "I8 nothing stays due", str(checkpoint))
    demand(last == history.pipeline.now.replace(minute=0), "I10 no hour is left out", str(checkpoint))
    expected = _features(history, first, last)
    stored = [pl.read_parquet(body) for body in history.pipeline.s3.under("processed/features/").values()]
    within = (pl.col("window_end") > first) & (pl.col("window_end") <= last)
    found = pl.concat([expected.clear(), *stored]).filter(within).sort("machine_id", "window_end")
    demand(found.equals(expected), "I2 features follow from the set of readings", f"{found} not {expected}")
    _online_is_newest_offline(history)


def replaying_changes_nothing_but_what_is_missing(history: History) -> None:
    """I12, I17: computed anew from everything, partitions have the very same bytes, and a second time as well."""
    first = min((datetime.fromisoformat(each.event_timestamp) for each in history.seen.readings), default=None)
    if first is None:
        return
    start, end = first.replace(minute=0), history.pipeline.now.replace(minute=0)
    expected: dict[str, bytes] = {}
    features = _features(history, start, end)
    for (at, shard), rows in features.with_columns(
        at=pl.col("window_end").dt.truncate("1h"),
        shard=pl.col("machine_id").replace_strict(_shards(history), default=None),
    ).partition_by("at", "shard", as_dict=True).items():
        expected[features_key(at, shard)] = history.reference.encoded(rows.drop("at", "shard"))
    event = {"start": start.isoformat(), "end": end.isoformat()}
    for _ in range(2):
        answer = history.pipeline.process(Invocation(), event)
        history.seen.report()
        demand(isinstance(answer, dict) and answer["is_complete"], "I17 a replay ends well", repr(answer))
        stored = history.pipeline.s3.under("processed/features/")
        differing = [key for key in stored.keys() | expected.keys() if stored.get(key) != expected.get(key)]
        demand(not differing, "I17 a replay of everything gives the state of the live run", str(differing))
        _online_is_newest_offline(history)


def _features(history: History, start: datetime, end: datetime) -> pl.DataFrame:
    rows = [(each.machine_id, each.channel, datetime.fromisoformat(each.event_timestamp), each.value) for each in sorted(history.seen.readings)]
    readings = pl.DataFrame(rows, schema=READINGS, orient="row")
    hop = history.pipeline.variant.hop
    features = history.reference.featured(
        history.reference.bucketed(readings, hop=hop), lengths=LENGTHS, hop=hop, start=start, end=end, channels=tuple(CHANNELS)
    )
    return features.filter(pl.col("revision") > 0).sort("machine_id", "window_end")


def _shards(history: History) -> dict[str, int]:
    return {machine_id: shard_of(machine_id, history.pipeline.variant.shards) for machine_id in ("A", "B")}


def _online_is_newest_offline(history: History) -> None:
    """I9: the online store holds each machine's newest row."""
    rows: dict[str, dict[str, Any]] = {}
    for body in history.pipeline.s3.under("processed/features/").values():
        for row in pl.read_parquet(body).iter_rows(named=True):
            if row["window_end"] >= rows.get(row["machine_id"], row)["window_end"]:
                rows[row["machine_id"]] = row
    items = history.pipeline.dynamodb.items["realtime-features"]
    demand({key[0] for key in items} == set(rows), "I9 every machine is online", f"{items.keys()} not {rows.keys()}")
    for (machine_id,), item in items.items():
        row = dict(rows[machine_id])
        found = item["window_end"]["S"], item["revision"]["N"], item["features"]["M"]
        due = row.pop("window_end").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), str(row.pop("revision"))
        row.pop("machine_id")
        features = {name: {"N": number(value)} for name, value in row.items() if value is not None}
        demand(found == (*due, features), "I9 online is the newest offline row", f"{found} not {due} {features}")
