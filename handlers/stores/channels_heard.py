"""Which channels are listened to and which of them are silent: one object of the lake, replaced by compare-and-swap."""

from collections.abc import Mapping
from itertools import groupby

from handlers.stores.lake import DataLake
from handlers.stores.versioned import VersionedObject
from mlops_core.alerting import ChannelOfMachine, Heard
from mlops_core.lake import FRESHNESS_KEY
from mlops_core.records import canonical_json, stored_record

Channels = Mapping[ChannelOfMachine, Heard]


def channels_heard(lake: DataLake) -> VersionedObject[Channels]:
    """Return the object of a lake that says what was heard of each channel; no run has looked where there is none."""
    return VersionedObject(lake, FRESHNESS_KEY, encode=_encode, decode=_decode)


def _encode(channels: Channels) -> bytes:
    by_machine = groupby(sorted(channels.items()), key=lambda item: item[0].machine_id)
    return canonical_json({machine: {name.channel: heard for name, heard in held} for machine, held in by_machine})


def _decode(body: bytes) -> Channels:
    return {
        ChannelOfMachine(machine_id, channel): heard
        for machine_id, channels in stored_record(dict[str, dict[str, Heard]], body, where=FRESHNESS_KEY).items()
        for channel, heard in channels.items()
    }
