"""The outputs of the stack: the values of `contract.outputs`, which commands, tests and other stacks read by name."""

import pulumi

from contract.outputs import StackOutputs
from infra.models import Models
from infra.stack import Telemetry
from mlops_core.condition.classes import running_classes
from mlops_core.lake import MODELS_PREFIX


def export(outputs: StackOutputs[pulumi.Input[str]]) -> None:
    """Export each output by its name."""
    for name, value in vars(outputs).items():
        if value is not None:
            pulumi.export(name, value)


def stack_outputs(telemetry: Telemetry, made: Models) -> StackOutputs[pulumi.Input[str]]:
    """Return the stack's outputs."""
    settings, lake, layers = telemetry.settings, telemetry.lake, telemetry.layers
    ingestion, devices, processing = telemetry.ingestion, telemetry.devices, telemetry.processing
    steps = made.training.steps
    functions = {
        "simulator": ingestion.simulator,
        "ingestion": ingestion.readings,
        "label": ingestion.labels,
        "processing": processing.function,
        **steps,
        "trial": made.trial.function,
        "inference": made.inference.function,
        "maintenance": made.maintenance.function,
        "scoring": made.scoring.function,
        "snapshot": made.snapshot.function,
        "alarm_answers": made.alarm_answers.function,
        "alarm_events": made.alarm_events.function,
    }
    return StackOutputs[pulumi.Input[str]](
        data_lake_bucket=lake.bucket_name,
        data_lake_bucket_arn=lake.bucket_arn,
        model_registry=pulumi.Output.concat("s3://", lake.bucket_name, "/", MODELS_PREFIX),
        dashboard_name=made.dashboard and made.dashboard.name,
        channels_key=lake.access.get("channels_key"),
        data_layer_arn=layers["polars"].arn,
        base_layer_arn=layers["base"].arn,
        polars_layer_arn=layers["polars"].arn,
        numpy_layer_arn=layers["numpy"].arn,
        model_layer_arn=layers["model"].arn,
        simulator_function_name=ingestion.simulator.name,
        simulator_function_arn=ingestion.simulator.arn,
        ingestion_function_name=ingestion.readings.name,
        ingestion_function_arn=ingestion.readings.arn,
        label_function_name=ingestion.labels.name,
        label_function_arn=ingestion.labels.arn,
        processing_function_name=processing.function.name,
        processing_function_arn=processing.function.arn,
        processing_role_arn=processing.function.role_arn,
        baseline_function_name=steps["baseline"].name,
        training_set_function_name=steps["training_set"].name,
        training_function_name=steps["training"].name,
        evaluation_function_name=steps["evaluation"].name,
        promotion_function_name=steps["promotion"].name,
        trial_function_name=made.trial.function.name,
        inference_function_name=made.inference.function.name,
        maintenance_function_name=made.maintenance.function.name,
        scoring_function_name=made.scoring.function.name,
        snapshot_function_name=made.snapshot.function.name,
        alarm_answers_function_name=made.alarm_answers.function.name,
        alarm_events_function_name=made.alarm_events.function.name,
        backfill_state_machine_arn=processing.backfill.state_machine_arn,
        training_state_machine_arn=made.training.state_machine_arn,
        inference_endpoint=made.inference.endpoint,
        inference_invoke_arn=made.inference.invoke_arn,
        maintenance_invoke_arn=made.maintenance.invoke_arn,
        alarms_invoke_arn=made.alarm_answers.invoke_arn,
        machine_state_table_name=ingestion.machine_state.name,
        machine_state_table_arn=ingestion.machine_state.arn,
        label_history_table_name=ingestion.label_history.name,
        label_history_table_arn=ingestion.label_history.arn,
        realtime_features_table_name=processing.realtime_features.name,
        realtime_features_table_arn=processing.realtime_features.arn,
        predictions_table_name=made.scoring.predictions.name,
        predictions_table_arn=made.scoring.predictions.arn,
        alarms_table_name=telemetry.alerting.alarms.name,
        alarms_table_arn=telemetry.alerting.alarms.arn,
        machines_table_name=telemetry.machines.table.name,
        machines_table_arn=telemetry.machines.table.arn,
        notice_topic_arn=telemetry.alerting.access["notice_topic_arn"],
        event_bus_name=made.alarm_events.bus.name,
        ingestion_queue_url=ingestion.readings_queue.url,
        label_queue_url=ingestion.label_queue.url,
        dead_letter_queue_url=ingestion.dead_letter_queue.url,
        mqtt_topic_prefix=settings.mqtt_topic_prefix,
        mqtt_topics=ingestion.rules.topics,
        topic_rule_names=ingestion.rules.rule_names,
        schedule_names={
            "simulator": ingestion.schedule.name,
            "processing": processing.schedule.name,
            "training": made.training.schedule.name,
        },
        log_group_names={
            **{name: function.log_group_name for name, function in functions.items()},
            "backfill_executions": processing.backfill.log_group_name,
            "training_executions": made.training.log_group_name,
        },
        device_policy_name=devices.policy_name,
        device_group_name=devices.group_name,
        device_endpoint=devices.endpoint,
        glue_database_name=processing.catalogue.database_name,
        raw_table_name=processing.catalogue.raw_table_name,
        features_table_name=processing.catalogue.features_table_name,
        lake_shards=settings.lake_shards,
        fleet_size=settings.fleet_size,
        distributed_from_machines=settings.distributed_from_machines,
        allowed_lateness_hours=settings.allowed_lateness_hours,
        historical_reach_days=settings.historical_reach_days,
        feature_lengths_hours=list(settings.feature_lengths_hours),
        feature_hop_minutes=settings.feature_hop_minutes,
        silent_after_hours=settings.silent_after_hours,
        machine_classes=sorted(settings.machine_classes) or None,
        running_rules={
            name: each.model_dump(mode="json", by_alias=True, exclude_none=True)
            for name, each in running_classes(settings.machine_classes).items()
        }
        or None,
        event_features=list(settings.event_features) or None,
        attribute_features=list(settings.attribute_features) or None,
        escalate_after_hours=settings.escalate_after_hours,
        machine_ids=list(settings.machine_ids),
        time_zone=settings.time_zone,
    )
