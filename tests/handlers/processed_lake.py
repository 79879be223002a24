"""Readings around one noon, put into the lake, and what processing makes of them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl

from handlers.stores import encode_parquet
from mlops_core.features import compute_features
from mlops_core.lake import encode_readings, features_key, shard_of
from mlops_core.telemetry import READINGS, Reading

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
    aws.put_all(encode_readings(some))


def put_apart(aws, some: list[Reading], each: int = 3) -> None:
    """One object for every few readings: by default for what a channel measures in an hour."""
    for first in range(0, len(some), each):
        put(aws, some[first : first + each])


def processed(aws, deploy, some: list[Reading], hours: float = 0, *, how=put, **settings: str):
    """Put readings and have them processed so many hours from noon; returns `invoke(event)`, to go on."""
    how(aws, some)
    invoke = deploy("processing", **settings)
    invoke(at(hours))
    return invoke


def put_as_the_first_release(aws, some: list[Reading], shards: int) -> None:
    """By hour and shard, as raw objects lay before shards were a matter of outputs alone."""
    for number in range(shards):
        for key, body in encode_readings(each for each in some if shard_of(each.machine_id, shards) == number):
            folder, _, name = key.rpartition("/")
            aws.put(f"{folder}/shard={number:02d}/{name}", body)


def put_features(aws, features: pl.DataFrame) -> None:
    """Feature rows, in one partition a day."""
    for (day,), of_day in features.group_by(pl.col("window_end").dt.truncate("1d")):
        aws.put(features_key(day, 0), encode_parquet(of_day))


def rows(aws) -> pl.DataFrame:
    """Every feature row of the lake, whichever columns its partition has."""
    frames = [pl.read_parquet(BytesIO(body)) for body in aws.objects("processed/features/").values()]
    return pl.concat(frames, how="diagonal").sort("machine_id", "window_end") if frames else pl.DataFrame()


def stored(aws) -> pl.DataFrame:
    """Every feature row of the lake, without its revision."""
    return rows(aws).drop("revision", strict=False)


def table_of(some: list[Reading]) -> pl.DataFrame:
    """Readings as the library takes them."""
    return pl.DataFrame([reading[:4] for reading in some], schema=READINGS, orient="row")


def computed(some: list[Reading], first: float, last: float, hop: str = "1h") -> pl.DataFrame:
    """The rows that the library gives for these readings at once, up to so many hours from noon."""
    limits = {"start": NOON + first * HOUR, "end": NOON + last * HOUR}
    found = compute_features(table_of(some), lengths=["1h", "6h"], hop=hop, **limits)
    return found.filter(pl.col("temperature_count_6h") + pl.col("vibration_count_6h") > 0)


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
