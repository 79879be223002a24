"""What normalisation per operating condition has learned: data that is kept with a model, and its application.

Needs no polars until it is applied: the service that predicts for one machine reads it as part of a model's recipe.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    import polars as pl


class ChannelScale(BaseModel, frozen=True):
    """What a channel is like under each condition, in the channel's unit; null where training had no such readings."""

    means: tuple[float | None, ...]
    deviations: tuple[float | None, ...]


class ConditionNormaliser(BaseModel, frozen=True):
    """Means and standard deviations of channels under operating conditions. Made by `learn_normaliser`.

    setting_channels: the channels that say what the condition is; none for a single condition.
    setting_scales: a unit of distance for each of them.
    centres: the settings of each condition, numbered from 0.
    assignment: "equal", a condition is met exactly; "nearest", the nearest centre counts.
    channels: what was learned.
    """

    setting_channels: tuple[str, ...]
    setting_scales: tuple[float, ...]
    centres: tuple[tuple[float, ...], ...]
    assignment: Literal["equal", "nearest"]
    channels: dict[str, ChannelScale]

    def conditions(self, readings: "pl.DataFrame") -> "pl.DataFrame":
        """The operating condition at each moment that has a full set of settings.

        Args:
            readings: schema READINGS, the setting channels among them.

        Returns:
            machine_id, event_timestamp, condition (Int32; null where settings equal none of the conditions), ordered by
            both. A condition holds until the next row of its machine.

        """
        from mlops_core.features.normaliser import conditions_of

        return conditions_of(self, readings)

    def apply(self, readings: "pl.DataFrame") -> "pl.DataFrame":
        """The readings with each value as (value - mean) / deviation under the condition that held at its time.

        The condition at a time is the latest one at or before it, so that nothing is known early. A channel that was
        constant under a condition keeps its unit: only the mean is taken off. The value is null (a measurement that
        counts nowhere) where no condition is known yet, or training had no readings of the channel under it. Setting
        channels stay as they are. Schema READINGS, rows in the same order.

        Raises:
            UnknownChannelError: a channel that was not learned.
            SchemaError: `readings` does not fit READINGS.

        """
        from mlops_core.features.normaliser import normalised

        return normalised(self, readings)
