"""Which statistics the windows of each channel get: those that it names, or those of a stack with so many channels."""

from mlops_core.errors import InvalidArgumentError
from mlops_core.features.statistics import REGISTRY, STATISTICS
from mlops_core.telemetry import Channels

MANY_CHANNELS = 20
"""A stack with more channels than this gets `FEW_STATISTICS` of each that names none."""
FEW_STATISTICS = ("count", "mean", "std", "max", "last")


def channel_statistics(channels: Channels) -> dict[str, tuple[str, ...]]:
    """The statistics of each channel, in the registry's order. The count is always among them: silence is seen by it.

    Raises:
        InvalidArgumentError: a channel names a statistic that does not exist.

    """
    usual = STATISTICS if len(channels) <= MANY_CHANNELS else FEW_STATISTICS
    for channel in channels.values():
        for statistic in channel.statistics or ():
            if statistic not in REGISTRY:
                raise InvalidArgumentError(
                    f"statistics of {channel.name}", statistic, f"is none of {', '.join(REGISTRY)}"
                )
    return {
        name: tuple(each for each in REGISTRY if each == "count" or each in (channel.statistics or usual))
        for name, channel in channels.items()
    }


def chosen_statistics(channels: Channels) -> tuple[str, ...]:
    """The statistics that any channel has, in the registry's order."""
    chosen = {statistic for statistics in channel_statistics(channels).values() for statistic in statistics}
    return tuple(statistic for statistic in REGISTRY if statistic in chosen)
