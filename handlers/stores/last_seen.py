"""When each watched channel was last seen, and whether it is silent: one object, replaced by compare-and-swap."""

from collections.abc import Mapping
from itertools import groupby

from handlers.stores.lake import DataLake
from handlers.stores.versioned import VersionedObject
from mlops_core.alerting import ChannelOfMachine, LastSeen
from mlops_core.lake import FRESHNESS_KEY
from mlops_core.records import canonical_json, stored_record

Channels = Mapping[ChannelOfMachine, LastSeen]


def last_seen_object(lake: DataLake) -> VersionedObject[Channels]:
    """Return the object that holds when each channel was last seen; absent before the first check of silence."""
    return VersionedObject(lake, FRESHNESS_KEY, encode=_encode, decode=_decode)


def _encode(channels: Channels) -> bytes:
    by_machine = groupby(sorted(channels.items()), key=lambda item: item[0].machine_id)
    return canonical_json({machine: {name.channel: seen for name, seen in own} for machine, own in by_machine})


def _decode(body: bytes) -> Channels:
    return {
        ChannelOfMachine(machine_id, channel): seen
        for machine_id, channels in stored_record(dict[str, dict[str, LastSeen]], body, where=FRESHNESS_KEY).items()
        for channel, seen in channels.items()
    }
