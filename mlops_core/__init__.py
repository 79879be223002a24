"""Predictive maintenance for industrial machines, as a library: telemetry, simulation, windowed features, prognosis.

Readings are a polars frame in long form: machine_id, channel, event_timestamp (UTC, microseconds), value. A feature row
exists at `window_end` and knows only what came before it. Times are aware UTC, durations are `timedelta` or text such
as "6h". Nothing here reads the environment, a clock or global random state: a seed gives the same result everywhere.

A name is loaded when it is first used, so that what needs only messages does not wait for polars or LightGBM.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_core.buckets import BUCKETS, BucketError, bucket_readings, features_from_buckets, merge_buckets
    from mlops_core.degradation import Advance, Failure, MachineState, MachineStatus, Sample, advance, new_machine
    from mlops_core.errors import (
        ColumnTypeError,
        ColumnValueError,
        FrameTypeError,
        InvalidArgumentError,
        MessageRejectedError,
        MissingColumnError,
        MlopsError,
        QuarantineReason,
        SchemaError,
        UnknownChannelError,
    )
    from mlops_core.evaluation import Evaluation, evaluate
    from mlops_core.features import EXTRA_STATISTICS, STATISTICS, compute_features
    from mlops_core.labels import LABELS, MAINTENANCE, label_features
    from mlops_core.machines import CHANNELS, Channel, channel_registry
    from mlops_core.model_bundle import ModelBundle, load_bundle
    from mlops_core.modelling.boosting import TreeSettings
    from mlops_core.modelling.held_out import TimeSplit, split_by_time
    from mlops_core.modelling.model_errors import (
        BundleError,
        CorruptBundleError,
        EmptyFeaturesError,
        FeatureMismatchError,
        HeldOutRunsError,
        IncompleteBundleError,
        SwappedBundleError,
        UnjudgeableError,
        UnsupportedBundleError,
        UntrainableError,
        UntrainableReason,
    )
    from mlops_core.modelling.promotion import Verdict, compare_models
    from mlops_core.modelling.reasons import Reason
    from mlops_core.normalisation import ConditionNormaliser, learn_normaliser
    from mlops_core.prediction import Prediction, predict, predict_one
    from mlops_core.realism import measure_realism
    from mlops_core.schema import FAILURES, READINGS, normalise_failures, normalise_readings
    from mlops_core.severity import (
        ZONE_BOUNDARIES,
        EvaluationZone,
        ZoneBoundaries,
        evaluation_zone,
        evaluation_zone_expression,
    )
    from mlops_core.simulation.degradation_law import DegradationLaw, MaintenancePolicy
    from mlops_core.simulation.failure_modes import FAILURE_MODES, FailureMode
    from mlops_core.simulation.operating_conditions import OperatingConditions
    from mlops_core.simulation.sensor_faults import SENSOR_FAULTS, FaultyReadings, SensorFaults, inject_sensor_faults
    from mlops_core.simulation.simulated_truth import RUNS, TRUTH
    from mlops_core.simulator import SimulatedHistory, simulate_fleet
    from mlops_core.telemetry import FailureEvent, Message, Reading, failure_message, parse_message, reading_message
    from mlops_core.training import TrainingSettings, train
    from mlops_core.unrecorded_returns import ReturnsAssumedWarning
    from mlops_core.waveforms import BURSTS, WAVEFORM_FEATURES, readings_from_waveforms, waveform_features
    from mlops_core.windowing.bearings import BearingGeometry, DefectFrequencies
    from mlops_core.windowing.derived_features import add_age, add_drift, add_evaluation_zones, machine_baselines
    from mlops_core.windowing.grid import TimeSpanError
    from mlops_core.windowing.window_statistics import StatisticError
    from mlops_core.windows import DurationError, NaiveTimeError, WindowError

_MODULES = {
    "windowing.bearings": "BearingGeometry DefectFrequencies",
    "modelling.boosting": "TreeSettings",
    "buckets": "BUCKETS BucketError bucket_readings features_from_buckets merge_buckets",
    "degradation": "Advance Failure MachineState MachineStatus Sample advance new_machine",
    "simulation.degradation_law": "DegradationLaw MaintenancePolicy",
    "windowing.derived_features": "add_age add_drift add_evaluation_zones machine_baselines",
    "errors": (
        "ColumnTypeError ColumnValueError FrameTypeError InvalidArgumentError MessageRejectedError "
        "MissingColumnError MlopsError QuarantineReason SchemaError UnknownChannelError"
    ),
    "evaluation": "Evaluation evaluate",
    "simulation.failure_modes": "FAILURE_MODES FailureMode",
    "windowing.grid": "TimeSpanError",
    "features": "EXTRA_STATISTICS STATISTICS compute_features",
    "modelling.held_out": "TimeSplit split_by_time",
    "labels": "LABELS MAINTENANCE label_features",
    "machines": "CHANNELS Channel channel_registry",
    "model_bundle": "ModelBundle load_bundle",
    "modelling.model_errors": (
        "BundleError CorruptBundleError EmptyFeaturesError FeatureMismatchError HeldOutRunsError "
        "IncompleteBundleError SwappedBundleError UnjudgeableError UnsupportedBundleError UntrainableError "
        "UntrainableReason"
    ),
    "normalisation": "ConditionNormaliser learn_normaliser",
    "simulation.operating_conditions": "OperatingConditions",
    "prediction": "Prediction predict predict_one",
    "modelling.promotion": "Verdict compare_models",
    "realism": "measure_realism",
    "modelling.reasons": "Reason",
    "schema": "FAILURES READINGS normalise_failures normalise_readings",
    "simulation.sensor_faults": "SENSOR_FAULTS FaultyReadings SensorFaults inject_sensor_faults",
    "severity": "ZONE_BOUNDARIES EvaluationZone ZoneBoundaries evaluation_zone evaluation_zone_expression",
    "simulation.simulated_truth": "RUNS TRUTH",
    "simulator": "SimulatedHistory simulate_fleet",
    "telemetry": "FailureEvent Message Reading failure_message parse_message reading_message",
    "training": "TrainingSettings train",
    "unrecorded_returns": "ReturnsAssumedWarning",
    "waveforms": "BURSTS WAVEFORM_FEATURES readings_from_waveforms waveform_features",
    "windowing.window_statistics": "StatisticError",
    "windows": "DurationError NaiveTimeError WindowError",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = [
    "BUCKETS",
    "BURSTS",
    "CHANNELS",
    "EXTRA_STATISTICS",
    "FAILURES",
    "FAILURE_MODES",
    "LABELS",
    "MAINTENANCE",
    "READINGS",
    "RUNS",
    "SENSOR_FAULTS",
    "STATISTICS",
    "TRUTH",
    "WAVEFORM_FEATURES",
    "ZONE_BOUNDARIES",
    "Advance",
    "BearingGeometry",
    "BucketError",
    "BundleError",
    "Channel",
    "ColumnTypeError",
    "ColumnValueError",
    "ConditionNormaliser",
    "CorruptBundleError",
    "DefectFrequencies",
    "DegradationLaw",
    "DurationError",
    "EmptyFeaturesError",
    "Evaluation",
    "EvaluationZone",
    "Failure",
    "FailureEvent",
    "FailureMode",
    "FaultyReadings",
    "FeatureMismatchError",
    "FrameTypeError",
    "HeldOutRunsError",
    "IncompleteBundleError",
    "InvalidArgumentError",
    "MachineState",
    "MachineStatus",
    "MaintenancePolicy",
    "Message",
    "MessageRejectedError",
    "MissingColumnError",
    "MlopsError",
    "ModelBundle",
    "NaiveTimeError",
    "OperatingConditions",
    "Prediction",
    "QuarantineReason",
    "Reading",
    "Reason",
    "ReturnsAssumedWarning",
    "Sample",
    "SchemaError",
    "SensorFaults",
    "SimulatedHistory",
    "StatisticError",
    "SwappedBundleError",
    "TimeSpanError",
    "TimeSplit",
    "TrainingSettings",
    "TreeSettings",
    "UnjudgeableError",
    "UnknownChannelError",
    "UnsupportedBundleError",
    "UntrainableError",
    "UntrainableReason",
    "Verdict",
    "WindowError",
    "ZoneBoundaries",
    "add_age",
    "add_drift",
    "add_evaluation_zones",
    "advance",
    "bucket_readings",
    "channel_registry",
    "compare_models",
    "compute_features",
    "evaluate",
    "evaluation_zone",
    "evaluation_zone_expression",
    "failure_message",
    "features_from_buckets",
    "inject_sensor_faults",
    "label_features",
    "learn_normaliser",
    "load_bundle",
    "machine_baselines",
    "measure_realism",
    "merge_buckets",
    "new_machine",
    "normalise_failures",
    "normalise_readings",
    "parse_message",
    "predict",
    "predict_one",
    "reading_message",
    "readings_from_waveforms",
    "simulate_fleet",
    "split_by_time",
    "train",
    "waveform_features",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'mlops_core' has no attribute {name!r}")
    value = getattr(import_module(f"mlops_core.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
