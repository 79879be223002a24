"""What one run of processing works with, and what it has done so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from contract.environment import ProcessingSettings
from handlers.stores import DamageRecords, DataLake, LabelHistory, NewestFeatures
from mlops_core.condition import MachineRecord
from mlops_core.features import FeatureRecipe


@dataclass
class Work:
    """What has been done so far, for logs and metrics."""

    feature_rows: int = 0
    online_written: int = 0
    hours_changed: int = 0
    malformed_lines: int = 0
    windows: set[datetime] = field(default_factory=set[datetime])
    machines: set[str] = field(default_factory=set[str])


@dataclass(frozen=True)
class Workspace:
    """What building hours and computing rows have in common, from the beginning of a run to its end.

    Attributes:
        settings: of the function.
        lake: where readings lie and outputs go.
        newest: where each machine's newest row goes.
        labels: the history of failures and returns to service.
        recipe: the features that are computed.
        machines: the record of each machine that has one.
        records: takes what is damaged.
        most_readings: how many are in memory at once, at most.
        work: what has been done so far.

    """

    settings: ProcessingSettings
    lake: DataLake
    newest: NewestFeatures
    labels: LabelHistory
    recipe: FeatureRecipe
    machines: Mapping[str, MachineRecord]
    records: DamageRecords
    most_readings: int
    work: Work = field(default_factory=Work)

    @property
    def assigned_classes(self) -> dict[str, str]:
        """The class of each machine whose record names one."""
        return {name: each.machine_class for name, each in self.machines.items() if each.machine_class is not None}
