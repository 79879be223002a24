"""What this stack registers, in order, with its settings: layers, what keeps the fleet, telemetry, features, queues."""

from collections.abc import Mapping
from typing import NamedTuple

import pulumi

from contract.functions import FUNCTIONS
from infra.alerting import Alerting, NoticeTopic
from infra.data_lake import DataLake
from infra.devices import Devices
from infra.encryption import EncryptionKey
from infra.function import FunctionDefaults
from infra.ingestion import Ingestion
from infra.layer import PythonLayer
from infra.machines import Machines
from infra.monitoring import AlarmTopic, QueueAlarms
from infra.packaging import Layer, Target
from infra.processing import Processing
from infra.stack_settings import StackSettings

# What ingestion takes at most, in the usual case, for a batch once it is gathered.
_INGESTION_SECONDS = 60


def made_lake(settings: StackSettings, key: EncryptionKey | None, options: pulumi.ResourceOptions) -> DataLake:
    """Register the data lake."""
    return DataLake(
        "data-lake",
        {
            "bucket_name": settings.data_lake_bucket_name or None,
            "raw_retention_days": settings.raw_retention_days,
            "quarantine_retention_days": settings.quarantine_retention_days,
            "kms_key_arn": key and key.arn,
            "access_logging": settings.access_logging,
            "channels": settings.channels,
            "protect": settings.protect_data,
        },
        options,
    )


def python_layers(settings: StackSettings, lake: DataLake, options: pulumi.ResourceOptions) -> dict[str, PythonLayer]:
    """Register the layers that the functions take, by name."""
    names = sorted({layer for function in FUNCTIONS.values() for layer in function.layers})
    return {
        name: PythonLayer(
            f"{name}-layer", {"layer": Layer.of(name, _target(settings)), "bucket_name": lake.bucket_name}, options
        )
        for name in names
    }


def function_defaults(
    settings: StackSettings, layers: Mapping[str, PythonLayer], key: EncryptionKey | None, alarms: AlarmTopic | None
) -> FunctionDefaults:
    """What the functions of the stack have in common."""
    return {
        "target": _target(settings),
        "layers": {name: layer.arn for name, layer in layers.items()},
        "reserved_concurrency": settings.reserved_concurrency,
        "log_retention_days": settings.log_retention_days,
        "log_level": settings.log_level,
        "time_zone": settings.time_zone,
        "tracing": settings.tracing,
        "kms_key_arn": key and key.arn,
        "alarm_topic_arn": alarms and alarms.arn,
    }


def _target(settings: StackSettings) -> Target:
    return Target.of(settings.lambda_python, settings.lambda_architecture)


class Fleet(NamedTuple):
    """What machines and alarms are kept in."""

    alerting: Alerting
    machines: Machines


def made_fleet(settings: StackSettings, key: EncryptionKey | None, options: pulumi.ResourceOptions) -> Fleet:
    """Register the topic of notifications, the table of alarms and that of machines."""
    key_arn, protect = key and key.arn, settings.protect_data
    notices = NoticeTopic("notices", {"kms_key_arn": key_arn, "emails": settings.notice_emails}, options)
    return Fleet(
        Alerting("alerting", {"notice_topic_arn": notices.arn, "kms_key_arn": key_arn, "protect": protect}, options),
        Machines(
            "machines",
            {"kms_key_arn": key_arn, "protect": protect, "machine_classes": settings.machine_classes},
            options,
        ),
    )


def made_ingestion(
    settings: StackSettings, lake: DataLake, functions: FunctionDefaults, fleet: Fleet, options: pulumi.ResourceOptions
) -> Ingestion:
    """Register ingestion."""
    return Ingestion(
        "ingestion",
        {
            **lake.access,
            "alarms": fleet.alerting.access,
            "machines": fleet.machines.access,
            "settings": settings,
            "functions": functions,
            "protect": settings.protect_data,
        },
        options,
    )


def made_devices(settings: StackSettings, ingestion: Ingestion, options: pulumi.ResourceOptions) -> Devices:
    """Register the access of machines."""
    rules = sorted(set(ingestion.rules.rule_names.values())) if settings.basic_ingest else []
    return Devices("devices", {"topic_prefix": settings.mqtt_topic_prefix, "basic_ingest_rules": rules}, options)


def made_processing(
    settings: StackSettings,
    lake: DataLake,
    functions: FunctionDefaults,
    ingestion: Ingestion,
    fleet: Fleet,
    options: pulumi.ResourceOptions,
) -> Processing:
    """Register processing, whose failed runs go where those of ingestion go."""
    return Processing(
        "processing",
        {
            **lake.access,
            **ingestion.label_access,
            "notice_topic_arn": fleet.alerting.access["notice_topic_arn"],
            "machines": fleet.machines.access,
            "channels": settings.channels,
            "settings": settings,
            "closing_grace_seconds": settings.ingestion_batch_window_seconds + _INGESTION_SECONDS,
            "lake_shards": settings.lake_shards,
            "allowed_lateness_hours": settings.allowed_lateness_hours,
            "functions": keeping_failures(functions, ingestion),
            "protect": settings.protect_data,
        },
        options,
    )


def keeping_failures(functions: FunctionDefaults, ingestion: Ingestion) -> FunctionDefaults:
    """What functions have in common whose failed runs go where those of ingestion go."""
    return {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn}


def watch_queues(ingestion: Ingestion, alarms: AlarmTopic, options: pulumi.ResourceOptions) -> None:
    """Register the alarms of the queues of ingestion."""
    QueueAlarms(
        "queue-alarms",
        {
            "topic_arn": alarms.arn,
            "buffers": {"readings": ingestion.readings_queue, "labels": ingestion.label_queue},
            "dead_letter_queue": ingestion.dead_letter_queue,
        },
        options,
    )
