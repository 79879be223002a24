"""What this stack registers, in order, with its settings: layers, what keeps the fleet, telemetry, features."""

import pulumi

from contract.functions import FUNCTIONS
from infra.alerting import Alerting, NoticeTopic
from infra.budget import Budget
from infra.data_lake import DataLake
from infra.devices import Devices
from infra.encryption import EncryptionKey
from infra.function import FunctionDefaults
from infra.ingestion import Ingestion
from infra.layer import PythonLayer
from infra.machines import Machines
from infra.monitoring import AlarmTopic
from infra.packaging import Layer, Target
from infra.processing import Processing
from infra.stack_settings import StackSettings

# What ingestion takes at most, in the usual case, for a batch once it is gathered.
_INGESTION_SECONDS = 60


class Telemetry:
    """From readings to features: everything of the stack that knows no model.

    `alarm_topic` is None where alarms are off. `functions` is what all functions have in common, `keeping_failures`
    the same of those whose failed runs go where those of ingestion go.
    """

    def __init__(self, settings: StackSettings, options: pulumi.ResourceOptions) -> None:
        self.settings, self.options = settings, options
        self._protect = settings.protect_data
        key = EncryptionKey("key", {"protect": self._protect}, options) if settings.customer_managed_key else None
        self._key_arn = key and key.arn
        self.alarm_topic = (
            AlarmTopic("alarms", {"emails": settings.alarm_emails, "kms_key_arn": self._key_arn}, options)
            if settings.alarms_enabled
            else None
        )
        if settings.monthly_budget:
            Budget("budget", {"monthly_usd": settings.monthly_budget, "emails": settings.notice_emails}, options)
        self._make_lake()
        self._make_functions()
        self._make_fleet()
        self._make_ingestion()
        self._make_processing()

    def _make_lake(self) -> None:
        self.lake = DataLake(
            "data-lake",
            {
                "bucket_name": self.settings.data_lake_bucket_name or None,
                "raw_retention_days": self.settings.raw_retention_days,
                "quarantine_retention_days": self.settings.quarantine_retention_days,
                "kms_key_arn": self._key_arn,
                "access_logging": self.settings.access_logging,
                "channels": self.settings.channels,
                "protect": self._protect,
            },
            self.options,
        )

    def _make_functions(self) -> None:
        """Register the layers that the functions take, and note what the functions have in common."""
        target = Target.of(self.settings.lambda_python, self.settings.lambda_architecture)
        names = sorted({layer for function in FUNCTIONS.values() for layer in function.layers})
        self.layers = {
            name: PythonLayer(
                f"{name}-layer",
                {"layer": Layer.of(name, target), "bucket_name": self.lake.bucket_name},
                self.options,
            )
            for name in names
        }
        self.functions: FunctionDefaults = {
            "target": target,
            "layers": {name: layer.arn for name, layer in self.layers.items()},
            "reserved_concurrency": self.settings.reserved_concurrency,
            "log_retention_days": self.settings.log_retention_days,
            "log_level": self.settings.log_level,
            "time_zone": self.settings.time_zone,
            "tracing": self.settings.tracing,
            "kms_key_arn": self._key_arn,
            "alarm_topic_arn": self.alarm_topic and self.alarm_topic.arn,
        }

    def _make_fleet(self) -> None:
        """Register the topic of notifications, the table of alarms and that of machines."""
        notices = NoticeTopic(
            "notices", {"kms_key_arn": self._key_arn, "emails": self.settings.notice_emails}, self.options
        )
        self.alerting = Alerting(
            "alerting",
            {"notice_topic_arn": notices.arn, "kms_key_arn": self._key_arn, "protect": self._protect},
            self.options,
        )
        self.machines = Machines(
            "machines",
            {
                "kms_key_arn": self._key_arn,
                "protect": self._protect,
                "machine_classes": self.settings.machine_classes,
            },
            self.options,
        )

    def _make_ingestion(self) -> None:
        """Register ingestion, and the access of machines."""
        self.ingestion = Ingestion(
            "ingestion",
            {
                **self.lake.access,
                "alarms": self.alerting.access,
                "machines": self.machines.access,
                "settings": self.settings,
                "functions": self.functions,
                "protect": self._protect,
            },
            self.options,
        )
        self.keeping_failures: FunctionDefaults = {
            **self.functions,
            "dead_letter_queue_arn": self.ingestion.dead_letter_queue.arn,
        }
        rules = sorted(set(self.ingestion.rules.rule_names.values())) if self.settings.basic_ingest else []
        self.devices = Devices(
            "devices", {"topic_prefix": self.settings.mqtt_topic_prefix, "basic_ingest_rules": rules}, self.options
        )

    def _make_processing(self) -> None:
        self.processing = Processing(
            "processing",
            {
                **self.lake.access,
                **self.ingestion.label_access,
                "notice_topic_arn": self.alerting.access["notice_topic_arn"],
                "machines": self.machines.access,
                "channels": self.settings.channels,
                "settings": self.settings,
                "closing_grace_seconds": self.settings.ingestion_batch_window_seconds + _INGESTION_SECONDS,
                "lake_shards": self.settings.lake_shards,
                "allowed_lateness_hours": self.settings.allowed_lateness_hours,
                "functions": self.keeping_failures,
                "protect": self._protect,
            },
            self.options,
        )
