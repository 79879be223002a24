"""Whatever is sent, reading it gives a reading, a failure event or a refusal; and nothing that is sent is lost.

MESSAGE_FUZZ_EXAMPLES=100000 makes the run as long as one likes; without it, it takes some seconds.
"""

import json
import os
from base64 import b64decode, b64encode
from datetime import timedelta
from functools import partial

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from hypothesis import HealthCheck, given, settings, strategies as st

from handlers.deliveries import open_record
from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.lake import (
    decode_failures,
    decode_quarantine,
    decode_readings,
    encode_events,
    encode_quarantine,
    encode_readings,
)
from mlops_core.telemetry import Event, FailureEvent, Reading, parse_message, parse_messages
from mlops_core.time import utc_text
from tests.properties.reliability.calls import Invocation
from tests.properties.reliability.junk import bodies, payloads, topics
from tests.properties.reliability.messages import ALLOWED_LATENESS, PREFIX, FailureFact, ReadingFact
from tests.properties.reliability.observations import Observations
from tests.properties.reliability.pipeline import LABELS, READINGS, START, Variant
from tests.properties.reliability.queues import QueuedMessage

pytestmark = pytest.mark.verify

EXAMPLES = int(os.environ.get("MESSAGE_FUZZ_EXAMPLES", "400"))
START_MS = round(START.timestamp() * 1000)


def _envelope(topic: str, payload: bytes) -> str:
    return json.dumps({"payload_base64": b64encode(payload).decode(), "topic": topic, "received_at_ms": START_MS})


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def read(topic: str, payload: bytes, at=START) -> Reading | FailureEvent | Event | None:
    """What a message says; None where it is refused. Anything else than that fails the test."""
    try:
        accepted = parse_message(topic, payload, at)
    except MessageRejectedError as error:
        refusal = error
    else:
        refusal = None
    if refusal is not None:
        assert refusal.reason in QuarantineReason
        assert 0 < len(refusal.detail) < 1000, "a detail that a sender can make as long as the message"
        return None
    assert type(accepted) in (Reading, FailureEvent, Event)
    return accepted


@fuzzed(3 * EXAMPLES)
@given(topic=topics, payload=payloads)
def test_any_message_is_a_reading_a_failure_event_or_refused(topic: str, payload: bytes):
    accepted = read(topic, payload)
    if accepted is not None:
        assert topic.startswith(f"{PREFIX}/{accepted.machine_id}/")
        assert accepted.replayed or START - accepted.event_timestamp <= timedelta(hours=48)
        assert accepted.event_timestamp - START <= timedelta(minutes=5)


@fuzzed(EXAMPLES)
@given(payload=payloads, suffix=st.sampled_from(["temperature", "vibration", "event/failure"]))
def test_what_is_accepted_is_kept_and_read_back(payload: bytes, suffix: str):
    accepted = read(f"{PREFIX}/A/{suffix}", payload)
    if isinstance(accepted, Reading):
        [stored] = encode_readings([accepted])
        frame = decode_readings([stored.body])
        row = (accepted.machine_id, accepted.channel, accepted.event_timestamp, accepted.value)
        assert frame.select("machine_id", "channel", "event_timestamp", "value").rows() == [row]
    elif isinstance(accepted, FailureEvent):
        [stored] = encode_events([accepted])
        assert decode_failures([stored.body])["event_code"].to_list() == [accepted.event_code]


@fuzzed(EXAMPLES)
@given(body=bodies)
def test_any_record_of_a_queue_is_opened_or_refused_whole(body: str):
    accepted, refused = open_record(_record(body), parse_messages)
    assert accepted or refused
    for record in refused:
        assert decode_quarantine(encode_quarantine(record).body) == record
        whole = body.encode(errors="surrogatepass")
        assert record.payload == whole or record.payload in b64decode(json.loads(body)["payload_base64"])


@pytest.mark.parametrize("queue", [READINGS, LABELS])
@fuzzed(EXAMPLES // 8)
@given(delivered=st.lists(bodies | st.builds(_envelope, topics, payloads), max_size=6))
def test_whatever_a_queue_delivers_is_in_the_lake_or_in_quarantine_with_its_bytes(wiring, queue, delivered: list[str]):
    pipeline = wiring.start(Variant())
    seen = Observations(pipeline)
    batch = [QueuedMessage(f"id-{number}", body, START_MS) for number, body in enumerate(delivered)]
    assert pipeline.handle(queue, batch, Invocation()) == {"batchItemFailures": []}
    seen.report()
    refused = {payload for _, payload, _, _ in seen.refused}
    for body in delivered:
        if not refused & _bytes_of(body):  # a message of which an element was refused is not looked into here
            accepted, _ = open_record(_record(body), partial(parse_messages, allowed_lateness=ALLOWED_LATENESS))
            kept = seen.readings if queue == READINGS else seen.failures
            assert all(_fact(parsed) in kept for parsed in accepted if not isinstance(parsed, Event)), "it is nowhere"


def _bytes_of(body: str) -> set[bytes]:
    """What a body may be kept as: itself, or the payload that its envelope holds."""
    try:
        return {body.encode(errors="surrogatepass"), b64decode(json.loads(body)["payload_base64"], validate=True)}
    except (ValueError, TypeError, KeyError):
        return {body.encode(errors="surrogatepass")}


def _fact(parsed: Reading | FailureEvent) -> ReadingFact | FailureFact:
    match parsed:
        case Reading():
            return ReadingFact(parsed.machine_id, parsed.channel, utc_text(parsed.event_timestamp), parsed.value)
        case FailureEvent():
            return FailureFact(
                parsed.machine_id, utc_text(parsed.event_timestamp), parsed.event_code, parsed.measured_value
            )


def _record(body: str) -> SQSRecord:
    return SQSRecord(QueuedMessage("id", body, START_MS).record())
