"""Predictive maintenance for industrial machines, as a library: telemetry, simulation, windowed features, prognosis.

Readings are a polars frame in long form: machine_id, channel, event_timestamp (UTC, microseconds), value. A feature row
exists at `window_end` and knows only what came before it. Times are aware UTC, durations are `timedelta` or text such
as "6h". Nothing here reads the environment, a clock or global random state: a seed gives the same result everywhere.

A name is loaded when it is first used, so that what needs only messages does not wait for polars or LightGBM.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_core.buckets import BUCKETS, bucket_readings, features_from_buckets, merge_buckets
    from mlops_core.degradation import Advance, MachineState, MachineStatus, advance, new_machine
    from mlops_core.errors import (
        InvalidArgumentError,
        MessageRejectedError,
        MlopsError,
        QuarantineReason,
        SchemaError,
    )
    from mlops_core.features import EXTRA_STATISTICS, STATISTICS, compute_features
    from mlops_core.labels import label_features
    from mlops_core.machines import CHANNELS, Channel, channel_registry
    from mlops_core.realism import measure_realism
    from mlops_core.schema import FAILURES, READINGS, normalise_failures, normalise_readings
    from mlops_core.severity import (
        ZONE_BOUNDARIES,
        EvaluationZone,
        ZoneBoundaries,
        evaluation_zone,
        evaluation_zone_expression,
    )
    from mlops_core.simulator import SimulatedHistory, simulate_fleet
    from mlops_core.telemetry import (
        FailureEvent,
        Message,
        Reading,
        failure_message,
        parse_message,
        reading_message,
    )

_MODULES = {
    "buckets": ("BUCKETS", "bucket_readings", "features_from_buckets", "merge_buckets"),
    "degradation": ("Advance", "MachineState", "MachineStatus", "advance", "new_machine"),
    "errors": ("InvalidArgumentError", "MessageRejectedError", "MlopsError", "QuarantineReason", "SchemaError"),
    "features": ("EXTRA_STATISTICS", "STATISTICS", "compute_features"),
    "labels": ("label_features",),
    "machines": ("CHANNELS", "Channel", "channel_registry"),
    "realism": ("measure_realism",),
    "schema": ("FAILURES", "READINGS", "normalise_failures", "normalise_readings"),
    "severity": (
        "ZONE_BOUNDARIES",
        "EvaluationZone",
        "ZoneBoundaries",
        "evaluation_zone",
        "evaluation_zone_expression",
    ),
    "simulator": ("SimulatedHistory", "simulate_fleet"),
    "telemetry": ("FailureEvent", "Message", "Reading", "failure_message", "parse_message", "reading_message"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BUCKETS",
    "CHANNELS",
    "EXTRA_STATISTICS",
    "FAILURES",
    "READINGS",
    "STATISTICS",
    "ZONE_BOUNDARIES",
    "Advance",
    "Channel",
    "EvaluationZone",
    "FailureEvent",
    "InvalidArgumentError",
    "MachineState",
    "MachineStatus",
    "Message",
    "MessageRejectedError",
    "MlopsError",
    "QuarantineReason",
    "Reading",
    "SchemaError",
    "SimulatedHistory",
    "ZoneBoundaries",
    "advance",
    "bucket_readings",
    "channel_registry",
    "compute_features",
    "evaluation_zone",
    "evaluation_zone_expression",
    "failure_message",
    "features_from_buckets",
    "label_features",
    "measure_realism",
    "merge_buckets",
    "new_machine",
    "normalise_failures",
    "normalise_readings",
    "parse_message",
    "reading_message",
    "simulate_fleet",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'mlops_core' has no attribute {name!r}")
    value = getattr(import_module(f"mlops_core.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
