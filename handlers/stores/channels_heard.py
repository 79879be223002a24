"""Which channels are listened to and which of them are silent: one object of the lake, replaced by compare and swap."""

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from handlers.stores.lake import DataLake
from mlops_core.alerting import ChannelOfMachine, Heard
from mlops_core.lake import FRESHNESS_KEY
from mlops_core.time import utc_text

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
    machines = {
        machine_id: {
            name.channel: {
                "not_after": utc_text(heard.not_after),
                "until": utc_text(heard.until),
                "is_silent": heard.is_silent,
            }
            for name, heard in of_machine
        }
        for machine_id, of_machine in groupby(sorted(channels.items()), key=lambda item: item[0].machine_id)
    }
    return f"{json.dumps(machines, separators=(',', ':'))}\n".encode()


def _decode(body: bytes) -> Channels:
    machines: dict[str, dict[str, dict[str, Any]]] = json.loads(body)
    return {
        ChannelOfMachine(machine_id, channel): Heard(
            datetime.fromisoformat(heard["not_after"]), datetime.fromisoformat(heard["until"]), heard["is_silent"]
        )
        for machine_id, channels in machines.items()
        for channel, heard in channels.items()
    }
