"""On the emulator too: whatever fails between a function and AWS, nothing is lost and nothing counts twice.

Faults are hooks in the functions' SDK and changes of queues, roles and concurrency; the functions' code is as deployed.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from benchmarks.soak.books import feature_differences, stale_online, stored_readings
from benchmarks.soak.disturbance import Disturbance, impatient
from benchmarks.soak.faulty_sdk import KILLED_AFTER, KILLED_BEFORE, LOST, SENT_AGAIN, UNAVAILABLE, UNAVAILABLE_ONCE
from handlers.stores.publisher import Publisher
from infra.local.run.bad_messages import BadMessage, bad_messages
from infra.local.run.reconciliation import FAILURE, READING, Lived, Stored, reconcile, wait_until_drained
from mlops_core.lake import CHECKPOINT_KEY
from mlops_core.telemetry import FAILURES, READINGS, Message, failure_message, reading_message
from ops.dead_letters import DeadLetters
from tests.emulator.conftest import Laptop
from tests.emulator.waiting import eventually, invoke

HOUR = timedelta(hours=1)
READINGS_PUBLISHED = 40
# Time for a queue to drain after faults: redeliveries, and functions that were throttled meanwhile.
PATIENCE = 240


def this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module", autouse=True)
def quick_redelivery(laptop: Laptop) -> Iterator[None]:
    """Queues that deliver again soon, so that no message of one test is still in flight in the next."""
    wait_until_drained(laptop.stack, timeout=PATIENCE)
    with impatient(laptop.stack, 10):
        yield
        wait_until_drained(laptop.stack, timeout=PATIENCE)


@contextmanager
def disturbed(laptop: Laptop, rates: dict[str, float], kinds: dict[str, int]) -> Iterator[Disturbance]:
    log = laptop.folder / "faults.log"
    with Disturbance(laptop.endpoint, laptop.stack, log, rates=rates, kinds=kinds) as disturbance:
        yield disturbance


def say(laptop: Laptop, machine_id: str) -> tuple[Lived, list[BadMessage]]:
    """Publish readings of four hours, two failures and a few messages to be refused."""
    start = this_hour() - 4 * HOUR
    readings = [
        (machine_id, channel, start + tick * timedelta(minutes=12), 20.0 + tick)
        for tick in range(READINGS_PUBLISHED // 2)
        for channel in ("temperature", "vibration")
    ]
    failures = [(machine_id, start + number * HOUR, "BEARING_WEAR") for number in (1, 2)]
    prefix = laptop.stack.topic_prefix
    refused = bad_messages(prefix, machine_id, datetime.now(UTC))[4:9]
    publisher = Publisher(laptop.stack.iot_data)
    for message in (
        *(reading_message(*reading, topic_prefix=prefix) for reading in readings),
        *(failure_message(*failure, 12.0, 11.2, topic_prefix=prefix) for failure in failures),
        *(Message(bad.topic, bad.payload) for bad in refused),
    ):
        publisher.publish(message)
    return Lived(
        pl.DataFrame(readings, schema=READINGS, orient="row").select(READING),
        pl.DataFrame(failures, schema={name: FAILURES[name] for name in FAILURE}, orient="row"),
    ), refused


def revive(laptop: Laptop) -> int:
    """Put dead letters back, until there are none; returns how many."""
    letters = DeadLetters(
        laptop.stack.sqs,
        laptop.stack.outputs.dead_letter_queue_url,
        readings=laptop.stack.outputs.ingestion_queue_url,
        failures=laptop.stack.outputs.label_queue_url,
    )
    revived = 0
    while sent := letters.redrive(1000).sent.total():
        revived += sent
        wait_until_drained(laptop.stack, timeout=PATIENCE)
    return revived


def checkpoint(laptop: Laptop) -> dict[str, object]:
    return json.loads(laptop.stack.lake.read(CHECKPOINT_KEY))


@pytest.mark.parametrize(
    ("machine_id", "kinds"),
    [
        pytest.param("FAULT-1A", {UNAVAILABLE_ONCE: 4, UNAVAILABLE: 1}, id="unavailable"),
        pytest.param("FAULT-1B", {LOST: 1, SENT_AGAIN: 1}, id="answers-lost"),
        pytest.param("FAULT-1C", {KILLED_BEFORE: 1, KILLED_AFTER: 1}, id="killed"),
    ],
)
def test_what_is_published_while_functions_fail_is_kept_once(laptop: Laptop, machine_id: str, kinds: dict[str, int]):
    before = Stored.of(laptop.stack.lake)
    with disturbed(laptop, {"ingestion": 0.5, "label": 0.5}, kinds) as disturbance:
        published, refused = say(laptop, machine_id)
        eventually(lambda: disturbance.seen().total() > 3, within=120, what="4 faults")
    wait_until_drained(laptop.stack, timeout=PATIENCE)
    revive(laptop)
    ledger = reconcile(laptop.stack, published, refused, before=before)
    assert (ledger.lake_distinct, ledger.quarantined) == (READINGS_PUBLISHED + 2, len(refused))


def test_processing_killed_again_and_again_ends_with_the_features_of_all_readings(laptop: Laptop):
    published, _ = say(laptop, "FAULT-2")
    wait_until_drained(laptop.stack, timeout=PATIENCE)
    name, start, end = laptop.stack.outputs.processing_function_name, this_hour() - 4 * HOUR, this_hour()
    event = {"start": start.isoformat(), "end": end.isoformat()}
    kinds = {KILLED_BEFORE: 1, KILLED_AFTER: 1, LOST: 1}
    with disturbed(laptop, {"processing": 0.02}, kinds) as disturbance:
        eventually(
            lambda: invoke(laptop.endpoint, name, event) and disturbance.seen().total() > 2, within=120, what="3 faults"
        )
    assert invoke(laptop.endpoint, name, event)["is_complete"]
    machines = ["FAULT-2"]
    stored = stored_readings(laptop.stack, machines).unique()
    assert stored.sort(pl.all()).equals(published.readings.sort(pl.all()))
    assert feature_differences(laptop.stack, stored, start, end, machines) == (4, 0, 0)
    assert stale_online(laptop.stack, machines) == []


def test_five_scheduled_runs_at_once_leave_one_result(laptop: Laptop):
    published, _ = say(laptop, "FAULT-3")
    wait_until_drained(laptop.stack, timeout=PATIENCE)
    before, name = checkpoint(laptop), laptop.stack.outputs.processing_function_name
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: invoke(laptop.endpoint, name, {}), range(5)))
    assert any(answer.get("is_complete") for answer in answers), answers
    assert invoke(laptop.endpoint, name, {})["is_complete"]
    after = checkpoint(laptop)
    assert after["version"] > before["version"]
    assert after["processed_from"] == before["processed_from"]
    assert (after["processed_until"], after["due"]) == (f"{this_hour():%Y-%m-%dT%H:%M:%S}.000000Z", {})
    machines = ["FAULT-3"]
    differences = feature_differences(laptop.stack, published.readings, this_hour() - 4 * HOUR, this_hour(), machines)
    assert differences == (4, 0, 0)
    assert stale_online(laptop.stack, machines) == []


def test_a_function_that_may_not_write_acknowledges_nothing_and_goes_on_when_it_may(laptop: Laptop):
    before = Stored.of(laptop.stack.lake)
    disturbance = Disturbance(laptop.endpoint, laptop.stack, laptop.folder / "faults.log", rates={})
    with disturbance.denied("ingestion", "s3:PutObject"), disturbance.denied("label", "s3:PutObject"):
        published, refused = say(laptop, "FAULT-4")
        url = laptop.stack.outputs.ingestion_queue_url
        names = ["ApproximateNumberOfMessagesNotVisible"]

        def tried() -> bool:
            found = laptop.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return int(found[names[0]]) > 0

        eventually(tried, within=30, what="a delivery")
        assert frozenset(laptop.stack.lake.versions("")) == before.keys
    wait_until_drained(laptop.stack, timeout=PATIENCE)
    revive(laptop)
    assert reconcile(laptop.stack, published, refused, before=before).dead_lettered == 0


def test_processing_that_may_not_read_leaves_the_checkpoint_where_it_is(laptop: Laptop):
    before, name = checkpoint(laptop), laptop.stack.outputs.processing_function_name
    disturbance = Disturbance(laptop.endpoint, laptop.stack, laptop.folder / "faults.log", rates={})
    say(laptop, "FAULT-5")
    wait_until_drained(laptop.stack, timeout=PATIENCE)
    with disturbance.denied("processing", "s3:GetObject"):
        assert "errorType" in invoke(laptop.endpoint, name, {})
    assert checkpoint(laptop) == before
    assert invoke(laptop.endpoint, name, {})["is_complete"]
