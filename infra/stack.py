"""What each component of this stack is made of, from its settings."""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict

import pulumi

from contract.functions import FUNCTIONS
from infra.alarm_answers import AlarmAnswers
from infra.alarm_events import AlarmEvents, AlarmEventsArgs
from infra.alerting import Alerting, NoticeTopic
from infra.dashboard import Dashboard
from infra.data_lake import DataLake, DataLakeArgs
from infra.devices import DevicesArgs
from infra.encryption import EncryptionKey
from infra.function import FunctionDefaults
from infra.inference import Inference, ServingArgs
from infra.ingestion import Ingestion, IngestionArgs
from infra.layer import PythonLayer
from infra.machines import Machines
from infra.maintenance import Maintenance, MaintenanceArgs
from infra.monitoring import AlarmTopic, QueueAlarms
from infra.operation_alarms import OperationAlarms
from infra.packaging import Layer, Target
from infra.processing import Processing, ProcessingArgs
from infra.scoring import Scoring, ScoringArgs
from infra.snapshots import PageSnapshot, PageSnapshotArgs
from infra.stack_settings import StackSettings
from infra.training import Training, TrainingArgs
from infra.trial import ChampionTrial, ChampionTrialArgs
from infra.work_orders import WorkOrders

# What ingestion takes at most, in the usual case, for a batch once it is gathered.
_INGESTION_SECONDS = 60


def target(settings: StackSettings) -> Target:
    """What code is built for."""
    return Target.of(settings.lambda_python, settings.lambda_architecture)


def data_lake_args(settings: StackSettings, key: EncryptionKey | None) -> DataLakeArgs:
    """Arguments of the data lake."""
    return {
        "bucket_name": settings.data_lake_bucket_name or None,
        "raw_retention_days": settings.raw_retention_days,
        "quarantine_retention_days": settings.quarantine_retention_days,
        "kms_key_arn": key and key.arn,
        "access_logging": settings.access_logging,
        "channels": settings.channels,
        "protect": settings.protect_data,
    }


def python_layers(settings: StackSettings, lake: DataLake, options: pulumi.ResourceOptions) -> dict[str, PythonLayer]:
    """Register the layers that the functions take, by name."""
    names = sorted({layer for function in FUNCTIONS.values() for layer in function.layers})
    return {
        name: PythonLayer(
            f"{name}-layer", {"layer": Layer.of(name, target(settings)), "bucket_name": lake.bucket_name}, options
        )
        for name in names
    }


def function_defaults(
    settings: StackSettings, layers: Mapping[str, PythonLayer], key: EncryptionKey | None, alarms: AlarmTopic | None
) -> FunctionDefaults:
    """What the functions of the stack have in common."""
    return {
        "target": target(settings),
        "layers": {name: layer.arn for name, layer in layers.items()},
        "reserved_concurrency": settings.reserved_concurrency,
        "log_retention_days": settings.log_retention_days,
        "log_level": settings.log_level,
        "time_zone": settings.time_zone,
        "tracing": settings.tracing,
        "kms_key_arn": key and key.arn,
        "alarm_topic_arn": alarms and alarms.arn,
    }


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


def ingestion_args(settings: StackSettings, lake: DataLake, functions: FunctionDefaults, fleet: Fleet) -> IngestionArgs:
    """Arguments of ingestion."""
    return {
        "alarms": fleet.alerting.access,
        "machines": fleet.machines.access,
        "bucket_name": lake.bucket_name,
        "bucket_arn": lake.bucket_arn,
        "channels_key": lake.channels_key,
        "settings": settings,
        "functions": functions,
        "protect": settings.protect_data,
    }


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


def devices_args(settings: StackSettings, ingestion: Ingestion) -> DevicesArgs:
    """Arguments of the access of machines."""
    rules = sorted(set(ingestion.rules.rule_names.values())) if settings.basic_ingest else []
    return {"topic_prefix": settings.mqtt_topic_prefix, "basic_ingest_rules": rules}


class _LabelHistory(TypedDict):
    label_history_table: pulumi.Output[str]
    label_history_arn: pulumi.Output[str]


def _label_history(ingestion: Ingestion) -> _LabelHistory:
    """The table of failures and repairs, as the components take it that read or write it."""
    return {"label_history_table": ingestion.label_history.name, "label_history_arn": ingestion.label_history.arn}


def processing_args(
    settings: StackSettings, lake: DataLake, functions: FunctionDefaults, ingestion: Ingestion, fleet: Fleet
) -> ProcessingArgs:
    """Arguments of processing, whose failed runs go where those of ingestion go."""
    return {
        "bucket_name": lake.bucket_name,
        "bucket_arn": lake.bucket_arn,
        **_label_history(ingestion),
        "notice_topic_arn": fleet.alerting.access["notice_topic_arn"],
        "machines": fleet.machines.access,
        "channels": settings.channels,
        "channels_key": lake.channels_key,
        "settings": settings,
        "closing_grace_seconds": settings.ingestion_batch_window_seconds + _INGESTION_SECONDS,
        "lake_shards": settings.lake_shards,
        "allowed_lateness_hours": settings.allowed_lateness_hours,
        "functions": {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn},
        "protect": settings.protect_data,
    }


def training_args(
    settings: StackSettings, lake: DataLake, functions: FunctionDefaults, ingestion: Ingestion, fleet: Fleet
) -> TrainingArgs:
    """Arguments of training."""
    return {
        "bucket_name": lake.bucket_name,
        "bucket_arn": lake.bucket_arn,
        "channels_key": lake.channels_key,
        **_label_history(ingestion),
        "machines": fleet.machines.access,
        "notice_topic_arn": fleet.alerting.access["notice_topic_arn"],
        "settings": settings,
        "functions": {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn},
    }


def trial_args(
    settings: StackSettings, lake: DataLake, functions: FunctionDefaults, ingestion: Ingestion, fleet: Fleet
) -> ChampionTrialArgs:
    """Arguments of the trial of the champion."""
    return {
        "bucket_name": lake.bucket_name,
        "bucket_arn": lake.bucket_arn,
        **_label_history(ingestion),
        "notice_topic_arn": fleet.alerting.access["notice_topic_arn"],
        "enabled": settings.training_enabled,
        "timeout_seconds": settings.training_timeout_seconds,
        "memory_mb": settings.training_memory_mb,
        "functions": {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn},
    }


def scoring_args(
    settings: StackSettings, functions: FunctionDefaults, ingestion: Ingestion, serving: ServingArgs
) -> ScoringArgs:
    """Arguments of scoring, whose failed runs go where those of ingestion go; `serving` from `serving_args`."""
    return {
        **serving,
        "escalate_after_hours": settings.escalate_after_hours,
        "timeout_seconds": settings.processing_timeout_seconds,
        "functions": {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn},
        "protect": settings.protect_data,
    }


def maintenance_args(
    settings: StackSettings,
    functions: FunctionDefaults,
    ingestion: Ingestion,
    processing: Processing,
    inference: Inference,
) -> MaintenanceArgs:
    """Arguments of maintenance, a route of the API of inference."""
    return {
        "api": inference.api,
        "realtime_features_table": processing.realtime_features.name,
        "realtime_features_arn": processing.realtime_features.arn,
        **_label_history(ingestion),
        "timeout_seconds": settings.inference_timeout_seconds,
        "memory_mb": settings.lambda_memory_mb,
        "functions": functions,
    }


def serving_args(
    settings: StackSettings,
    lake: DataLake,
    ingestion: Ingestion,
    processing: Processing,
    fleet: Fleet,
) -> ServingArgs:
    """What every function is given that predicts."""
    return {
        "bucket_name": lake.bucket_name,
        "bucket_arn": lake.bucket_arn,
        "channels_key": lake.channels_key,
        "realtime_features_table": processing.realtime_features.name,
        "realtime_features_arn": processing.realtime_features.arn,
        "alarms": fleet.alerting.access,
        **_label_history(ingestion),
        "machines": fleet.machines.access,
        "settings": settings,
    }


def snapshot_args(
    settings: StackSettings,
    lake: DataLake,
    functions: FunctionDefaults,
    ingestion: Ingestion,
    processing: Processing,
    fleet: Fleet,
    scoring: Scoring,
) -> PageSnapshotArgs:
    """Arguments of the fleet's page as a file, which reads what commands read."""
    tables = {
        "alarms_table": fleet.alerting.alarms,
        "dynamodb_table_name": processing.realtime_features,
        "label_history_table": ingestion.label_history,
        "machines_table": fleet.machines.table,
        "machine_state_table": ingestion.machine_state,
        "predictions_table": scoring.predictions,
    }
    return {
        "bucket_name": lake.bucket_name,
        "bucket_arn": lake.bucket_arn,
        "channels_key": lake.channels_key,
        "table_names": {field: table.name for field, table in tables.items()},
        "table_arns": [table.arn for table in tables.values()],
        "feature_lengths_hours": settings.feature_lengths_hours,
        "silent_after_hours": settings.silent_after_hours,
        "schedule_expression": settings.snapshot_schedule_expression,
        "enabled": settings.snapshot_enabled,
        "timeout_seconds": settings.processing_timeout_seconds,
        "memory_mb": settings.processing_memory_mb,
        "functions": {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn},
    }


class Models(NamedTuple):
    """What makes models and what they are used by."""

    training: Training
    trial: ChampionTrial
    inference: Inference
    maintenance: Maintenance
    scoring: Scoring
    snapshot: PageSnapshot
    alarm_answers: AlarmAnswers
    alarm_events: AlarmEvents


def alarm_events_args(
    settings: StackSettings, functions: FunctionDefaults, ingestion: Ingestion, fleet: Fleet
) -> AlarmEventsArgs:
    """Arguments of alarm events."""
    return {
        "alarms_arn": fleet.alerting.alarms.arn,
        "alarms_stream_arn": fleet.alerting.alarms.stream_arn,
        **_label_history(ingestion),
        "dead_letter_queue_arn": ingestion.dead_letter_queue.arn,
        "timeout_seconds": settings.lambda_timeout_seconds,
        "memory_mb": settings.lambda_memory_mb,
        "functions": functions,
    }


def models(
    settings: StackSettings,
    lake: DataLake,
    functions: FunctionDefaults,
    ingestion: Ingestion,
    processing: Processing,
    fleet: Fleet,
    options: pulumi.ResourceOptions,
) -> Models:
    """Register what makes models and what uses them."""
    serving = serving_args(settings, lake, ingestion, processing, fleet)
    inference = Inference("inference", {**serving, "functions": functions}, options)
    scoring = Scoring("scoring", scoring_args(settings, functions, ingestion, serving), options)
    events = AlarmEvents("alarm-events", alarm_events_args(settings, functions, ingestion, fleet), options)
    if settings.work_order_targets:
        topic = functions.get("alarm_topic_arn")
        targets = settings.work_order_targets
        WorkOrders("work-orders", {"bus": events.bus, "targets": targets, "alarm_topic_arn": topic}, options)
    return Models(
        Training("training", training_args(settings, lake, functions, ingestion, fleet), options),
        ChampionTrial("trial", trial_args(settings, lake, functions, ingestion, fleet), options),
        inference,
        Maintenance("maintenance", maintenance_args(settings, functions, ingestion, processing, inference), options),
        scoring,
        PageSnapshot("page", snapshot_args(settings, lake, functions, ingestion, processing, fleet, scoring), options),
        AlarmAnswers(
            "alarm-answers",
            {
                "api": inference.api,
                "alarms": fleet.alerting.access,
                "timeout_seconds": settings.inference_timeout_seconds,
                "memory_mb": settings.lambda_memory_mb,
                "functions": functions,
            },
            options,
        ),
        events,
    )


def watch_operation(
    settings: StackSettings,
    ingestion: Ingestion,
    processing: Processing,
    made: Models,
    alarms: AlarmTopic,
    options: pulumi.ResourceOptions,
) -> Dashboard:
    """Register the alarms on what does not happen; returns the dashboard."""
    functions = [
        ingestion.simulator.name,
        ingestion.readings.name,
        ingestion.labels.name,
        processing.function.name,
        made.inference.function.name,
        made.maintenance.function.name,
        made.scoring.function.name,
        made.alarm_answers.function.name,
        made.alarm_events.function.name,
    ]
    arn, api = made.training.state_machine_arn, made.inference.api.id
    OperationAlarms(
        "operation",
        {
            "topic_arn": alarms.arn,
            "late_after_hours": settings.processing_late_after_hours,
            "state_machine_arn": arn,
            "api_id": api,
            "functions": functions,
            "rules": sorted(set(ingestion.rules.rule_names.values())),
        },
        options,
    )
    queues = [ingestion.readings_queue.name, ingestion.label_queue.name, ingestion.dead_letter_queue.name]
    return Dashboard(
        "dashboard", {"queues": queues, "functions": functions, "state_machine_arn": arn, "api_id": api}, options
    )
