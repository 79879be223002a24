"""The environment of each function, typed: one frozen model per function, the only reader of environment variables.

A model is read at the first invocation of a fresh environment (`read`), so a wrong or missing variable ends the cold
start with an error that names the variable, and importing a handler needs no environment at all.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Self, TypeVar

from pydantic import BeforeValidator, Field, Json, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mlops_core.errors import MlopsError
from mlops_core.telemetry import MachineId


class InvalidEnvironmentError(MlopsError):
    """The function's environment variables do not form valid settings; the message names each variable at fault."""

    def __init__(self, function: str, error: ValidationError) -> None:
        faults = "; ".join(f"{_variable(fault['loc'])}{fault['msg']}" for fault in error.errors(include_input=False))
        super().__init__(f"{function} cannot be read from the environment: {faults}", "Set them on the function")


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable that a pydantic error location stands for; empty for a rule over several of them."""
    name = "".join(f"[{part}]" if isinstance(part, int) else part.upper() for part in location)
    return f"{name}: " if name else ""


def _whole(unit: str) -> Callable[[object], timedelta]:
    def parse(raw: object) -> timedelta:
        try:
            span = timedelta(**{unit: int(str(raw))})
        except (ValueError, OverflowError):
            span = timedelta(0)
        if span <= timedelta(0):
            message = f"must be a whole number of {unit}, 1 or more, and fewer than a billion days"
            raise ValueError(message)
        return span

    return parse


Days = Annotated[timedelta, BeforeValidator(_whole("days"))]
Hours = Annotated[timedelta, BeforeValidator(_whole("hours"))]
Minutes = Annotated[timedelta, BeforeValidator(_whole("minutes"))]
Seconds = Annotated[timedelta, BeforeValidator(_whole("seconds"))]
Name = Annotated[str, StringConstraints(min_length=1)]
TopicPrefix = Annotated[str, StringConstraints(pattern=r"\A[^+#/\s]+(/[^+#/\s]+)*\z")]


class FunctionSettings(BaseSettings):
    """What every function needs. Sources: environment variables only (no files, no secrets folder, no arguments)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", validate_default=False)

    powertools_service_name: Name
    powertools_metrics_namespace: Name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment and nothing else."""
        return (env_settings,)


class SimulatorSettings(FunctionSettings):
    """Settings of the simulator. `machine_ids` are distinct; `max_catch_up` bounds the time one invocation makes up."""

    machine_state_table: Name
    label_history_table: Name
    mqtt_topic_prefix: TopicPrefix
    machine_ids: Json[tuple[MachineId, ...]]
    simulator_seed: int
    sampling_interval: Seconds = Field(timedelta(seconds=60), validation_alias="SAMPLING_INTERVAL_SECONDS")
    max_catch_up: Minutes = Field(timedelta(minutes=120), validation_alias="MAX_CATCH_UP_MINUTES")
    iot_endpoint: str | None = None

    @model_validator(mode="after")
    def _machines_are_distinct(self) -> Self:
        if len(set(self.machine_ids)) < len(self.machine_ids) or not self.machine_ids:
            message = "MACHINE_IDS: must name one machine or more, each once"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _a_step_fits(self) -> Self:
        if self.max_catch_up < self.sampling_interval:
            message = "MAX_CATCH_UP_MINUTES: must be at least SAMPLING_INTERVAL_SECONDS, or time would never advance"
            raise ValueError(message)
        return self


class IngestionSettings(FunctionSettings):
    """Settings of the ingestion function. `allowed_lateness`: age beyond which a reading is quarantined as too late."""

    data_lake_bucket: Name
    mqtt_topic_prefix: TopicPrefix
    lake_shards: Annotated[int, Field(ge=1, le=100)] = 1
    allowed_lateness: Hours = Field(timedelta(hours=48), validation_alias="ALLOWED_LATENESS_HOURS")


class AlarmSettings(FunctionSettings):
    """Settings of every function that raises alarms."""

    alarms_table: Name
    notice_topic_arn: Name


class LabelSettings(AlarmSettings):
    """Settings of the label function."""

    data_lake_bucket: Name
    label_history_table: Name
    mqtt_topic_prefix: TopicPrefix
    allowed_lateness: Hours = Field(timedelta(hours=48), validation_alias="ALLOWED_LATENESS_HOURS")


class ProcessingSettings(FunctionSettings):
    """Settings of the processing function. `time_window`: where a run starts without a checkpoint, and its chunk size.

    The hop divides the hour, because the lake is partitioned by the hour, and so it divides every feature length.
    """

    data_lake_bucket: Name
    dynamodb_table_name: Name
    time_window: Hours
    feature_lengths: Json[tuple[Hours, ...]] = Field(validation_alias="FEATURE_LENGTHS_HOURS")
    feature_hop: Minutes = Field(timedelta(minutes=60), validation_alias="FEATURE_HOP_MINUTES")
    lake_shards: Annotated[int, Field(ge=1, le=100)] = 1
    allowed_lateness: Hours = Field(timedelta(hours=48), validation_alias="ALLOWED_LATENESS_HOURS")

    @model_validator(mode="after")
    def _hop_divides_the_lengths(self) -> Self:
        hour = timedelta(hours=1)
        if hour % self.feature_hop:
            message = "FEATURE_HOP_MINUTES: must divide 60, because the lake is partitioned by the hour"
            raise ValueError(message)
        if not self.feature_lengths or len(set(self.feature_lengths)) < len(self.feature_lengths):
            message = "FEATURE_LENGTHS_HOURS: must name one length or more, each once"
            raise ValueError(message)
        return self


class TrainingSetSettings(FunctionSettings):
    """Settings of the function that builds training sets. `training_history`: how far back it looks."""

    data_lake_bucket: Name
    label_history_table: Name
    prediction_horizon: Hours = Field(validation_alias="PREDICTION_HORIZON_HOURS")
    training_history: Days = Field(validation_alias="TRAINING_HISTORY_DAYS")


class TrainingSettings(FunctionSettings):
    """Settings of the function that trains. `training_seed`: of every random choice."""

    data_lake_bucket: Name
    prediction_horizon: Hours = Field(validation_alias="PREDICTION_HORIZON_HOURS")
    training_seed: int


class RegistrySettings(FunctionSettings):
    """Settings of the functions that compare models and promote one."""

    data_lake_bucket: Name


class ServingSettings(FunctionSettings):
    """Settings of every function that predicts. `model_recheck`: how long a new champion may go unnoticed."""

    data_lake_bucket: Name
    dynamodb_table_name: Name
    feature_lengths_hours: Json[tuple[Annotated[int, Field(ge=1)], ...]]
    model_recheck: Seconds = Field(timedelta(seconds=60), validation_alias="MODEL_RECHECK_SECONDS")


class InferenceSettings(ServingSettings):
    """Settings of the endpoint. `features_stale_after`: age beyond which features are called stale."""

    features_stale_after: Hours = Field(validation_alias="FEATURES_STALE_AFTER_HOURS")


class MaintenanceSettings(FunctionSettings):
    """Settings of the function that takes technicians' records; a machine is known by its features."""

    dynamodb_table_name: Name
    label_history_table: Name


class ScoringSettings(ServingSettings):
    """Settings of the function that scores the fleet. `silent_after`: how long a channel may say nothing."""

    predictions_table: Name
    notice_topic_arn: Name
    silent_after: Hours = Field(validation_alias="SILENT_AFTER_HOURS")


AnySettings = TypeVar("AnySettings", bound=FunctionSettings)


def read(model: type[AnySettings]) -> AnySettings:
    """Fill `model` from the environment. Raises InvalidEnvironmentError, which names each variable at fault."""
    try:
        return model.model_validate({})
    except ValidationError as error:
        raise InvalidEnvironmentError(model.__name__, error) from error
