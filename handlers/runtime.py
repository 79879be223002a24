"""What a function works with: its settings, read once per process, and the stores over clients that are made once.

Settings are read at the first invocation of a fresh environment, so a wrong or missing variable ends the cold start
with an error that names the variable, and importing a handler needs no environment at all. Nothing else reads
environment variables.
"""

import gc
import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from contract.environment import LabelHistorySettings, LakeSettings, MeasuringSettings, OnlineSettings
from contract.variables import FunctionSettings
from handlers.stores import DataLake, LabelHistory, OnlineFeatures, clients, load_channels
from mlops_core.telemetry import Channels

Settings = TypeVar("Settings", bound=FunctionSettings)


def settings(model: type[Settings]) -> Callable[[], Settings]:
    """Return a function that fills `model` from the environment at its first call, and remembers the result.

    That call raises InvalidEnvironmentError, which names each variable at fault.
    """

    @cache
    def read() -> Settings:
        # What was imported stays: a collector that walks it again and again takes a sixth of ingestion's time.
        if not gc.get_freeze_count():
            gc.freeze()
        return model.read(os.environ)

    return read


def lake(chosen: LakeSettings) -> DataLake:
    """Return the data lake that these settings name."""
    return DataLake(clients.s3(), chosen.data_lake_bucket)


def channels(chosen: MeasuringSettings) -> Channels:
    """Return the channels that these settings name. Raises MalformedObjectError."""
    return load_channels(lake(chosen), chosen.channels_key)


def label_history(chosen: LabelHistorySettings) -> LabelHistory:
    """Return the history of failures and maintenance that these settings name."""
    return LabelHistory(clients.dynamodb(), chosen.label_history_table)


def online_features(chosen: OnlineSettings) -> OnlineFeatures:
    """Return the online feature store that these settings name."""
    return OnlineFeatures(clients.dynamodb(), chosen.dynamodb_table_name)
