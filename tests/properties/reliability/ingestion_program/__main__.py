"""Ingestion alone, as the platform's program makes it: its rules, queues and event source mappings are under test."""

from infra.ingestion import Ingestion
from infra.setting_groups import IngestionSettings
from mlops_core.telemetry import CHANNELS
from mlops_core.telemetry.message import TOPIC_PREFIX

Ingestion(
    "ingestion",
    {
        "bucket_name": "lake",
        "bucket_arn": "arn:aws:s3:::lake",
        "settings": IngestionSettings(
            channels=CHANNELS,
            mqtt_topic_prefix=TOPIC_PREFIX,
            machine_classes={},
            basic_ingest=False,
            machine_ids=("PUMP-A01",),
            simulator_enabled=True,
            simulator_schedule_expression="rate(1 minute)",
            simulator_seed=1,
            sampling_interval_seconds=60,
            maximum_catch_up_minutes=120,
            allowed_lateness_hours=48,
            historical_reach_days=400,
            lambda_timeout_seconds=30,
            lambda_memory_mb=256,
            ingestion_batch_size=500,
            ingestion_batch_window_seconds=20,
            ingestion_maximum_concurrency=10,
        ),
        "alarms": {
            "alarms_table": "alarms",
            "alarms_arn": "arn:aws:dynamodb:::alarms",
            "notice_topic_arn": "arn:aws:sns:::notices",
        },
        "machines": {"machines_table": "machines", "machines_arn": "arn:aws:dynamodb:::machines"},
    },
)
