"""What a gateway would send beside single readings: one batch of many times and channels, one element of it unsound."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from infra.local.run.bad_messages import BadMessage
from mlops_core.errors import QuarantineReason
from mlops_core.telemetry import READINGS, READINGS_LEVEL, Message
from mlops_core.time import utc_text

TIMES = 10
STEP = timedelta(seconds=30)


class GatewayBatch(NamedTuple):
    """A message and what must become of its elements: readings in the lake (null: of BAD quality) and one refusal."""

    message: Message
    readings: pl.DataFrame
    refused: BadMessage


def gateway_batch(prefix: str, machine_id: str, values: Mapping[str, float], now: datetime) -> GatewayBatch:
    """Return a batch of the last minutes, between the whole seconds at which simulated machines measure.

    `values` by channel are repeated; the last channel's newest one is marked BAD, and one more element has a time
    without an offset.
    """
    moments = [now.replace(microsecond=500_000) - number * STEP for number in range(TIMES)]
    elements: list[dict[str, object]] = [{"timestamp_utc": utc_text(at), "values": dict(values)} for at in moments]
    *_, last = values
    elements[0]["quality"] = {last: "BAD"}
    unsound = {"timestamp_utc": utc_text(now).removesuffix("Z"), "values": {last: values[last]}}
    written = [json.dumps(element, separators=(",", ":")).encode() for element in (*elements, unsound)]
    topic = f"{prefix}/{machine_id}/{READINGS_LEVEL}"
    rows = [
        (machine_id, channel, at, None if channel == last and number == 0 else value)
        for number, at in enumerate(moments)
        for channel, value in values.items()
    ]
    return GatewayBatch(
        Message(topic, b"[" + b",".join(written) + b"]"),
        pl.DataFrame(rows, schema=READINGS, orient="row"),
        BadMessage(topic, written[-1], QuarantineReason.NAIVE_TIMESTAMP),
    )
