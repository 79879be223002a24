"""What a stack says of itself in the end: its outputs, which commands, tests and other stacks read by name."""

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.alerting import Alerting
from infra.data_lake import DataLake
from infra.devices import Devices
from infra.ingestion import Ingestion
from infra.layer import PythonLayer
from infra.processing import Processing
from infra.settings import StackSettings
from infra.stack import Models


def model_outputs(made: Models) -> dict[str, pulumi.Input[Any]]:
    """The stack's outputs that speak of models, by name."""
    steps = made.training.steps
    return {
        "training_state_machine_arn": made.training.state_machine_arn,
        **{f"{step}_function_name": function.name for step, function in steps.items()},
        "inference_function_name": made.inference.function.name,
        "inference_endpoint": made.inference.endpoint,
        "inference_invoke_arn": made.inference.invoke_arn,
        "maintenance_function_name": made.maintenance.function.name,
        "maintenance_invoke_arn": made.maintenance.invoke_arn,
        "scoring_function_name": made.scoring.function.name,
        "predictions_table_name": made.scoring.predictions.name,
        "predictions_table_arn": made.scoring.predictions.arn,
    }


def stack_outputs(
    settings: StackSettings,
    lake: DataLake,
    layers: Mapping[str, PythonLayer],
    ingestion: Ingestion,
    processing: Processing,
    devices: Devices,
    made: Models,
    alerting: Alerting,
) -> dict[str, pulumi.Input[Any]]:
    """The stack's outputs, by name."""
    functions = {
        "simulator": ingestion.simulator,
        "ingestion": ingestion.readings,
        "label": ingestion.labels,
        "processing": processing.function,
    }
    with_logs = {
        **functions,
        **made.training.steps,
        "inference": made.inference.function,
        "maintenance": made.maintenance.function,
        "scoring": made.scoring.function,
    }
    tables = {
        "machine_state": ingestion.machine_state,
        "label_history": ingestion.label_history,
        "realtime_features": processing.realtime_features,
    }
    return {
        "data_lake_bucket": lake.bucket_name,
        "data_lake_bucket_arn": lake.bucket_arn,
        "data_layer_arn": layers["polars"].arn,  # the name that the original's pandas layer had here
        **{f"{name}_layer_arn": layer.arn for name, layer in layers.items()},
        **model_outputs(made),
        "notice_topic_arn": alerting.access["notice_topic_arn"],
        "alarms_table_name": alerting.alarms.name,
        "alarms_table_arn": alerting.alarms.arn,
        **{f"{name}_function_name": function.name for name, function in functions.items()},
        **{f"{name}_function_arn": function.arn for name, function in functions.items()},
        "processing_role_arn": processing.function.role_arn,
        **{f"{name}_table_name": table.name for name, table in tables.items()},
        **{f"{name}_table_arn": table.arn for name, table in tables.items()},
        "log_group_names": {
            **{name: function.log_group_name for name, function in with_logs.items()},
            "training_executions": made.training.log_group_name,
        },
        "channels_key": lake.channels_key,
        "mqtt_topic_prefix": settings.mqtt_topic_prefix,
        "mqtt_topics": ingestion.rules.topics,
        "topic_rule_names": ingestion.rules.rule_names,
        "schedule_names": {
            "simulator": ingestion.schedule.name,
            "processing": processing.schedule.name,
            "training": made.training.schedule.name,
        },
        "device_policy_name": devices.policy_name,
        "device_group_name": devices.group_name,
        "device_endpoint": devices.endpoint,
        "ingestion_queue_url": ingestion.readings_queue.url,
        "label_queue_url": ingestion.label_queue.url,
        "dead_letter_queue_url": ingestion.dead_letter_queue.url,
        "glue_database_name": processing.catalogue.database_name,
        "raw_table_name": processing.catalogue.raw_table_name,
        "features_table_name": processing.catalogue.features_table_name,
        "lake_shards": settings.lake_shards,
        "allowed_lateness_hours": settings.allowed_lateness_hours,
        "feature_lengths_hours": list(settings.feature_lengths_hours),
        "feature_hop_minutes": settings.feature_hop_minutes,
        "machine_ids": list(settings.machine_ids),
    }
