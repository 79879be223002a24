"""Many channels and batches: the real handlers of ingestion and of processing over stores in memory.

python -m benchmarks.scale.channels ingestion 20    # invocations; batches of 30 readings a message, by stage
python -m benchmarks.scale.channels hour 100        # machines; 300 channels each, a reading a minute
"""

import base64
import contextlib
import io
import json
import os
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.scale.processing import END, Stack
from benchmarks.scale.stores import invocation
from mlops_core.lake import channels_key, encode_readings
from mlops_core.telemetry import MAXIMUM_CHANNELS, Channel, Channels, Reading, parse_messages

MESSAGES: Final = 500
"""Of one invocation, as a queue's batch holds."""
_PREFIX: Final = "industrial/machine"


def ingestion(invocations: int) -> None:
    """Readings a CPU-second of the whole handler, and of its two largest stages by themselves."""
    Stack()
    from handlers import ingestion as function

    received = datetime.now(UTC).replace(microsecond=0)
    batches = [batch(number, received) for number in range(invocations + 1)]
    events = [event(batch, received) for batch in batches]
    count = invocations * MESSAGES * 30
    _quietly(lambda: function.handler(events[0], invocation(256, 30)))
    whole = _cpu(lambda: [function.handler(event, invocation(256, 30)) for event in events[1:]])
    parsed: list[list[Reading]] = []

    def parse() -> None:
        for batch in batches[1:]:
            found = [parse_messages(topic, payload, received) for topic, payload in batch]
            parsed.append([one for each in found for one in each.accepted if isinstance(one, Reading)])

    stages = {"parsing": _cpu(parse), "encoding": _cpu(lambda: [encode_readings(each) for each in parsed])}
    assert sum(map(len, parsed)) == count
    stages["envelopes, grouping, limits, counts"] = whole - sum(stages.values())
    shares = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in stages.items())
    print(f"{count} readings, 30 a message, {MESSAGES} messages an invocation: {count / whole:,.0f} readings a CPU-s")
    print(f"of {whole:.2f} CPU-s: {shares}; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def batch(number: int, received: datetime) -> list[tuple[str, bytes]]:
    """Messages of 15 minutes of two channels, each machine's own."""
    messages: list[tuple[str, bytes]] = []
    for machine in range(MESSAGES):
        elements = [
            {
                "timestamp_utc": f"{received - timedelta(seconds=60 * minute + number):%Y-%m-%dT%H:%M:%S.%f}Z",
                "values": {"temperature": 60.0 + (machine + minute) % 97 / 7, "vibration": 2.0 + minute / 11},
            }
            for minute in range(15)
        ]
        messages.append((f"{_PREFIX}/PUMP-{machine:04d}/readings", json.dumps(elements).encode()))
    return messages


def event(batch: list[tuple[str, bytes]], received: datetime) -> dict[str, Any]:
    milliseconds = int(received.timestamp() * 1000)
    records: list[dict[str, Any]] = [
        {
            "messageId": f"00000000-0000-4000-8000-{number:012}",
            "receiptHandle": "-",
            "attributes": {"SentTimestamp": str(milliseconds)},
            "eventSource": "aws:sqs",
            "body": json.dumps(
                {
                    "payload_base64": base64.b64encode(payload).decode(),
                    "topic": topic,
                    "received_at_ms": milliseconds,
                }
            ),
        }
        for number, (topic, payload) in enumerate(batch)
    ]
    return {"Records": records}


def hour(machines: int) -> None:
    """One scheduled hour of as many channels as a stack may have: CPU, rows and peak memory."""
    channels = Channels(
        *(Channel(name=f"channel_{n:03}", unit="1", minimum=0, maximum=1e6) for n in range(MAXIMUM_CHANNELS))
    )
    stack, key = Stack(), channels_key(channels.hash)
    stack.bucket.objects[key] = (channels.document, '"channels"')
    os.environ["CHANNELS_KEY"] = key
    begins = END - timedelta(hours=1)
    for minute in range(60):
        at = begins + timedelta(minutes=minute)
        readings = (
            Reading(f"PRESS-{machine:03}", name, at, (machine * 7 + minute * 3 + place) % 977 / 7, at)
            for machine in range(machines)
            for place, name in enumerate(channels)
        )
        for raw in encode_readings(readings):
            stack.bucket.objects[raw.key] = (raw.body, '"raw"')
    before, wall = _peak(), time.monotonic()
    done = stack.run(END + timedelta(minutes=5))
    print(
        f"{MAXIMUM_CHANNELS} channels x {machines} machines, a reading a minute: {done['cpu']:.1f} CPU-s,"
        f" {time.monotonic() - wall:.1f} s, {done['rows']} rows, peak {_peak():.0f} MB ({before:.0f} before the run)"
    )


def _cpu(action: Any) -> float:  # noqa: ANN401 - whatever the action returns is dropped
    begins = time.process_time()
    _quietly(action)
    return time.process_time() - begins


def _quietly(action: Any) -> None:  # noqa: ANN401 - as `_cpu`
    with contextlib.redirect_stdout(io.StringIO()):
        action()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def set_environment(what: str) -> None:
    """Set a function's environment."""
    os.environ |= {
        "DATA_LAKE_BUCKET": "lake", "DYNAMODB_TABLE_NAME": "features", "LABEL_HISTORY_TABLE": "labels",
        "ALARMS_TABLE": "alarms", "MQTT_TOPIC_PREFIX": _PREFIX,
        "NOTICE_TOPIC_ARN": "arn", "MACHINES_TABLE": "machines", "TIME_WINDOW": "6",
        "FEATURE_LENGTHS_HOURS": "[1,6,24]", "POWERTOOLS_SERVICE_NAME": what, "POWERTOOLS_METRICS_NAMESPACE": "x",
        "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }  # fmt: skip


def main(what: str, size: int) -> None:
    """Measure one of the two."""
    set_environment(what)
    {"ingestion": ingestion, "hour": hour}[what](size)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
