"""What a model reads and a stack does not compute, in words."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mlops_core.features.names import AGE, DRIFT, FeatureName, attribute_of, parse_event_column, parse_feature_name
from mlops_core.features.scaling import NORMALISED

if TYPE_CHECKING:
    from mlops_core.features.recipe import FeatureRecipe


def recipe_differences(model: "FeatureRecipe", stack: "FeatureRecipe", names: Iterable[str]) -> list[str]:
    """Return in words what a model that reads the columns `names` needs and `stack` does not compute."""
    lacking: dict[str, list[str]] = {}
    for name in names:
        for kind, what in _lacking(model, stack, name):
            if what not in lacking.setdefault(kind, []):
                lacking[kind].append(what)
    return [f"{kind} {', '.join(sorted(found))}" for kind, found in lacking.items()]


def _lacking(model: "FeatureRecipe", stack: "FeatureRecipe", name: str) -> Iterator[tuple[str, str]]:
    """Kinds of things, and what of each kind, that `stack` lacks for a column."""
    parts = parse_feature_name(name)
    event = parse_event_column(name) if name in model.columns_of_events else None
    if name == AGE and model.age:
        if not stack.age:
            yield "the hours since the return to service, that is", name
    elif (attribute := attribute_of(name)) in model.attributes:
        if attribute not in stack.attributes:
            yield "attributes of machines:", attribute or ""
    elif event is not None:
        if event.name not in stack.events:
            yield "events", event.name
        elif name not in stack.columns_of_events:
            yield "counts of events within", event.length or ""
    elif name in model.unknown or parts is None:
        yield "columns made outside of a recipe:", name
    else:
        yield from _lacking_window(model, stack, name, parts)


def _lacking_window(
    model: "FeatureRecipe", stack: "FeatureRecipe", name: str, parts: FeatureName
) -> Iterator[tuple[str, str]]:
    channel = parts.channel.removesuffix(NORMALISED) if model.normaliser else parts.channel
    if model.normaliser and channel != parts.channel and model.normaliser.setting_channels:
        yield "normalisation by the operating condition, defined by", ", ".join(model.normaliser.setting_channels)
    if channel not in (stack.channels or ()):
        yield "channels", channel
    if parts.statistic not in stack.statistics_of(channel):
        yield "statistics", parts.statistic
    if parts.length_name not in stack.lengths:
        yield "windows of", parts.length
    if parts.is_drift:
        base = f"{channel}_{parts.statistic}_{parts.length_name}"
        is_mixed = channel != parts.channel and parts.row.scaling == "mixed"
        if base not in stack.drift or is_mixed or (model.drift_rows, model.hop) != (stack.drift_rows, stack.hop):
            yield f"drift against the first {model.drift_rows} rows, {model.hop} apart, of", name.removesuffix(DRIFT)
