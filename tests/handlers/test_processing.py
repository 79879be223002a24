"""Processing computes each feature row from all readings there are, and neither a crash nor a rival leaves a gap."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl

from mlops_core.features import compute_features
from mlops_core.lake import encode_readings
from mlops_core.telemetry import Reading
from tests.handlers.aws_in_process import BUCKET

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = {"at": NOON.isoformat()}
HOUR = timedelta(hours=1)
MACHINES = ("FAN-B01", "PUMP-A01")


def readings(start: datetime, hours: int, *, minutes: int = 10, machines=MACHINES) -> list[Reading]:
    """Both channels of machines, every few minutes."""
    return [
        Reading(
            machine_id=machine,
            channel=channel,
            event_timestamp=(at := start + timedelta(minutes=step)),
            value=20.0 + level * (1 + step % 7),
            received_at=at,
        )
        for machine in machines
        for channel, level in (("temperature", 5.0), ("vibration", 0.5))
        for step in range(0, hours * 60, minutes)
    ]


def put(aws, some: list[Reading], shards: int = 1) -> None:
    for key, body in encode_readings(some, shards=shards):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def features(aws) -> pl.DataFrame:
    frames = [pl.read_parquet(BytesIO(body)) for body in aws.objects("processed/features/").values()]
    return pl.concat(frames).sort("machine_id", "window_end") if frames else pl.DataFrame()


def expected(some: list[Reading], start: datetime, end: datetime, lengths=("1h", "6h"), hop="1h") -> pl.DataFrame:
    frame = pl.DataFrame(
        [reading.model_dump(include={"machine_id", "channel", "event_timestamp", "value"}) for reading in some],
        schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")},
    )
    rows = compute_features(frame, lengths=lengths, hop=hop, start=start, end=end)
    longest = [column for column in rows.columns if column.endswith(f"_count_{lengths[-1]}")]
    return rows.filter(pl.sum_horizontal(longest) > 0)


def assert_features(aws, rows: pl.DataFrame) -> None:
    found = features(aws)
    assert found.drop("revision").equals(rows.select(found.drop("revision").columns))
    assert set(rows.columns) <= set(found.columns)


def test_the_first_run_computes_the_last_hours_from_all_readings_before_them(aws, deploy):
    some = readings(NOON - 24 * HOUR, 24)
    put(aws, some)
    outcome = deploy("processing")(AT)
    assert_features(aws, expected(some, NOON - 6 * HOUR, NOON))
    assert outcome == {
        "feature_rows": 12,
        "windows": 6,
        "machines": 2,
        "hours_changed": 12,
        "online_written": 2,
        "window_end": "2026-11-21T12:00:00.000000Z",
        "is_complete": True,
    }
