"""Edges of the fault matrix that histories do not reach: the largest messages, and windows off the hour."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl

from mlops_core.features import compute_features
from mlops_core.telemetry import READINGS
from tests.properties.reliability.calls import Invocation
from tests.properties.reliability.messages import PREFIX, ReadingFact, text_of
from tests.properties.reliability.observations import Observations
from tests.properties.reliability.pipeline import READINGS as QUEUE, START, Variant

LARGEST = 128 * 1024  # what AWS IoT takes
LAMBDA_EVENT = 6 * 1024 * 1024


def padded(number: int, size: int) -> bytes:
    """A reading whose payload has so many bytes."""
    body = {"machine_id": "A", "timestamp_utc": text_of(START - timedelta(seconds=number)), "temperature_celsius": 20.0}
    return json.dumps({**body, "note": "x" * (size - len(json.dumps({**body, "note": ""})))}).encode()


def test_a_batch_as_large_as_lambda_takes_is_kept_and_what_is_too_large_is_quarantined(wiring):
    pipeline = wiring.start(Variant())
    seen = Observations(pipeline)
    payloads = [padded(number, LARGEST) for number in range(34)] + [padded(34, LARGEST + 1)]
    for payload in payloads:
        pipeline.broker.now_ms = pipeline.now_ms
        pipeline.broker.route(f"{PREFIX}/A/temperature", payload)
    batch = list(pipeline.queues[QUEUE].waiting.values())
    assert LAMBDA_EVENT - 2 * LARGEST < sum(len(message.body) for message in batch) < LAMBDA_EVENT
    assert pipeline.handle(QUEUE, batch, Invocation()) == {"batchItemFailures": []}
    seen.report()
    expected = {ReadingFact("A", "temperature", text_of(START - timedelta(seconds=n)), 20.0) for n in range(34)}
    assert seen.readings == expected
    [(_, payload, _, reason)] = seen.refused
    assert (payload, reason) == (payloads[-1], "OVERSIZE")


def test_a_window_from_half_past_to_half_past_holds_the_thirty_readings_in_it():
    #    00:00       00:30                     01:30       02:00
    #      |...........[.........................).............|     one reading every two minutes
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    rows = [("A", "vibration", midnight + minute * timedelta(minutes=2), float(minute)) for minute in range(60)]
    features = compute_features(pl.DataFrame(rows, schema=READINGS, orient="row"), lengths=("1h",), hop="30m")
    [row] = features.filter(pl.col("window_end") == midnight + timedelta(minutes=90)).rows(named=True)
    assert row["vibration_count_1h"] == 30
    assert (row["vibration_min_1h"], row["vibration_max_1h"]) == (15.0, 44.0)
