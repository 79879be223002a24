"""The environment of each function, typed: one frozen model a function, which the program fills and the handler reads.

How values are written into variables is in `contract.variables`.
"""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.variables import (
    Days,
    FunctionSettings,
    Hop,
    Hours,
    Json,
    Lengths,
    Minutes,
    Name,
    Seconds,
    Shards,
    TopicPrefix,
)
from mlops_core.condition.classes import MachineClass
from mlops_core.telemetry import MachineId

HISTORICAL_REACH = timedelta(days=400)
"""Maximum age of what a device marks as historical, where a stack configures none."""


class LakeSettings(FunctionSettings):
    """Settings of every function that works with objects of the data lake."""

    data_lake_bucket: Name


class LabelHistorySettings(FunctionSettings):
    """Settings of every function that knows failures, repairs and returns to service."""

    label_history_table: Name


class OnlineSettings(FunctionSettings):
    """Settings of every function that works with the online feature store."""

    dynamodb_table_name: Name


class AlarmTableSettings(FunctionSettings):
    """Settings of every function that knows alarms."""

    alarms_table: Name


class NoticeSettings(FunctionSettings):
    """Settings of every function that sends messages to people."""

    notice_topic_arn: Name


class AlarmSettings(AlarmTableSettings, NoticeSettings):
    """Settings of every function that raises alarms."""


class ReceivingSettings(LakeSettings, AlarmSettings):
    """Settings of every function that takes messages of machines from a queue.

    `allowed_lateness`: age beyond which a message is quarantined as too late; `historical_reach`: the same for one that
    is marked as historical.
    """

    mqtt_topic_prefix: TopicPrefix
    allowed_lateness: Hours = Field(timedelta(hours=48), alias="ALLOWED_LATENESS_HOURS")
    historical_reach: Days = Field(HISTORICAL_REACH, alias="HISTORICAL_REACH_DAYS")


class SimulatorSettings(LabelHistorySettings):
    """Settings of the simulator. `machine_ids` are distinct; `max_catch_up` bounds the time one invocation makes up."""

    machine_state_table: Name
    mqtt_topic_prefix: TopicPrefix
    machine_ids: Annotated[tuple[MachineId, ...], Json]
    simulator_seed: int
    sampling_interval: Seconds = Field(timedelta(seconds=60), alias="SAMPLING_INTERVAL_SECONDS")
    max_catch_up: Minutes = Field(timedelta(minutes=120), alias="MAX_CATCH_UP_MINUTES")
    iot_endpoint: str | None = None

    @model_validator(mode="after")
    def _machines_are_distinct(self) -> Self:
        if len(set(self.machine_ids)) < len(self.machine_ids):
            raise ValueError("MACHINE_IDS: must name each machine once")
        return self

    @model_validator(mode="after")
    def _a_step_fits(self) -> Self:
        if self.max_catch_up < self.sampling_interval:
            raise ValueError(
                "MAX_CATCH_UP_MINUTES: must be at least SAMPLING_INTERVAL_SECONDS, or time would never advance"
            )
        return self


class MeasuringSettings(LakeSettings):
    """Settings of every function that knows what is measured.

    `channels_key`: the document of the stack's channels in the lake; without it, those out of the box.
    """

    channels_key: Name | None = None


class FleetSettings(FunctionSettings):
    """Settings of every function that knows machines: their records, and the configured classes."""

    machines_table: Name
    machine_classes: Annotated[dict[str, MachineClass], Json] = Field(default_factory=dict)


class ComputingSettings(MeasuringSettings, FleetSettings):
    """Settings of every function that knows what features the stack computes: its recipe follows from them.

    `event_features`: kinds of events and codes of kinds (`error`, `error/E1`); `attribute_features`: rated values of
    machines, and values of their categories (`speed_rpm`, `site=North`).
    """

    feature_lengths: Lengths
    feature_hop: Hop = timedelta(minutes=60)
    event_features: Annotated[tuple[Name, ...], Json] = ()
    attribute_features: Annotated[tuple[Name, ...], Json] = ()


class IngestionSettings(MeasuringSettings, ReceivingSettings, FleetSettings):
    """Settings of the ingestion function."""


class LabelSettings(ReceivingSettings, LabelHistorySettings):
    """Settings of the label function."""


class ProcessingSettings(ComputingSettings, OnlineSettings, LabelHistorySettings, NoticeSettings):
    """Settings of the processing function. `time_window`: where a run starts without a checkpoint, and its chunk size.

    `closing_grace_seconds`: how long after its end a scheduled run takes an hour for closed, since messages still wait.
    The hop divides the hour, because the lake is partitioned by the hour, and so it divides every feature length.
    """

    time_window: Hours
    closing_grace_seconds: Annotated[int, Field(ge=0)] = 0
    lake_shards: Shards = 1
    allowed_lateness: Hours = Field(timedelta(hours=48), alias="ALLOWED_LATENESS_HOURS")

    @model_validator(mode="after")
    def _hop_divides_the_lengths(self) -> Self:
        hour = timedelta(hours=1)
        if hour % self.feature_hop:
            raise ValueError("FEATURE_HOP_MINUTES: must divide 60, because the lake is partitioned by the hour")
        if not self.feature_lengths or len(set(self.feature_lengths)) < len(self.feature_lengths):
            raise ValueError("FEATURE_LENGTHS_HOURS: must name one length or more, each once")
        return self


class TrainingSetSettings(ComputingSettings, LabelHistorySettings):
    """Settings of the function that builds training sets. `training_history`: how far back it looks."""

    prediction_horizon: Hours = Field(alias="PREDICTION_HORIZON_HOURS")
    training_history: Days = Field(alias="TRAINING_HISTORY_DAYS")


class BaselineSettings(LakeSettings, FleetSettings, LabelHistorySettings):
    """Settings of the function that learns what is normal. Hours of planned maintenance are none of them.

    `anomaly_episodes_per_machine_month`: false episodes that are accepted.
    """

    training_history: Days = Field(alias="TRAINING_HISTORY_DAYS")
    anomaly_episodes_per_machine_month: Annotated[float, Field(gt=0)] = 0.6


class TrainingSettings(MeasuringSettings):
    """Settings of the function that trains. `training_seed`: of every random choice.

    `actionable`: an alarm is right if the failure comes within it; `false_episodes_per_machine_month`: those accepted.
    """

    prediction_horizon: Hours = Field(alias="PREDICTION_HORIZON_HOURS")
    training_seed: int
    actionable: Hours = Field(timedelta(hours=72), alias="ACTIONABLE_HOURS")
    false_episodes_per_machine_month: Annotated[float, Field(gt=0)] = 0.3


class RegistrySettings(LakeSettings):
    """Settings of the functions that compare models and promote one."""


class TrialSettings(LakeSettings, LabelHistorySettings, NoticeSettings):
    """Settings of the function that tries the champion."""


class ServingSettings(ComputingSettings, OnlineSettings, AlarmTableSettings, LabelHistorySettings):
    """Settings of every function that predicts. `model_recheck`: how long a new champion may go unnoticed.

    `silent_after`: how long a channel may say nothing. The tables of alarms, label history and machines say in what
    state a machine is.
    """

    silent_after: Hours = Field(alias="SILENT_AFTER_HOURS")
    model_recheck: Seconds = Field(timedelta(seconds=60), alias="MODEL_RECHECK_SECONDS")


class InferenceSettings(ServingSettings):
    """Settings of the endpoint. `features_stale_after`: age beyond which features are called stale."""

    features_stale_after: Hours = Field(alias="FEATURES_STALE_AFTER_HOURS")


class MaintenanceSettings(OnlineSettings, LabelHistorySettings):
    """Settings of the function that takes technicians' records; a machine is known by its features."""


class ScoringSettings(ServingSettings, AlarmSettings):
    """Settings of the function that scores the fleet.

    `escalate_after`: time without acknowledgement after which a reminder is sent; without it, none is.
    """

    predictions_table: Name
    escalate_after: Hours | None = Field(default=None, alias="ESCALATE_AFTER_HOURS")


class SnapshotSettings(MeasuringSettings, AlarmTableSettings, OnlineSettings, LabelHistorySettings):
    """Settings of the function that keeps the fleet's page. `stack_name`: what the page calls the stack."""

    stack_name: Name
    machines_table: Name
    machine_state_table: Name
    predictions_table: Name
    feature_lengths: Lengths
    silent_after: Hours = Field(alias="SILENT_AFTER_HOURS")


class AlarmAnswerSettings(AlarmTableSettings):
    """Settings of the function that lists alarms and takes the answers to them."""


class AlarmEventSettings(LabelHistorySettings):
    """Settings of the function that publishes changes of alarms, and keeps verdicts as labels."""

    event_bus_name: Name
