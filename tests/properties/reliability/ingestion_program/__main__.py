"""Ingestion alone, as the platform's program makes it: its rules, queues and event source mappings are under test."""

from infra.ingestion import Ingestion
from mlops_core.telemetry import CHANNELS
from mlops_core.telemetry.message import TOPIC_PREFIX

Ingestion(
    "ingestion",
    {
        "bucket_name": "lake",
        "bucket_arn": "arn:aws:s3:::lake",
        "topic_prefix": TOPIC_PREFIX,
        "channels": list(CHANNELS),
        "simulator": {
            "machine_ids": ["PUMP-A01"],
            "enabled": True,
            "schedule_expression": "rate(1 minute)",
            "seed": 1,
            "sampling_interval_seconds": 60,
            "maximum_catch_up_minutes": 120,
        },
        "allowed_lateness_hours": 48,
        "alarms": {
            "alarms_table": "alarms",
            "alarms_arn": "arn:aws:dynamodb:::alarms",
            "notice_topic_arn": "arn:aws:sns:::notices",
        },
        "machines": {"machines_table": "machines", "machines_arn": "arn:aws:dynamodb:::machines"},
        "timeout_seconds": 30,
        "memory_mb": 256,
        "batch_size": 500,
        "batch_window_seconds": 20,
        "maximum_concurrency": 10,
    },
)
