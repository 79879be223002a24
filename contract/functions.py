"""The functions of the platform, one row each: what infra deploys, tests try, and reports and documents list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contract.environment import (
    AlarmAnswerSettings,
    AlarmEventSettings,
    BaselineSettings,
    InferenceSettings,
    IngestionSettings,
    LabelSettings,
    MaintenanceSettings,
    ProcessingSettings,
    RegistrySettings,
    ScoringSettings,
    SimulatorSettings,
    SnapshotSettings,
    TrainingSetSettings,
    TrainingSettings,
    TrialSettings,
)
from contract.variables import FunctionSettings


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function."""

    name: str
    """Its key in `reservedConcurrency` and its module in handlers/."""
    resource: str
    """Its name within its component; part of the URN, so it stays as it is."""
    settings: type[FunctionSettings]
    """What its environment holds."""
    layers: tuple[str, ...]
    """Layers that hold what it imports beside the standard library and the AWS SDK: `base` (pydantic, Powertools),
    `polars`, `numpy`, `model` (LightGBM with its OpenMP runtime). Lambda takes five at most."""

    @property
    def module(self) -> str:
        """The module of its handler."""
        return f"handlers.{self.name}"

    @property
    def handler(self) -> str:
        """What Lambda calls."""
        return f"{self.module}.handler"

    @property
    def service(self) -> str:
        """What it calls itself in logs and metrics."""
        return self.name.replace("_", "-")


FUNCTIONS: Final[Mapping[str, Function]] = {
    row.name: row
    for row in (
        Function("simulator", "simulator", SimulatorSettings, ("base", "numpy")),
        Function("ingestion", "readings", IngestionSettings, ("base",)),
        Function("labels", "labels", LabelSettings, ("base",)),
        Function("processing", "features", ProcessingSettings, ("base", "polars", "numpy")),
        Function("baseline", "baseline", BaselineSettings, ("base", "polars", "numpy")),
        Function("training_set", "set", TrainingSetSettings, ("base", "polars", "numpy")),
        Function("training", "fit", TrainingSettings, ("base", "polars", "numpy", "model")),
        Function("evaluation", "judge", RegistrySettings, ("base", "polars", "numpy", "model")),
        Function("promotion", "promote", RegistrySettings, ("base", "numpy", "model")),
        Function("trial", "weekly", TrialSettings, ("base", "polars", "numpy", "model")),
        Function("inference", "api", InferenceSettings, ("base", "numpy", "model")),
        Function("maintenance", "api", MaintenanceSettings, ("base",)),
        Function("scoring", "fleet", ScoringSettings, ("base", "numpy", "model")),
        Function("snapshot", "fleet", SnapshotSettings, ("base", "polars", "numpy", "model")),
        Function("alarm_answers", "api", AlarmAnswerSettings, ("base",)),
        Function("alarm_events", "publisher", AlarmEventSettings, ("base",)),
    )
}
"""By name."""
