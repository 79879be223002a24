"""The channels of a stack: one document of the lake, which the program writes and functions and commands read."""

from handlers.stores.lake import DataLake
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import channels_key
from mlops_core.telemetry import CHANNELS, Channels


def load_channels(lake: DataLake, key: str | None) -> Channels:
    """Return the channels of the document `key`; those out of the box where a stack names none.

    Raises MalformedObjectError where the object is not the document that its key names.
    """
    if key is None:
        return CHANNELS
    try:
        channels = Channels.from_document(lake.read(key))
    except MalformedObjectError as error:
        hint = "Deploy again, or restore its previous version"
        raise MalformedObjectError(key, error.problem, hint) from error
    if channels_key(channels.hash) != key:
        raise MalformedObjectError(key, "holds other channels than its name says")
    return channels
