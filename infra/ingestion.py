"""How telemetry comes in: simulated or real machines, topic rules, buffers, and the functions that store it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NotRequired

import pulumi
import pulumi_aws as aws

from infra.access import LabelHistoryAccess, LakeAccess, SharedFunctions
from infra.account import Account, current_account
from infra.alerting import AlarmAccess, alarm_settings, alarm_statements
from infra.channels import read_channels
from infra.function import FunctionDefaults, PythonFunction, function_name
from infra.machines import MachinesAccess, machine_settings, read_machines
from infra.policies import Statement, allow, objects
from infra.queues import Queue, buffer_queue, dead_letter_queue
from infra.schedule import FunctionSchedule
from infra.setting_groups import IngestionSettings
from infra.table import TableOptions, string_keyed_table
from infra.topic_rules import FAILURE_TOPIC, TopicRules


class IngestionArgs(LakeAccess, SharedFunctions):
    """What ingestion is made of."""

    alarms: AlarmAccess
    """The table of alarms and the topic of notices."""
    machines: MachinesAccess
    """The records of machines."""
    settings: Any
    """IngestionSettings, or a mapping of its keys."""
    protect: NotRequired[bool]
    """Refuse to delete the tables (default: no)."""


class Ingestion(pulumi.ComponentResource):
    """Schedule, simulator, topic rules, queues, ingestion and label functions, machine-state and label-history tables.

    Example:
        >>> settings = IngestionSettings(
        ...     channels=CHANNELS, mqtt_topic_prefix="industrial/machine", machine_classes={}, basic_ingest=False,
        ...     machine_ids=("PUMP-A01",), simulator_enabled=True, simulator_schedule_expression="rate(1 minute)",
        ...     simulator_seed=1, sampling_interval_seconds=60, maximum_catch_up_minutes=120,
        ...     allowed_lateness_hours=48, historical_reach_days=400, lambda_timeout_seconds=30, lambda_memory_mb=256,
        ...     ingestion_batch_size=500, ingestion_batch_window_seconds=20, ingestion_maximum_concurrency=10,
        ... )
        >>> ingestion = Ingestion("ingestion", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn,
        ...     "alarms": alerting.access, "machines": machines.access,
        ...     "settings": settings, "functions": {"layers": layers},
        ... })
        >>> pulumi.export("ingestion_function_name", ingestion.readings.name)

    """

    machine_state: aws.dynamodb.Table
    label_history: aws.dynamodb.Table
    label_access: LabelHistoryAccess
    """Given to the components whose functions read or write label-history."""
    readings_queue: Queue
    label_queue: Queue
    dead_letter_queue: Queue

    def __init__(self, name: str, args: IngestionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:ingestion:Ingestion", name, None, opts)
        self._args, self._settings = args, IngestionSettings.model_validate(args["settings"])
        self._functions: FunctionDefaults = {**args.get("functions", {})}
        account = current_account(self)
        self._make_queues(name, account)
        self._functions["dead_letter_queue_arn"] = self.dead_letter_queue.arn
        self._make_tables(name)
        self._make_simulator(name, account)
        self._make_consumers(name)
        self.rules = TopicRules(
            f"{name}-rules",
            {
                "topic_prefix": self._settings.mqtt_topic_prefix,
                "channels": list(self._settings.channels),
                "readings_queue": self.readings_queue,
                "failures_queue": self.label_queue,
                "dead_letter_queue": self.dead_letter_queue,
                "kms_key_arn": self._functions.get("kms_key_arn"),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {
                "simulator_name": self.simulator.name,
                "readings_name": self.readings.name,
                "labels_name": self.labels.name,
                "rule_names": self.rules.rule_names,
                "schedule_name": self.schedule.name,
                "readings_queue_url": self.readings_queue.url,
                "label_queue_url": self.label_queue.url,
                "dead_letter_queue_url": self.dead_letter_queue.url,
                "machine_state_table": self.machine_state.name,
                "label_history_table": self.label_history.name,
            }
        )

    def _make_queues(self, name: str, account: Account) -> None:
        key = self._functions.get("kms_key_arn")
        timing = {
            "timeout": self._settings.lambda_timeout_seconds,
            "window": self._settings.ingestion_batch_window_seconds,
        }
        readings, labels = f"{name}-readings", f"{name}-labels"
        dead = dead_letter_queue(f"{name}-dead-letters", self, key, account=account, buffers=[readings, labels])
        self.dead_letter_queue = dead
        self.readings_queue = buffer_queue(readings, self, key, dead_letters=dead, **timing)
        self.label_queue = buffer_queue(labels, self, key, dead_letters=dead, **timing)

    def _make_tables(self, name: str) -> None:
        options: TableOptions = {
            "protect": self._args.get("protect", False),
            "kms_key_arn": self._functions.get("kms_key_arn"),
        }
        self.machine_state = string_keyed_table(f"{name}-machine-state", options, self, hash_key="machine_id")
        self.label_history = string_keyed_table(
            f"{name}-label-history", options, self, hash_key="machine_id", range_key="event_timestamp"
        )
        self.label_access = {
            "label_history_table": self.label_history.name,
            "label_history_arn": self.label_history.arn,
        }

    def _make_simulator(self, name: str, account: Account) -> None:
        settings, prefix = self._settings, self._settings.mqtt_topic_prefix
        # Over HTTP there is no thing whose name a policy could ask for, so each topic is named.
        topics = [
            account.arn("iot", f"topic/{prefix}/{machine}/{topic}")
            for machine in settings.machine_ids
            for topic in (*settings.channels, FAILURE_TOPIC)
        ]
        # A statement without resources is no statement: without machines the function may publish nothing.
        publish = [allow("PublishTelemetry", ["iot:Publish"], topics)] if topics else []
        self.simulator = self._function(
            name,
            "simulator",
            settings={
                "machine_state_table": self.machine_state.name,
                "label_history_table": self.label_history.name,
                "mqtt_topic_prefix": prefix,
                "machine_ids": settings.machine_ids,
                "simulator_seed": settings.simulator_seed,
                "sampling_interval": timedelta(seconds=settings.sampling_interval_seconds),
                "max_catch_up": timedelta(minutes=settings.maximum_catch_up_minutes),
            },
            statements=[
                allow("KeepMachineState", ["dynamodb:GetItem", "dynamodb:PutItem"], [self.machine_state.arn]),
                *publish,
                allow("RecordReturns", ["dynamodb:UpdateItem"], [self.label_history.arn]),
            ],
        )
        self.schedule = FunctionSchedule(
            f"{name}-schedule",
            {
                **self._functions,
                "function_arn": self.simulator.arn,
                "expression": settings.simulator_schedule_expression,
                "enabled": settings.simulator_enabled,
                "maximum_event_age_seconds": 300,  # the next run makes up for a lost one
            },
            pulumi.ResourceOptions(parent=self),
        )

    def _make_consumers(self, name: str) -> None:
        args = self._args
        settings = {
            "data_lake_bucket": args["bucket_name"],
            "mqtt_topic_prefix": self._settings.mqtt_topic_prefix,
            "allowed_lateness": timedelta(hours=self._settings.allowed_lateness_hours),
            "historical_reach": timedelta(days=self._settings.historical_reach_days),
        }
        self.readings = self._function(
            name,
            "ingestion",
            settings={
                **settings,
                **alarm_settings(args["alarms"]),
                "channels_key": args.get("channels_key"),
                **machine_settings(args["machines"]),
            },
            statements=[
                _receive(self.readings_queue),
                read_channels(args["bucket_arn"]),
                self._store("raw"),
                self._store("quarantine"),
                read_machines(args["machines"]),
                *alarm_statements(args["alarms"], reads=("dynamodb:GetItem", "dynamodb:Scan")),
            ],
        )
        self.labels = self._function(
            name,
            "labels",
            settings={
                **settings,
                **alarm_settings(args["alarms"]),
                "label_history_table": self.label_history.name,
            },
            statements=[
                _receive(self.label_queue),
                self._store("events"),
                self._store("quarantine"),
                allow("RecordLabels", ["dynamodb:Query", "dynamodb:UpdateItem"], [self.label_history.arn]),
                *alarm_statements(args["alarms"]),
            ],
        )
        self._connect(f"{name}-readings", self.readings_queue, self.readings)
        self._connect(f"{name}-labels", self.label_queue, self.labels)

    def _function(
        self,
        name: str,
        function: str,
        *,
        settings: Mapping[str, object],
        statements: Sequence[Statement],
    ) -> PythonFunction:
        return PythonFunction(
            function_name(name, function),
            {
                **self._functions,
                "function": function,
                "settings": settings,
                "statements": statements,
                "timeout_seconds": self._settings.lambda_timeout_seconds,
                "memory_mb": self._settings.lambda_memory_mb,
            },
            pulumi.ResourceOptions(parent=self),
        )

    def _store(self, prefix: str) -> Statement:
        return allow(f"Store{prefix.capitalize()}", ["s3:PutObject"], objects(self._args["bucket_arn"], f"{prefix}/*"))

    def _connect(self, name: str, queue: Queue, function: PythonFunction) -> None:
        aws.lambda_.EventSourceMapping(
            f"{name}-source",
            event_source_arn=queue.arn,
            function_name=function.arn,
            batch_size=self._settings.ingestion_batch_size,
            maximum_batching_window_in_seconds=self._settings.ingestion_batch_window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": self._settings.ingestion_maximum_concurrency},
            opts=pulumi.ResourceOptions(parent=self),
        )


def _receive(queue: Queue) -> Statement:
    return allow("ReceiveMessages", ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], [queue.arn])
