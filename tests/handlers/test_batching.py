"""However the same readings come, the lake holds the same and features have the same bits: from message to feature."""

import json
import random
from collections.abc import Iterator
from io import BytesIO

import polars as pl
import pytest

from mlops_core.lake import decode_readings
from mlops_core.telemetry import CHANNELS, READINGS, Reading
from mlops_core.time import utc_text
from tests.handlers.processed_lake import HOUR, NOON, at, computed, readings, stored

PREFIX = "industrial/machine"
RECEIVED_MS = int((NOON + HOUR).timestamp() * 1000)
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.verify) for seed in range(3, 40))]
Sent = tuple[str, bytes]


def of_a_shift(rng: random.Random) -> list[Reading]:
    """Readings of five hours with gaps, and two values for one identity."""
    some = [reading for reading in readings(-5, 0) if rng.random() < 0.8]
    twice = rng.choice(some)
    return [*some, twice._replace(value=twice.value + 1.5)]


def alone(reading: Reading, rng: random.Random) -> Sent:
    """One reading on its channel's topic."""
    field = rng.choice(["value", CHANNELS[reading.channel].payload_field])
    body: dict[str, object] = {field: reading.value, "timestamp_utc": utc_text(reading.event_timestamp)}
    if rng.random() < 0.5:
        body["machine_id"] = reading.machine_id
    return f"{PREFIX}/{reading.machine_id}/{reading.channel}", json.dumps(body).encode()


def elements(some: list[Reading], rng: random.Random) -> list[dict[str, object]]:
    """Elements of one machine: now one a channel, now all channels of a moment."""
    found: list[tuple[str, dict[str, object]]] = []
    for reading in some:
        when = utc_text(reading.event_timestamp)
        beside = next((values for moment, values in found if moment == when and reading.channel not in values), None)
        if beside is not None and rng.random() < 0.7:
            beside[reading.channel] = reading.value
        else:
            found.append((when, {reading.channel: reading.value}))
    return [moment(when, rng) | {"values": values} for when, values in found]


def moment(when: str, rng: random.Random) -> dict[str, object]:
    if rng.random() < 0.5:
        return {"timestamp_utc": when}
    since = pl.Series([when]).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms").dt.epoch("ms").item()
    return {"timestamp_ms": since}


def messages(some: list[Reading], rng: random.Random) -> Iterator[Sent]:
    """The readings in messages of one and of many, some of which are sent twice; a bad element costs itself."""
    for machine in sorted({reading.machine_id for reading in some}):
        left = [reading for reading in some if reading.machine_id == machine]
        while left:
            taken, left = left[: (size := rng.randint(1, 40))], left[size:]
            if size < 5:
                sent = [alone(reading, rng) for reading in taken]
            else:
                body: list[object] = list(elements(taken, rng))
                if rng.random() < 0.3:
                    body.insert(rng.randint(0, len(body)), rng.choice([17, {"values": {"temperature": 1.0}}, "x"]))
                sent = [(f"{PREFIX}/{machine}/readings", json.dumps(body[0] if len(body) == 1 else body).encode())]
            for message in sent:
                yield from [message] * rng.choice([1, 1, 1, 2])


def in_the_lake(aws) -> dict[tuple[object, ...], float]:
    """The value of each identity, of raw objects and of compacted hours; of two values the larger counts."""
    compacted = [pl.read_parquet(BytesIO(body)).select(READINGS.names()) for body in aws.objects("compacted/").values()]
    kept = pl.concat([decode_readings(list(aws.objects("raw/").values())), *compacted])
    largest = kept.group_by("machine_id", "channel", "event_timestamp").agg(pl.col("value").max())
    return {row[:3]: row[3] for row in largest.iter_rows()}


@pytest.mark.parametrize("seed", SEEDS)
def test_any_batching_order_and_duplication_gives_the_same_lake_and_the_same_bits(aws, deploy, deliver, seed):
    rng = random.Random(seed)  # noqa: S311 - a case of the test, and no secret
    some = of_a_shift(rng)
    shuffled = rng.sample(some, len(some))
    sent = list(messages(shuffled, rng))
    rng.shuffle(sent)
    process = deploy("processing")
    ingest = deploy("ingestion")
    clock = 0.1
    while sent:
        taken, sent = sent[: (size := rng.randint(1, 25))], sent[size:]
        event = deliver(*taken, received_at_ms=RECEIVED_MS)
        assert ingest(event) == {"batchItemFailures": []}
        if rng.random() < 0.3:
            assert ingest(event) == {"batchItemFailures": []}
        if rng.random() < 0.3:
            process(at(clock))
            clock += 0.01
    process(at(clock))

    larger = {reading[:3]: reading for reading in sorted(some, key=lambda reading: reading.value or 0)}
    assert in_the_lake(aws) == {identity: reading.value for identity, reading in larger.items()}
    expected = computed(list(larger.values()), -6, 0)
    assert stored(aws).select(expected.columns).equals(expected)
