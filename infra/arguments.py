"""The arguments of each component of this stack, from its settings and from what was registered before."""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict

import pulumi

from infra.alarm_events import AlarmEventsArgs
from infra.alerting import Alerting
from infra.data_lake import DataLake, DataLakeArgs
from infra.devices import DevicesArgs
from infra.encryption import EncryptionKey
from infra.function import FunctionDefaults
from infra.inference import Inference, ServingArgs
from infra.ingestion import Ingestion, IngestionArgs
from infra.layer import PythonLayer
from infra.machines import Machines
from infra.maintenance import MaintenanceArgs
from infra.monitoring import AlarmTopic
from infra.packaging import Target
from infra.processing import Processing, ProcessingArgs
from infra.scoring import Scoring, ScoringArgs
from infra.snapshots import PageSnapshotArgs
from infra.stack_settings import StackSettings
from infra.training import TrainingArgs
from infra.trial import ChampionTrialArgs

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


class _Lake(TypedDict):
    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    channels_key: pulumi.Output[str]


def _lake(lake: DataLake) -> _Lake:
    """The data lake, as the components take it that know what is measured."""
    return {"bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn, "channels_key": lake.channels_key}


class _LabelHistory(TypedDict):
    label_history_table: pulumi.Output[str]
    label_history_arn: pulumi.Output[str]


def _label_history(ingestion: Ingestion) -> _LabelHistory:
    """The table of failures and repairs, as the components take it that read or write it."""
    return {"label_history_table": ingestion.label_history.name, "label_history_arn": ingestion.label_history.arn}


def _keeping_failures(functions: FunctionDefaults, ingestion: Ingestion) -> FunctionDefaults:
    """What functions have in common whose failed runs go where those of ingestion go."""
    return {**functions, "dead_letter_queue_arn": ingestion.dead_letter_queue.arn}


def ingestion_args(settings: StackSettings, lake: DataLake, functions: FunctionDefaults, fleet: Fleet) -> IngestionArgs:
    """Arguments of ingestion."""
    return {
        "alarms": fleet.alerting.access,
        "machines": fleet.machines.access,
        **_lake(lake),
        "settings": settings,
        "functions": functions,
        "protect": settings.protect_data,
    }


def devices_args(settings: StackSettings, ingestion: Ingestion) -> DevicesArgs:
    """Arguments of the access of machines."""
    rules = sorted(set(ingestion.rules.rule_names.values())) if settings.basic_ingest else []
    return {"topic_prefix": settings.mqtt_topic_prefix, "basic_ingest_rules": rules}


def processing_args(
    settings: StackSettings, lake: DataLake, functions: FunctionDefaults, ingestion: Ingestion, fleet: Fleet
) -> ProcessingArgs:
    """Arguments of processing, whose failed runs go where those of ingestion go."""
    return {
        **_lake(lake),
        **_label_history(ingestion),
        "notice_topic_arn": fleet.alerting.access["notice_topic_arn"],
        "machines": fleet.machines.access,
        "channels": settings.channels,
        "settings": settings,
        "closing_grace_seconds": settings.ingestion_batch_window_seconds + _INGESTION_SECONDS,
        "lake_shards": settings.lake_shards,
        "allowed_lateness_hours": settings.allowed_lateness_hours,
        "functions": _keeping_failures(functions, ingestion),
        "protect": settings.protect_data,
    }


def training_args(
    settings: StackSettings, lake: DataLake, functions: FunctionDefaults, ingestion: Ingestion, fleet: Fleet
) -> TrainingArgs:
    """Arguments of training."""
    return {
        **_lake(lake),
        **_label_history(ingestion),
        "machines": fleet.machines.access,
        "notice_topic_arn": fleet.alerting.access["notice_topic_arn"],
        "settings": settings,
        "functions": _keeping_failures(functions, ingestion),
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
        "functions": _keeping_failures(functions, ingestion),
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
        **_lake(lake),
        "realtime_features_table": processing.realtime_features.name,
        "realtime_features_arn": processing.realtime_features.arn,
        "alarms": fleet.alerting.access,
        **_label_history(ingestion),
        "machines": fleet.machines.access,
        "settings": settings,
    }


def scoring_args(
    settings: StackSettings, functions: FunctionDefaults, ingestion: Ingestion, serving: ServingArgs
) -> ScoringArgs:
    """Arguments of scoring, whose failed runs go where those of ingestion go; `serving` from `serving_args`."""
    return {
        **serving,
        "escalate_after_hours": settings.escalate_after_hours,
        "timeout_seconds": settings.processing_timeout_seconds,
        "functions": _keeping_failures(functions, ingestion),
        "protect": settings.protect_data,
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
        **_lake(lake),
        "table_names": {field: table.name for field, table in tables.items()},
        "table_arns": [table.arn for table in tables.values()],
        "feature_lengths_hours": settings.feature_lengths_hours,
        "silent_after_hours": settings.silent_after_hours,
        "schedule_expression": settings.snapshot_schedule_expression,
        "enabled": settings.snapshot_enabled,
        "timeout_seconds": settings.processing_timeout_seconds,
        "memory_mb": settings.processing_memory_mb,
        "functions": _keeping_failures(functions, ingestion),
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
