"""The outputs of a stack, one field each: the program fills them, commands and tests read them.

A field's name is the output's name in Pulumi. To add an output, add a field here: the type checker then asks the
program (`infra/outputs.py`) for its value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast, get_type_hints

from pydantic import BaseModel, create_model

Text = TypeVar("Text")


@dataclass(frozen=True, kw_only=True)
class StackOutputs(Generic[Text]):
    """All outputs. `Text` is `str` in those of a deployed stack, and an input of Pulumi's while the program fills them.

    A stack that was deployed by an earlier release may lack some: reading one that is absent raises the error that
    `read` was given, unless the field has a default.
    """

    data_lake_bucket: Text
    data_lake_bucket_arn: Text
    model_registry: Text | None = None
    """`s3://` address under which models and the champion's pointer lie."""
    dashboard_name: Text | None = None
    """The dashboard of CloudWatch; None where alarms are off."""
    channels_key: Text | None = None
    """The document of the stack's channels; None where a stack measures those out of the box."""

    time_zone: Text | None = None
    """IANA time zone of the plant; None in a stack of a release that had none, which is UTC."""

    data_layer_arn: Text
    """The `polars` layer, by the name that the original's pandas layer had."""
    base_layer_arn: Text
    polars_layer_arn: Text
    numpy_layer_arn: Text
    model_layer_arn: Text

    simulator_function_name: Text
    simulator_function_arn: Text
    ingestion_function_name: Text
    ingestion_function_arn: Text
    label_function_name: Text
    label_function_arn: Text
    processing_function_name: Text
    processing_function_arn: Text
    processing_role_arn: Text
    baseline_function_name: Text
    training_set_function_name: Text
    training_function_name: Text
    evaluation_function_name: Text
    promotion_function_name: Text
    trial_function_name: Text
    inference_function_name: Text
    maintenance_function_name: Text
    scoring_function_name: Text
    snapshot_function_name: Text
    alarm_answers_function_name: Text
    alarm_events_function_name: Text

    backfill_state_machine_arn: Text | None = None
    """None in a stack of a release that had none."""
    training_state_machine_arn: Text
    inference_endpoint: Text
    inference_invoke_arn: Text
    maintenance_invoke_arn: Text
    alarms_invoke_arn: Text

    machine_state_table_name: Text
    machine_state_table_arn: Text
    label_history_table_name: Text
    label_history_table_arn: Text
    realtime_features_table_name: Text
    realtime_features_table_arn: Text
    predictions_table_name: Text
    predictions_table_arn: Text
    alarms_table_name: Text
    alarms_table_arn: Text
    machines_table_name: Text
    machines_table_arn: Text

    notice_topic_arn: Text
    event_bus_name: Text
    """The bus that carries changes of alarm episodes."""
    ingestion_queue_url: Text
    label_queue_url: Text
    dead_letter_queue_url: Text

    mqtt_topic_prefix: Text
    mqtt_topics: Mapping[str, Text]
    """Topic filter of each rule."""
    topic_rule_names: Mapping[str, Text]
    schedule_names: Mapping[str, Text]
    """Of `simulator`, `processing` and `training`."""
    log_group_names: Mapping[str, Text]
    """Of each function, of `training_executions` and `backfill_executions`."""

    device_policy_name: Text
    device_group_name: Text
    device_endpoint: Text

    glue_database_name: Text
    raw_table_name: Text
    features_table_name: Text

    lake_shards: int
    fleet_size: int = 0
    """Number of machines that the stack is sized for; 0 if unset."""
    distributed_from_machines: int | None = None
    allowed_lateness_hours: int
    historical_reach_days: int | None = None
    feature_lengths_hours: Sequence[int]
    feature_hop_minutes: int
    silent_after_hours: int
    escalate_after_hours: int = 0
    machine_ids: Sequence[str]
    machine_classes: Sequence[str] | None = None
    """Names of the configured classes; None where there are none."""
    running_rules: Mapping[str, Any] | None = None
    """Of each class the patterns of its machines and when they run (`RunningClass`); None where there is no rule."""
    event_features: Sequence[str] | None = None
    attribute_features: Sequence[str] | None = None

    @classmethod
    def read(cls, document: Mapping[str, object], *, absent: Callable[[str], Exception]) -> "StackOutputs[str]":
        """Return the outputs of a deployed stack from their JSON; unknown ones are ignored.

        Args:
            document: Values by name.
            absent: Makes the error for the name of an output that is read and absent.

        Raises:
            pydantic.ValidationError: a ValueError; an output has a value of another type.

        """
        present = {name: value for name, value in document.items() if value is not None}
        outputs = object.__new__(cast("type[StackOutputs[str]]", cls))
        read = _document().model_validate(present)
        vars(outputs).update({name: getattr(read, name) for name in read.model_fields_set}, _absent=absent)
        return outputs

    def has(self, name: str) -> bool:
        """Whether the stack has an output of that name."""
        return vars(self).get(name) is not None

    def function_name(self, function: str) -> Text:
        """Return the output `{function}_function_name`, for a function that is known at run time only."""
        return getattr(self, f"{function}_function_name")

    if not TYPE_CHECKING:  # a checker would take every name for an output

        def __getattr__(self, name: str) -> NoReturn:
            """Raise the error of an absent output."""
            if "_absent" in vars(self) and name in {field.name for field in fields(self)}:
                raise vars(self)["_absent"](name)
            raise AttributeError(name)


@cache
def _document() -> type[BaseModel]:
    """Make the model of the outputs in JSON: text in the place of `Text`, none of them required."""
    hints = get_type_hints(StackOutputs)
    types: dict[str, Any] = {}
    for field in fields(StackOutputs):
        hint = hints[field.name]
        of_text = hint[str] if getattr(hint, "__parameters__", ()) else hint
        types[field.name] = (str if hint is Text else of_text, None)
    return create_model("Outputs", **types)
