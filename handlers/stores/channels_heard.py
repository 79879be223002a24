"""Which channels are listened to and which of them are silent: one object of the lake, replaced by compare and swap."""

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from handlers.stores.lake import DataLake
from mlops_core.alerting import ChannelOfMachine, Heard
from mlops_core.lake import FRESHNESS_KEY
from mlops_core.records import canonical_json, record_from_json

Channels = Mapping[ChannelOfMachine, Heard]


class StoredChannels(NamedTuple):
    """What was known of the channels, and the version (ETag) in which it stands; None before the first run."""

    channels: Channels
    seen: str | None


class ChannelsHeard:
    """The object of a lake that says what was heard of each channel."""

    def __init__(self, lake: DataLake) -> None:
        self._lake = lake

    def load(self) -> StoredChannels:
        """Return what is known; nothing where no run has looked. Its absence is what the listing says."""
        seen = self._lake.versions(FRESHNESS_KEY).get(FRESHNESS_KEY)
        return (
            StoredChannels({}, None) if seen is None else StoredChannels(_decode(self._lake.read(FRESHNESS_KEY)), seen)
        )

    def replace(self, channels: Channels, *, after: StoredChannels) -> None:
        """Put `channels` in the place of what was loaded. Raises ObjectMovedError where another run was first."""
        self._lake.replace(FRESHNESS_KEY, _encode(channels), seen=after.seen)


def _encode(channels: Channels) -> bytes:
    by_machine = groupby(sorted(channels.items()), key=lambda item: item[0].machine_id)
    return canonical_json({machine: {name.channel: heard for name, heard in held} for machine, held in by_machine})


def _decode(body: bytes) -> Channels:
    return {
        ChannelOfMachine(machine_id, channel): heard
        for machine_id, channels in record_from_json(dict[str, dict[str, Heard]], body).items()
        for channel, heard in channels.items()
    }
