"""What this stack registers beside single components, in order: what keeps the fleet, makes models, watches."""

from typing import NamedTuple

import pulumi

from contract.functions import FUNCTIONS
from infra.alarm_answers import AlarmAnswers
from infra.alarm_events import AlarmEvents
from infra.alerting import Alerting, NoticeTopic
from infra.arguments import (
    Fleet,
    alarm_events_args,
    maintenance_args,
    scoring_args,
    serving_args,
    snapshot_args,
    target,
    training_args,
    trial_args,
)
from infra.dashboard import Dashboard
from infra.data_lake import DataLake
from infra.encryption import EncryptionKey
from infra.function import FunctionDefaults
from infra.inference import Inference
from infra.ingestion import Ingestion
from infra.layer import PythonLayer
from infra.machines import Machines
from infra.maintenance import Maintenance
from infra.monitoring import AlarmTopic, QueueAlarms
from infra.operation_alarms import OperationAlarms
from infra.packaging import Layer
from infra.processing import Processing
from infra.scoring import Scoring
from infra.snapshots import PageSnapshot
from infra.stack_settings import StackSettings
from infra.training import Training
from infra.trial import ChampionTrial
from infra.work_orders import WorkOrders


def python_layers(settings: StackSettings, lake: DataLake, options: pulumi.ResourceOptions) -> dict[str, PythonLayer]:
    """Register the layers that the functions take, by name."""
    names = sorted({layer for function in FUNCTIONS.values() for layer in function.layers})
    return {
        name: PythonLayer(
            f"{name}-layer", {"layer": Layer.of(name, target(settings)), "bucket_name": lake.bucket_name}, options
        )
        for name in names
    }


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
