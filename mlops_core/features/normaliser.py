"""Normalisation per operating condition: a reading in standard deviations from what is usual under that condition.

A machine that runs at several loads, speeds or altitudes moves its sensors far more by changing condition than by
wearing. The normaliser learns each channel's mean and standard deviation under each condition, on training machines
only, and is kept with the model: what was learned once is applied to every later reading.
"""

from collections.abc import Collection, Sequence

import polars as pl

from mlops_core.errors import InvalidArgumentError, UnknownChannelError
from mlops_core.features.conditions import ChannelScale, ConditionNormaliser
from mlops_core.features.scaling import NORMALISED
from mlops_core.telemetry import normalise_readings

_CONSTANT = 1e-9  # a standard deviation below this share of the mean is rounding, not variation
_IDENTITY = ("machine_id", "event_timestamp")


def learn_normaliser(
    readings: pl.DataFrame,
    *,
    settings: Sequence[str] = (),
    conditions: int | None = None,
    machine_ids: Sequence[str] | None = None,
) -> ConditionNormaliser:
    """Learn level and spread of each channel under each operating condition.

    Args:
        readings: frame READINGS; channels in `settings` define the operating condition, all others are normalised.
        settings: channel names; with none there is one condition, and normalising is against the fleet.
        conditions: how many conditions to find by clustering the settings (k-means on settings divided by their
            standard deviation, started at points far apart; no chance is involved). None: every distinct combination
            of setting values is a condition of its own, as when a controller reports its mode.
        machine_ids: the training machines; default all in `readings`.

    Returns:
        The normaliser: `.apply(readings)` gives deviations from the mean, in standard deviations.

    Raises:
        InvalidArgumentError: settings that have no readings, more conditions asked for than there are distinct
            settings, or clusters without settings.
        SchemaError: `readings` does not fit READINGS.

    Example:
        >>> normaliser = mc.learn_normaliser(history.readings)
        >>> abs(normaliser.apply(history.readings)["value"].mean()) < 1e-6
        True

    """
    checked = normalise_readings(readings)
    if machine_ids is not None:
        checked = checked.filter(pl.col("machine_id").is_in(list(machine_ids)))
    if conditions is not None and not settings:
        raise InvalidArgumentError("conditions", conditions, "needs settings to cluster", "Name them: settings=(...)")
    points = _settings(checked, settings)
    if settings and not points.height:
        raise InvalidArgumentError(
            "settings",
            tuple(settings),
            "are never all known for a training machine",
            "Name channels that have readings",
        )
    distinct = points.select(settings).unique().sort(settings) if settings else pl.DataFrame()
    scales = tuple(_spread(points[name]) for name in settings)
    if not settings:
        centres: tuple[tuple[float, ...], ...] = ((),)
    elif conditions is None:
        centres = tuple(distinct.rows())
    else:
        if not 1 <= conditions <= distinct.height:
            raise InvalidArgumentError(
                "conditions", conditions, f"is not from 1 to {distinct.height}, the number of distinct settings"
            )
        from mlops_core.features.clusters import cluster_centres

        centres = cluster_centres(points.select(settings).sort(settings), scales, conditions)
    unlearned = ConditionNormaliser(
        setting_channels=tuple(settings),
        setting_scales=scales,
        centres=centres,
        assignment="equal" if conditions is None else "nearest",
        channels={},
    )
    return unlearned.model_copy(update={"channels": _channel_scales(_located(checked, unlearned), unlearned)})


def conditions_of(normaliser: ConditionNormaliser, readings: pl.DataFrame) -> pl.DataFrame:
    """See `ConditionNormaliser.conditions`."""
    return _conditions(_settings(normalise_readings(readings), normaliser.setting_channels), normaliser)


def normalised(normaliser: ConditionNormaliser, readings: pl.DataFrame) -> pl.DataFrame:
    """See `ConditionNormaliser.apply`."""
    checked = normalise_readings(readings)
    for channel in checked["channel"].unique().sort():
        if channel not in normaliser.channels and channel not in normaliser.setting_channels:
            raise UnknownChannelError(channel, normaliser.channels)
    located = _located(checked, normaliser)
    scales = pl.DataFrame(
        [
            (channel, condition, mean, deviation)
            for channel, scale in normaliser.channels.items()
            for condition, (mean, deviation) in enumerate(zip(scale.means, scale.deviations, strict=True))
        ],
        schema={"channel": pl.String, "condition": pl.Int32, "mean": pl.Float64, "deviation": pl.Float64},
        orient="row",
    )
    scaled = located.join(scales, on=["channel", "condition"], how="left", maintain_order="left")
    value = (pl.col("value") - pl.col("mean")) / pl.col("deviation")
    is_setting = pl.col("channel").is_in(normaliser.setting_channels)
    return scaled.select(
        "machine_id", "channel", "event_timestamp", value=pl.when(is_setting).then("value").otherwise(value)
    )


def normalised_channels(
    normaliser: ConditionNormaliser, readings: pl.DataFrame, *, settings: Collection[str]
) -> pl.DataFrame:
    """Return normalised readings under names of their own, and those of the channels in `settings` as they are."""
    left_out = [name for name in normaliser.setting_channels if name not in settings]
    kept = normalised(normaliser, readings).filter(~pl.col("channel").is_in(left_out))
    is_scaled = ~pl.col("channel").is_in(list(normaliser.setting_channels))
    return kept.with_columns(channel=pl.when(is_scaled).then(pl.col("channel") + NORMALISED).otherwise("channel"))


def _settings(readings: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """machine_id, event_timestamp and the settings at each moment that reports one, the others as last reported."""
    own = readings.filter(pl.col("channel").is_in(list(names))).drop_nulls("value")
    wide = (
        own.group_by(_IDENTITY)
        .agg(pl.col("value").filter(pl.col("channel") == name).max().alias(name) for name in names)
        .sort(_IDENTITY)
    )
    return wide.with_columns(pl.col(names).forward_fill().over("machine_id")).drop_nulls() if names else wide


def _conditions(settings: pl.DataFrame, normaliser: ConditionNormaliser) -> pl.DataFrame:
    names, centres = normaliser.setting_channels, normaliser.centres
    if normaliser.assignment == "equal":
        known = pl.DataFrame(
            [(*centre, number) for number, centre in enumerate(centres)],
            schema={**dict.fromkeys(names, pl.Float64), "condition": pl.Int32},
            orient="row",
        )
        found = settings.join(known, on=names, how="left", maintain_order="left")
    else:
        distances = [
            pl.sum_horizontal(
                ((pl.col(name) - at) / scale) ** 2
                for name, at, scale in zip(names, centre, normaliser.setting_scales, strict=True)
            )
            for centre in centres
        ]
        found = settings.with_columns(condition=pl.concat_list(distances).list.arg_min().cast(pl.Int32))
    return found.select(*_IDENTITY, "condition")


def _located(readings: pl.DataFrame, normaliser: ConditionNormaliser) -> pl.DataFrame:
    """Readings in their order, with the condition that held at each."""
    if not normaliser.setting_channels:
        return readings.with_columns(condition=pl.lit(0, pl.Int32))
    conditions = _conditions(_settings(readings, normaliser.setting_channels), normaliser)
    return (
        readings.with_row_index("row")
        .sort("event_timestamp")
        .join_asof(conditions.sort("event_timestamp"), on="event_timestamp", by="machine_id", check_sortedness=False)
        .sort("row")
        .drop("row")
    )


def _channel_scales(located: pl.DataFrame, normaliser: ConditionNormaliser) -> dict[str, ChannelScale]:
    measured = located.filter(~pl.col("channel").is_in(normaliser.setting_channels)).drop_nulls()
    # Sorted values make the sums independent of the order of rows and of the number of threads.
    groups = measured.group_by("channel", "condition").agg(pl.col("value").sort())
    mean, deviation = pl.col("value").list.mean(), pl.col("value").list.std().fill_null(0.0)
    learned = groups.select("channel", "condition", mean=mean, deviation=deviation).with_columns(
        deviation=pl.when(pl.col("deviation") > _CONSTANT * pl.col("mean").abs()).then("deviation").otherwise(1.0)
    )
    means: dict[tuple[str, int], tuple[float, float]] = {
        (channel, condition): (at, by) for channel, condition, at, by in learned.iter_rows()
    }
    nothing = (None, None)
    return {
        channel: ChannelScale(
            means=tuple(means.get((channel, c), nothing)[0] for c in range(len(normaliser.centres))),
            deviations=tuple(means.get((channel, c), nothing)[1] for c in range(len(normaliser.centres))),
        )
        for channel in sorted({channel for channel, _ in means})
    }


def _spread(settings: pl.Series) -> float:
    """The standard deviation as a unit of distance; 1 where all are equal, and every distance is 0."""
    deviation = settings.sort().std()
    return deviation if isinstance(deviation, float) and deviation > 0 else 1.0
