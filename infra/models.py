"""What this stack registers on top of readings and features: what makes models, what uses them, what watches all."""

from infra.alarm_events import AlarmEvents
from infra.dashboard import Dashboard
from infra.inference import Inference, ServingArgs
from infra.monitoring import AlarmTopic, QueueAlarms
from infra.operation_alarms import OperationAlarms
from infra.operator_routes import AlarmAnswers, Maintenance
from infra.scoring import Scoring
from infra.snapshots import PageSnapshot
from infra.stack import Telemetry
from infra.training import Training
from infra.trial import ChampionTrial
from infra.work_orders import WorkOrders


class Models:
    """What makes models and what they are used by, over the features of `telemetry`.

    `dashboard` is None where alarms are off.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry, self._settings, self._options = telemetry, telemetry.settings, telemetry.options
        self._make_predictions()
        self._make_alarm_events()
        self._make_training()
        self._make_operator_routes()
        self._make_page()
        self.dashboard = telemetry.alarm_topic and self._watched(telemetry.alarm_topic)

    def _make_predictions(self) -> None:
        """Register the endpoint, and the scoring of the fleet."""
        telemetry, settings = self._telemetry, self._settings
        serving: ServingArgs = {
            **telemetry.lake.access,
            **telemetry.processing.features_access,
            "alarms": telemetry.alerting.access,
            **telemetry.ingestion.label_access,
            "machines": telemetry.machines.access,
            "settings": settings,
        }
        self.inference = Inference("inference", {**serving, "functions": telemetry.functions}, self._options)
        self.scoring = Scoring(
            "scoring",
            {
                **serving,
                "escalate_after_hours": settings.escalate_after_hours,
                "timeout_seconds": settings.processing_timeout_seconds,
                "functions": telemetry.keeping_failures,
                "protect": settings.protect_data,
            },
            self._options,
        )

    def _make_alarm_events(self) -> None:
        """Register the event bus of alarms, and the work orders made of its events."""
        telemetry, targets = self._telemetry, self._settings.work_order_targets
        self.alarm_events = AlarmEvents(
            "alarm-events",
            {
                "alarms_arn": telemetry.alerting.alarms.arn,
                "alarms_stream_arn": telemetry.alerting.alarms.stream_arn,
                **telemetry.ingestion.label_access,
                "dead_letter_queue_arn": telemetry.ingestion.dead_letter_queue.arn,
                "timeout_seconds": self._settings.lambda_timeout_seconds,
                "memory_mb": self._settings.lambda_memory_mb,
                "functions": telemetry.functions,
            },
            self._options,
        )
        if targets:
            topic = telemetry.functions.get("alarm_topic_arn")
            WorkOrders(
                "work-orders",
                {"bus": self.alarm_events.bus, "targets": targets, "alarm_topic_arn": topic},
                self._options,
            )

    def _make_training(self) -> None:
        """Register what makes models, and the weekly trial of the one that serves."""
        telemetry, settings = self._telemetry, self._settings
        self.training = Training(
            "training",
            {
                **telemetry.lake.access,
                **telemetry.ingestion.label_access,
                "machines": telemetry.machines.access,
                "notice_topic_arn": telemetry.alerting.access["notice_topic_arn"],
                "settings": settings,
                "functions": telemetry.keeping_failures,
            },
            self._options,
        )
        self.trial = ChampionTrial(
            "trial",
            {
                **telemetry.lake.access,
                **telemetry.ingestion.label_access,
                "notice_topic_arn": telemetry.alerting.access["notice_topic_arn"],
                "enabled": settings.training_enabled,
                "timeout_seconds": settings.training_timeout_seconds,
                "memory_mb": settings.training_memory_mb,
                "functions": telemetry.keeping_failures,
            },
            self._options,
        )

    def _make_operator_routes(self) -> None:
        """Register what people write over the endpoint."""
        telemetry, settings = self._telemetry, self._settings
        self.maintenance = Maintenance(
            "maintenance",
            {
                "api": self.inference.api,
                **telemetry.processing.features_access,
                **telemetry.ingestion.label_access,
                "timeout_seconds": settings.inference_timeout_seconds,
                "memory_mb": settings.lambda_memory_mb,
                "functions": telemetry.functions,
            },
            self._options,
        )
        self.alarm_answers = AlarmAnswers(
            "alarm-answers",
            {
                "api": self.inference.api,
                "alarms": telemetry.alerting.access,
                "timeout_seconds": settings.inference_timeout_seconds,
                "memory_mb": settings.lambda_memory_mb,
                "functions": telemetry.functions,
            },
            self._options,
        )

    def _make_page(self) -> None:
        """Register the fleet's page as a file, which reads what commands read."""
        telemetry, settings = self._telemetry, self._settings
        tables = {
            "alarms_table": telemetry.alerting.alarms,
            "dynamodb_table_name": telemetry.processing.realtime_features,
            "label_history_table": telemetry.ingestion.label_history,
            "machines_table": telemetry.machines.table,
            "machine_state_table": telemetry.ingestion.machine_state,
            "predictions_table": self.scoring.predictions,
        }
        self.snapshot = PageSnapshot(
            "page",
            {
                **telemetry.lake.access,
                "table_names": {field: table.name for field, table in tables.items()},
                "table_arns": [table.arn for table in tables.values()],
                "feature_lengths_hours": settings.feature_lengths_hours,
                "silent_after_hours": settings.silent_after_hours,
                "schedule_expression": settings.snapshot_schedule_expression,
                "enabled": settings.snapshot_enabled,
                "timeout_seconds": settings.processing_timeout_seconds,
                "memory_mb": settings.processing_memory_mb,
                "functions": telemetry.keeping_failures,
            },
            self._options,
        )

    def _watched(self, alarms: AlarmTopic) -> Dashboard:
        """Register the alarms of queues, and on what does not happen; returns the dashboard."""
        ingestion = self._telemetry.ingestion
        readings, labels, dead_letters = ingestion.readings_queue, ingestion.label_queue, ingestion.dead_letter_queue
        QueueAlarms(
            "queue-alarms",
            {
                "topic_arn": alarms.arn,
                "buffers": {"readings": readings, "labels": labels},
                "dead_letter_queue": dead_letters,
            },
            self._options,
        )
        functions = [
            ingestion.simulator.name,
            ingestion.readings.name,
            ingestion.labels.name,
            self._telemetry.processing.function.name,
            self.inference.function.name,
            self.maintenance.function.name,
            self.scoring.function.name,
            self.alarm_answers.function.name,
            self.alarm_events.function.name,
        ]
        arn, api = self.training.state_machine_arn, self.inference.api.id
        OperationAlarms(
            "operation",
            {
                "topic_arn": alarms.arn,
                "late_after_hours": self._settings.processing_late_after_hours,
                "state_machine_arn": arn,
                "api_id": api,
                "functions": functions,
                "rules": sorted(set(ingestion.rules.rule_names.values())),
            },
            self._options,
        )
        queues = [readings.name, labels.name, dead_letters.name]
        return Dashboard(
            "dashboard",
            {"queues": queues, "functions": functions, "state_machine_arn": arn, "api_id": api},
            self._options,
        )
