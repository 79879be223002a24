"""What this stack computes: the recipe that processing follows, training hands to models, and serving compares with."""

from collections.abc import Sequence
from datetime import timedelta

from mlops_core.features import FeatureRecipe, channel_statistics, chosen_statistics
from mlops_core.telemetry import Channels


def stack_recipe(channels: Channels, lengths: Sequence[timedelta], hop: timedelta) -> FeatureRecipe:
    """Return the recipe of a stack with these channels and windows: drift of levels over a day, and age.

    Raises InvalidArgumentError where a channel names a statistic that does not exist.
    """
    recipe = FeatureRecipe.of_stack(tuple(channels), lengths=lengths, hop=hop, channels_sha256=channels.hash)
    common, of_channel = chosen_statistics(channels), channel_statistics(channels)
    own = {name: statistics for name, statistics in of_channel.items() if statistics != common}
    return recipe.model_copy(update={"statistics": common, "own_statistics": own}).with_drift_of_means()
