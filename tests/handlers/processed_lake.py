"""Readings around one noon, put into the lake, and what processing makes of them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl

from mlops_core.features import compute_features
from mlops_core.lake import encode_readings, shard_of
from mlops_core.telemetry import Reading
from tests.handlers.aws_in_process import BUCKET

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MACHINES = ("FAN-B01", "PUMP-A01")
CHECKPOINT = "processed/checkpoint.json"


def at(hours: float = 0) -> dict[str, str]:
    return {"at": (NOON + hours * HOUR).isoformat()}


def span(first: float, last: float) -> dict[str, str]:
    """A range event, in hours from noon."""
    return {"start": (NOON + first * HOUR).isoformat(), "end": (NOON + last * HOUR).isoformat(), **at(24)}


def readings(first: float, last: float, *, minutes: int = 20, machines: Iterable[str] = MACHINES) -> list[Reading]:
    """Both channels of machines, every few minutes, from and to so many hours from noon."""
    moments = [NOON + first * HOUR + timedelta(minutes=m) for m in range(0, round((last - first) * 60), minutes)]
    return [
        Reading(
            machine_id=machine,
            channel=channel,
            event_timestamp=moment,
            value=20.0 + level * (1 + (moment.hour * 60 + moment.minute) % 7),
            received_at=moment,
        )
        for machine in machines
        for channel, level in (("temperature", 5.0), ("vibration", 0.5))
        for moment in moments
    ]


def put(aws, some: list[Reading]) -> None:
    for key, body in encode_readings(some):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def put_as_the_first_release(aws, some: list[Reading], shards: int) -> None:
    """By hour and shard, as raw objects lay before shards were a matter of outputs alone."""
    for number in range(shards):
        for key, body in encode_readings(each for each in some if shard_of(each.machine_id, shards) == number):
            folder, _, name = key.rpartition("/")
            aws.s3.put_object(Bucket=BUCKET, Key=f"{folder}/shard={number:02d}/{name}", Body=body)


def stored(aws) -> pl.DataFrame:
    """Every feature row of the lake."""
    frames = [pl.read_parquet(BytesIO(body)) for body in aws.objects("processed/features/").values()]
    return pl.concat(frames).sort("machine_id", "window_end").drop("revision") if frames else pl.DataFrame()


def computed(some: list[Reading], first: float, last: float, hop: str = "1h") -> pl.DataFrame:
    """The rows that the library gives for these readings at once, up to so many hours from noon."""
    frame = pl.DataFrame([(r.machine_id, r.channel, r.event_timestamp, r.value) for r in some], orient="row")
    frame.columns = ["machine_id", "channel", "event_timestamp", "value"]
    rows = compute_features(frame, lengths=["1h", "6h"], hop=hop, start=NOON + first * HOUR, end=NOON + last * HOUR)
    return rows.filter(pl.col("temperature_count_6h") + pl.col("vibration_count_6h") > 0)


def end_state(aws) -> tuple[dict[str, bytes], list[dict]]:
    """What is in both stores, and how far the checkpoint got; neither its version nor when a row was written."""
    objects = {key: body for key, body in aws.objects("processed/").items() if key != CHECKPOINT}
    items = [{name: item[name] for name in item if name != "updated_at"} for item in aws.items("realtime-features")]
    return objects | {CHECKPOINT: checkpoint(aws)["processed_until"].encode()}, items


def checkpoint(aws) -> dict:
    return json.loads(aws.objects(CHECKPOINT)[CHECKPOINT])


def online(aws) -> dict[str, tuple[str, int]]:
    return {
        item["machine_id"]["S"]: (item["window_end"]["S"], int(item["revision"]["N"]))
        for item in aws.items("realtime-features")
    }
