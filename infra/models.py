"""What this stack registers on top of readings and features: what makes models, what uses them, what watches all."""

from typing import NamedTuple

import pulumi

from infra.alarm_events import AlarmEvents
from infra.dashboard import Dashboard
from infra.data_lake import DataLake
from infra.function import FunctionDefaults
from infra.inference import Inference, ServingArgs
from infra.ingestion import Ingestion
from infra.monitoring import AlarmTopic
from infra.operation_alarms import OperationAlarms
from infra.operator_routes import AlarmAnswers, Maintenance
from infra.processing import Processing
from infra.scoring import Scoring
from infra.snapshots import PageSnapshot
from infra.stack import Fleet, keeping_failures
from infra.stack_settings import StackSettings
from infra.training import Training
from infra.trial import ChampionTrial
from infra.work_orders import WorkOrders


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
    keeping = keeping_failures(functions, ingestion)
    notices = fleet.alerting.access["notice_topic_arn"]
    serving: ServingArgs = {
        **lake.access,
        **processing.features_access,
        "alarms": fleet.alerting.access,
        **ingestion.label_access,
        "machines": fleet.machines.access,
        "settings": settings,
    }
    inference = Inference("inference", {**serving, "functions": functions}, options)
    scoring = Scoring(
        "scoring",
        {
            **serving,
            "escalate_after_hours": settings.escalate_after_hours,
            "timeout_seconds": settings.processing_timeout_seconds,
            "functions": keeping,
            "protect": settings.protect_data,
        },
        options,
    )
    events = AlarmEvents(
        "alarm-events",
        {
            "alarms_arn": fleet.alerting.alarms.arn,
            "alarms_stream_arn": fleet.alerting.alarms.stream_arn,
            **ingestion.label_access,
            "dead_letter_queue_arn": ingestion.dead_letter_queue.arn,
            "timeout_seconds": settings.lambda_timeout_seconds,
            "memory_mb": settings.lambda_memory_mb,
            "functions": functions,
        },
        options,
    )
    if settings.work_order_targets:
        topic = functions.get("alarm_topic_arn")
        targets = settings.work_order_targets
        WorkOrders("work-orders", {"bus": events.bus, "targets": targets, "alarm_topic_arn": topic}, options)
    training = Training(
        "training",
        {
            **lake.access,
            **ingestion.label_access,
            "machines": fleet.machines.access,
            "notice_topic_arn": notices,
            "settings": settings,
            "functions": keeping,
        },
        options,
    )
    trial = ChampionTrial(
        "trial",
        {
            **lake.access,
            **ingestion.label_access,
            "notice_topic_arn": notices,
            "enabled": settings.training_enabled,
            "timeout_seconds": settings.training_timeout_seconds,
            "memory_mb": settings.training_memory_mb,
            "functions": keeping,
        },
        options,
    )
    maintenance = Maintenance(
        "maintenance",
        {
            "api": inference.api,
            **processing.features_access,
            **ingestion.label_access,
            "timeout_seconds": settings.inference_timeout_seconds,
            "memory_mb": settings.lambda_memory_mb,
            "functions": functions,
        },
        options,
    )
    answers = AlarmAnswers(
        "alarm-answers",
        {
            "api": inference.api,
            "alarms": fleet.alerting.access,
            "timeout_seconds": settings.inference_timeout_seconds,
            "memory_mb": settings.lambda_memory_mb,
            "functions": functions,
        },
        options,
    )
    snapshot = _snapshot(settings, lake, keeping, ingestion, processing, fleet, scoring, options)
    return Models(training, trial, inference, maintenance, scoring, snapshot, answers, events)


def _snapshot(
    settings: StackSettings,
    lake: DataLake,
    functions: FunctionDefaults,
    ingestion: Ingestion,
    processing: Processing,
    fleet: Fleet,
    scoring: Scoring,
    options: pulumi.ResourceOptions,
) -> PageSnapshot:
    """Register the fleet's page as a file, which reads what commands read."""
    tables = {
        "alarms_table": fleet.alerting.alarms,
        "dynamodb_table_name": processing.realtime_features,
        "label_history_table": ingestion.label_history,
        "machines_table": fleet.machines.table,
        "machine_state_table": ingestion.machine_state,
        "predictions_table": scoring.predictions,
    }
    return PageSnapshot(
        "page",
        {
            **lake.access,
            "table_names": {field: table.name for field, table in tables.items()},
            "table_arns": [table.arn for table in tables.values()],
            "feature_lengths_hours": settings.feature_lengths_hours,
            "silent_after_hours": settings.silent_after_hours,
            "schedule_expression": settings.snapshot_schedule_expression,
            "enabled": settings.snapshot_enabled,
            "timeout_seconds": settings.processing_timeout_seconds,
            "memory_mb": settings.processing_memory_mb,
            "functions": functions,
        },
        options,
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
