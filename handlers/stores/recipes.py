"""What this stack computes: the recipe that processing follows, training hands to models, and serving compares with."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from contract.environment import ComputingSettings
from mlops_core.condition.classes import running_classes
from mlops_core.features import FeatureRecipe, channel_statistics, chosen_statistics
from mlops_core.telemetry import Channels, RunningClass


def recipe_of(chosen: ComputingSettings, channels: Channels) -> FeatureRecipe:
    """Return the recipe that a function's settings and its channels give, as `stack_recipe` does."""
    return stack_recipe(
        channels,
        chosen.feature_lengths,
        chosen.feature_hop,
        running_classes(chosen.machine_classes),
        events=chosen.event_features,
        attributes=chosen.attribute_features,
    )


def stack_recipe(
    channels: Channels,
    lengths: Sequence[timedelta],
    hop: timedelta,
    running: Mapping[str, RunningClass] | None = None,
    *,
    events: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> FeatureRecipe:
    """Return the recipe of a stack with these channels and windows: drift of levels over a day, and age.

    running: by class of machines, when they run. events: what is counted, `error` or `error/E1`. attributes: of
    machines, `speed_rpm` or `site=North`.

    Raises InvalidArgumentError where a channel names a statistic that does not exist.
    """
    recipe = FeatureRecipe.of_stack(tuple(channels), lengths=lengths, hop=hop, channels_sha256=channels.hash)
    common, of_channel = chosen_statistics(channels), channel_statistics(channels)
    own = {name: statistics for name, statistics in of_channel.items() if statistics != common}
    further = {
        "statistics": common,
        "own_statistics": own,
        "running": dict(running or {}),
        "events": tuple(events),
        "attributes": tuple(attributes),
    }
    return recipe.model_copy(update=further).with_drift_of_means()
