"""The functions of the platform, one row each: what infra deploys, tests try, and reports and documents list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contract.environment import (
    FunctionSettings,
    InferenceSettings,
    IngestionSettings,
    LabelSettings,
    MaintenanceSettings,
    ProcessingSettings,
    RegistrySettings,
    ScoringSettings,
    SimulatorSettings,
    TrainingSetSettings,
    TrainingSettings,
)


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
    """Layers that hold what it imports beside the standard library and the AWS SDK."""

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
        Function("simulator", "simulator", SimulatorSettings, ("data",)),
        Function("ingestion", "readings", IngestionSettings, ("data",)),
        Function("labels", "labels", LabelSettings, ("data",)),
        Function("processing", "features", ProcessingSettings, ("data",)),
        Function("training_set", "set", TrainingSetSettings, ("data", "model")),
        Function("training", "fit", TrainingSettings, ("data", "model")),
        Function("evaluation", "judge", RegistrySettings, ("data", "model")),
        Function("promotion", "promote", RegistrySettings, ("data", "model")),
        Function("inference", "api", InferenceSettings, ("model",)),
        Function("maintenance", "api", MaintenanceSettings, ("data",)),
        Function("scoring", "fleet", ScoringSettings, ("model",)),
    )
}
"""By name."""
