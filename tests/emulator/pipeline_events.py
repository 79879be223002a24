"""Events in which the functions of the pipeline do all that they can, and what the stack needs for them."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.run.reconciliation import saved_states
from mlops_core.alerting.episodes import Stage
from mlops_core.condition.limits import LimitState
from mlops_core.lake import LAYOUT_KEY, NEWEST_KEY, compacted_key, encode_readings, replaced_object
from mlops_core.telemetry import Message, Reading, failure_message, reading_message
from tests.emulator.conftest import Laptop, under_repair
from tests.raised_alarms import raised


def record(message: Message, number: int) -> dict[str, Any]:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    body = {
        "payload_base64": b64encode(message.payload).decode(),
        "topic": message.topic,
        "received_at_ms": now_ms,
    }
    return {"messageId": str(number), "body": json.dumps(body), "attributes": {"SentTimestamp": str(now_ms)}}


def event_for(laptop: Laptop, function: str) -> dict[str, Any]:
    """An event in which a function of the pipeline does all that it can do."""
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    bad = Message(f"{laptop.stack.topic_prefix}/POLICY-1/temperature", b"{")
    match function:
        case "simulator":
            states = saved_states(laptop.stack, laptop.stack.outputs.machine_ids)
            latest = max(state.event_timestamp for state in states.values())
            under_repair(laptop, min(states), until=latest + timedelta(minutes=1))
            return {"at": (latest + timedelta(minutes=2)).isoformat()}
        case "ingestion":
            severe = reading_message(
                unannounced_alarm(laptop, now), "vibration", now, 16.7, topic_prefix=laptop.stack.topic_prefix
            )
            return {"Records": [record(severe, 1), record(bad, 2)]}
        case "label":
            failure = failure_message(
                fresh_machine(now), now, "BEARING_WEAR", 12.0, 11.2, topic_prefix=laptop.stack.topic_prefix
            )
            return {"Records": [record(failure, 1), record(bad, 2)]}
        case _:
            to_be_compacted(laptop, hour - timedelta(hours=1), now)
            damage(laptop, LAYOUT_KEY)
            damage(laptop, compacted_key(hour - timedelta(hours=1)))
            laptop.stack.s3.delete_object(Bucket=laptop.stack.outputs.data_lake_bucket, Key=NEWEST_KEY)
            return {"start": (hour - timedelta(hours=1)).isoformat(), "end": hour.isoformat()}


def fresh_machine(now: datetime) -> str:
    """A machine of which nothing is known: what has been announced of it is not announced again."""
    return f"POLICY-{now:%H%M%S%f}"


def unannounced_alarm(laptop: Laptop, now: datetime) -> str:
    """A machine with an alarm whose writer died before it announced it, so that another process has to."""
    machine_id, since = fresh_machine(now), now - timedelta(minutes=5)
    state = LimitState(stage="ACT", opened=since, changed=since, value=16.7)
    alarm = raised(machine_id, stage=Stage.ACT, opened=since, evidence=state.model_dump_json())
    assert laptop.stack.alarms.save(alarm, now=now)
    return machine_id


def to_be_compacted(laptop: Laptop, hour: datetime, now: datetime) -> None:
    """Put as many new raw objects into an hour as are taken in, whether it is compacted or not."""
    for number in range(8):
        reading = Reading(
            machine_id="POLICY-1",
            channel="temperature",
            event_timestamp=hour + timedelta(minutes=number, microseconds=now.microsecond),
            value=20.0,
            received_at=now,
        )
        for raw in encode_readings([reading]):
            laptop.stack.lake.create(*raw)
            laptop.stack.lake.create(*replaced_object(hour, [raw.body]))  # what a damaged hour is made again of


def damage(laptop: Laptop, key: str) -> None:
    """Overwrite an object with bytes of which no record exists, as a person might."""
    body = f"damaged {datetime.now(UTC)}".encode()
    laptop.stack.s3.put_object(Bucket=laptop.stack.outputs.data_lake_bucket, Key=key, Body=body)
