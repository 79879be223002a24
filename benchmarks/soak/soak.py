"""One soak: a stack on the emulator, disturbed while a fleet publishes, then left alone, put right and reconciled."""

import random
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from benchmarks.soak.books import Books, feature_differences, stale_online, stored_readings
from benchmarks.soak.disturbance import Disturbance, impatient
from benchmarks.soak.traffic import MACHINES, OLDEST, Traffic, publish
from handlers.stores.publisher import Publisher
from infra.local.engine.deploy import deploy
from infra.local.engine.emulator import STACK_FILE, Emulator
from infra.local.run.reconciliation import Stored, reconcile, wait_until_drained
from infra.local.run.schedules import ScheduledRunError, Schedules
from infra.packaging import LAYERS, Layer, Target, build
from ops.dead_letters import DeadLetters
from ops.ranges import RangeProcessor, hour_of
from ops.stack import Stack, load_stack

IMPATIENCE_SECONDS = 10
DRAIN_SECONDS = 900.0
Tell = Callable[[str], None]


def soak(
    emulator: Emulator,
    *,
    messages: int,
    batch: int = 1,
    rate: float,
    faults: float,
    seed: int,
    tell: Tell = print,
    stack: Stack | None = None,
) -> Books:
    """Run one. Raises ReconciliationError, NotDrainedError, or what a stage raises.

    messages: how many are published, at most `rate` a second; batch: readings a message. faults: the part of the calls
    to AWS that fail.
    """
    began = time.monotonic()
    seconds: dict[str, float] = {}
    stack = stack or _deployed(emulator)
    before = Stored.of(stack.lake)
    schedules = Schedules(emulator.endpoint)
    schedules.set_enabled(stack.outputs.schedule_names["simulator"], enabled=False)
    traffic = Traffic(seed, stack.topic_prefix, datetime.now(UTC))
    # One run of processing makes hundreds of calls, of which none may fail.
    rates = {"ingestion": faults, "label": faults, "processing": faults / 10}
    disturbance = Disturbance(emulator.endpoint, stack, emulator.folder / "faults.log", rates=rates)
    with impatient(stack, IMPATIENCE_SECONDS):
        with disturbance, _runs(schedules, stack, disturbance, seed) as runs:
            published = publish(
                Publisher(stack.iot_data),
                traffic.messages(messages) if batch == 1 else traffic.batches(messages, batch),
                rate=rate,
                tell=lambda number: tell(f"{number:,} published, {disturbance.seen().total():,} faults"),
            )
            seconds["published"] = time.monotonic() - began
            wait_until_drained(stack, timeout=DRAIN_SECONDS)
        tell(f"{runs.done} runs of processing, {runs.failed} failed; no more faults")
        dead_letters = 0
        while redriven := _redrive(stack):
            dead_letters += redriven
            wait_until_drained(stack, timeout=DRAIN_SECONDS)
    seconds["drained"] = time.monotonic() - began
    while not schedules.invoke_target(stack.outputs.schedule_names["processing"])["is_complete"]:
        pass
    end = hour_of(datetime.now(UTC))
    start = hour_of(traffic.now - OLDEST)
    RangeProcessor.of(stack).process(start, end, _unseen)
    seconds["processed"] = time.monotonic() - began
    ledger = reconcile(stack, traffic.lived(), traffic.refused, before=before)
    stored = stored_readings(stack, MACHINES)
    rows, stale, unasked = feature_differences(stack, stored.unique(), start, end, MACHINES)
    return Books(
        messages=published,
        published=traffic.elements,
        distinct=ledger.lake_distinct,
        quarantined=dict(ledger.quarantined_by_reason),
        dead_letters=dead_letters,
        dead_letters_left=ledger.dead_lettered,
        published_twice=traffic.repeated,
        delivered_again=disturbance.delivered() + dead_letters - published,
        stored_again=stored.height - stored.unique().height,
        faults=dict(disturbance.seen()),
        runs=runs.done,
        runs_failed=runs.failed,
        feature_rows=rows,
        lost=traffic.elements
        - traffic.repeated
        - ledger.lake_distinct
        - ledger.quarantined
        + stale
        + len(stale_online(stack, MACHINES)),
        doubled=unasked,
        seconds={name: round(at, 1) for name, at in seconds.items()},
    )


def _deployed(emulator: Emulator) -> Stack:
    for name in LAYERS:
        build(Layer.of(name, Target.of("host", "host")))
    emulator.describe(deploy(emulator.endpoint, stack="local").outputs)
    return load_stack("local", local_file=emulator.folder / STACK_FILE)


def _redrive(stack: Stack) -> int:
    letters = DeadLetters(
        stack.sqs,
        stack.outputs.dead_letter_queue_url,
        readings=stack.outputs.ingestion_queue_url,
        failures=stack.outputs.label_queue_url,
    )
    return letters.redrive(1_000_000).sent.total()


def _unseen(items: int) -> None:
    """Take the hours that an invocation has done."""


class _Runs:
    """Counts scheduled runs."""

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0


@contextmanager
def _runs(schedules: Schedules, stack: Stack, disturbance: Disturbance, seed: int) -> Generator[_Runs]:
    """Runs of processing all the while, two at once, and now and then a function that may not run or write."""
    counted, over = _Runs(), threading.Event()

    def run() -> None:
        while not over.wait(5):
            counted.done += 1
            try:
                schedules.invoke_target(stack.outputs.schedule_names["processing"])
            except ScheduledRunError:
                counted.failed += 1

    def disturb() -> None:
        drawn = random.Random(seed)  # noqa: S311 - not for secrets
        while not over.wait(20 + 20 * drawn.random()):
            window = (
                disturbance.throttled("ingestion")
                if drawn.random() < 0.5
                else disturbance.denied(drawn.choice(("ingestion", "label", "processing")), "s3:PutObject")
            )
            with window:
                over.wait(3)

    threads = [threading.Thread(target=work, daemon=True) for work in (run, run, disturb)]
    for thread in threads:
        thread.start()
    try:
        yield counted
    finally:
        over.set()
        for thread in threads:
            thread.join()
