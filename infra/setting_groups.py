"""The configuration keys of a stack, one model a component: the one place where a key is declared.

A key is the field's name in camelCase; `Pulumi.yaml` holds its default and description. A component is given its model,
of which `infra.stack_settings.StackSettings` is an instance: it holds every key, and checks what they can be together.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.setting_types import (
    AttributeFeatures,
    BucketName,
    ConfiguredChannels,
    Email,
    EventFeatures,
    FunctionName,
    LambdaPython,
    LogLevel,
    LogRetention,
    MemoryMb,
    Schedule,
    TimeoutSeconds,
    TimeZone,
    TopicPrefix,
    checked_lengths,
    checked_machines,
)
from infra.tags import Tags, TagValue
from infra.work_order_targets import WorkOrderTarget
from mlops_core.condition.classes import MachineClass
from mlops_core.lake import MAXIMUM_SHARDS


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True)


class LakeSettings(_Settings):
    """The data lake."""

    data_lake_bucket_name: BucketName
    raw_retention_days: Annotated[int, Field(ge=0)]
    quarantine_retention_days: Annotated[int, Field(ge=0)]
    lake_shards: Annotated[int, Field(ge=1, le=MAXIMUM_SHARDS)]
    access_logging: bool


class TelemetrySettings(_Settings):
    """What machines measure and where they publish it, and the simulated ones."""

    channels: ConfiguredChannels
    mqtt_topic_prefix: TopicPrefix
    machine_classes: dict[str, MachineClass]
    basic_ingest: bool
    machine_ids: Annotated[tuple[str, ...], AfterValidator(checked_machines), Field(strict=False)]
    simulator_enabled: bool
    simulator_schedule_expression: Schedule
    simulator_seed: int
    sampling_interval_seconds: Annotated[int, Field(ge=1, le=3600)]
    maximum_catch_up_minutes: Annotated[int, Field(ge=1)]
    allowed_lateness_hours: Annotated[int, Field(ge=1)]
    historical_reach_days: Annotated[int, Field(ge=1, le=10_950)]


class IngestionSettings(TelemetrySettings):
    """Ingestion of readings and events, and the machines that publish them."""

    lambda_timeout_seconds: TimeoutSeconds
    lambda_memory_mb: MemoryMb
    ingestion_batch_size: Annotated[int, Field(ge=1, le=10_000)]
    ingestion_batch_window_seconds: Annotated[int, Field(ge=0, le=300)]
    ingestion_maximum_concurrency: Annotated[int, Field(ge=2, le=1000)]


class WindowSettings(_Settings):
    """The windows that features are computed over, and what else becomes features: events, attributes of machines."""

    feature_lengths_hours: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], AfterValidator(checked_lengths), Field(min_length=1, strict=False)
    ]
    feature_hop_minutes: Annotated[int, Field(ge=1)]
    event_features: EventFeatures = ()
    attribute_features: AttributeFeatures = ()

    @property
    def recipe(self) -> dict[str, object]:
        """The settings of every function that knows what features the stack computes."""
        return {
            "feature_lengths": [timedelta(hours=hours) for hours in self.feature_lengths_hours],
            "feature_hop": timedelta(minutes=self.feature_hop_minutes),
            **({"event_features": list(self.event_features)} if self.event_features else {}),
            **({"attribute_features": list(self.attribute_features)} if self.attribute_features else {}),
        }


class ProcessingSettings(WindowSettings):
    """Features from readings. `fleet_size`: number of machines that the stack is sized for; 0 if unset."""

    processing_schedule_expression: Schedule
    time_window_hours: Annotated[int, Field(ge=1, le=744)]  # a month
    processing_timeout_seconds: TimeoutSeconds
    processing_memory_mb: MemoryMb
    fleet_size: Annotated[int, Field(ge=0)]
    distributed_from_machines: Annotated[int, Field(ge=1)]
    backfill_maximum_concurrency: Annotated[int, Field(ge=1, le=1000)]


class TrainingSettings(WindowSettings):
    """Models from features and labels.

    `actionable_hours`: an alarm is right if the failure comes within these; `false_episodes_per_machine_month`: how
    many alarms without a failure are accepted, `anomaly_episodes_per_machine_month` how many of anomalies.
    """

    prediction_horizon_hours: Annotated[int, Field(ge=1)]
    actionable_hours: Annotated[int, Field(ge=1)]
    false_episodes_per_machine_month: Annotated[float, Field(gt=0, strict=False)]
    anomaly_episodes_per_machine_month: Annotated[float, Field(gt=0, strict=False)]
    training_enabled: bool
    training_schedule_expression: Schedule
    training_history_days: Annotated[int, Field(ge=1)]
    training_seed: int
    training_timeout_seconds: TimeoutSeconds
    training_memory_mb: MemoryMb


class ServingSettings(WindowSettings):
    """Predictions: the endpoint and the scoring of the fleet."""

    inference_timeout_seconds: Annotated[int, Field(ge=1, le=30)]
    inference_memory_mb: MemoryMb
    inference_requests_per_second: Annotated[int, Field(ge=1)]
    features_stale_after_hours: Annotated[int, Field(ge=1)]
    escalate_after_hours: Annotated[int, Field(ge=0)]
    work_order_targets: Annotated[tuple[WorkOrderTarget, ...], Field(strict=False)]
    silent_after_hours: Annotated[int, Field(ge=1, lt=720)]  # then a machine is taken to have left


class PageSettings(_Settings):
    """The fleet's page, kept as a file."""

    snapshot_enabled: bool
    snapshot_schedule_expression: Schedule


class FunctionSettings(_Settings):
    """What the functions have in common."""

    lambda_python: LambdaPython
    lambda_architecture: Literal["arm64", "x86_64", "host"]
    reserved_concurrency: dict[FunctionName, Annotated[int, Field(ge=1)]]
    log_level: LogLevel
    log_retention_days: LogRetention
    tracing: bool


class GeneralSettings(_Settings):
    """Protection, alarms, time and tags of the whole stack."""

    protect_data: bool
    customer_managed_key: bool
    alarms_enabled: bool
    alarm_emails: Annotated[tuple[Email, ...], Field(strict=False)]
    notice_emails: Annotated[tuple[Email, ...], Field(strict=False)]
    monthly_budget: Annotated[int, Field(ge=0)]
    processing_late_after_hours: Annotated[int, Field(ge=2, le=24)]
    time_zone: TimeZone
    owner: TagValue
    tags: Tags
