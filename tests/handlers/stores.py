"""The stores of a stack through the clients of its handlers, which injected faults reach too."""

from handlers.stores import (
    Alarms,
    BaselineRegistry,
    DataLake,
    FleetStore,
    LabelHistory,
    Machines,
    MachineStates,
    ModelRegistry,
    OnlineFeatures,
    clients,
)
from tests.handlers.aws_in_process import BUCKET


def lake() -> DataLake:
    return DataLake(clients.s3(), BUCKET)


def models() -> ModelRegistry:
    return ModelRegistry(lake())


def baselines() -> BaselineRegistry:
    return BaselineRegistry(lake())


def labels() -> LabelHistory:
    return LabelHistory(clients.dynamodb(), "label-history")


def alarms() -> Alarms:
    return Alarms(clients.dynamodb(), "alarms")


def machines() -> Machines:
    return Machines(clients.dynamodb(), "machines")


def machine_states() -> MachineStates:
    return MachineStates(clients.dynamodb(), "machine-state")


def online() -> OnlineFeatures:
    return OnlineFeatures(clients.dynamodb(), "realtime-features")


def fleet() -> FleetStore:
    return FleetStore(lake(), clients.dynamodb(), features="realtime-features", predictions="predictions")
