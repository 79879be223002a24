"""Where a stack keeps what is known of its machines: for commands, the page and its snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from handlers.stores.alarms import Alarms
from handlers.stores.fleet import FleetStore
from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from handlers.stores.machine_facts import MachineKnowledge
from handlers.stores.machines import Machines
from mlops_core.telemetry import Channels

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class FleetSources:
    """Where a stack keeps what is known of its machines, and how that is read; a name is that of a table."""

    stack: str
    lake: DataLake
    dynamodb: "DynamoDBClient"
    alarms: str
    features: str
    label_history: str
    machines: str
    machine_states: str
    predictions: str
    channels: Channels
    feature_lengths: Sequence[timedelta]
    silent_after: timedelta
    """How long a channel may say nothing."""
    time_zone: str = "UTC"

    @property
    def fleet(self) -> FleetStore:
        """The newest features and predictions."""
        return FleetStore(self.lake, self.dynamodb, features=self.features, predictions=self.predictions)

    @property
    def knowledge(self) -> MachineKnowledge:
        """What the tables say of the machines."""
        return MachineKnowledge(
            Alarms(self.dynamodb, self.alarms),
            LabelHistory(self.dynamodb, self.label_history),
            Machines(self.dynamodb, self.machines),
        )
