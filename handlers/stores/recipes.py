"""What this stack computes: the recipe that processing follows, training hands to models, and serving compares with."""

from collections.abc import Sequence
from datetime import timedelta

from mlops_core.features import FeatureRecipe
from mlops_core.telemetry import CHANNELS


def stack_recipe(lengths: Sequence[timedelta], hop: timedelta) -> FeatureRecipe:
    """Return the recipe of a stack with these windows: default statistics, drift of levels over a day, and age."""
    return FeatureRecipe.of_stack(tuple(CHANNELS), lengths=lengths, hop=hop, channels_sha256=CHANNELS.hash)
