"""Rows of raw readings offered to a model whose readings were normalised outside of a recipe.

The columns of both have the same names (those of a recipe's normaliser do not), so only the values distinguish them.
"""

from collections.abc import Iterator
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlops_core.errors import FeatureMismatchError
from mlops_core.features import ConditionNormaliser, parse_feature_name
from mlops_core.prognosis.bundle import ModelBundle


def refuse_raw_rows(bundle: ModelBundle, matrix: NDArray[np.float32]) -> None:
    """Raise FeatureMismatchError where most values are outside the range seen in training, in informative columns.

    A column is informative where its typical value, put back into the channel's unit, would be outside as well.
    """
    if bundle.normaliser is None:
        return
    columns = list(_telling_columns(bundle))
    values = matrix[:, columns]
    low, high = (np.array([bounds[column] for column in columns], dtype=np.float32) for bounds in _bounds(bundle))
    outside = int(((values < low) | (values > high)).sum())
    if columns and outside > np.count_nonzero(~np.isnan(values)) / 2:
        raise FeatureMismatchError(bundle.version, differences=["the normalisation that its readings went through"])


def _telling_columns(bundle: ModelBundle) -> Iterator[int]:
    scales = _scales(bundle.normaliser or "")
    for column, (name, typical, lowest, highest) in enumerate(
        zip(bundle.schema.names, bundle.schema.typical, *_bounds(bundle), strict=True)
    ):
        parts = parse_feature_name(name)
        if parts is None or parts.is_drift or parts.channel not in scales or typical is None:
            continue
        mean, deviation = scales[parts.channel]
        raw = {"location": mean + typical * deviation, "scale": typical * deviation}.get(parts.row.scaling)
        if raw is not None and not lowest <= raw <= highest:
            yield column


def _bounds(bundle: ModelBundle) -> tuple[tuple[float, ...], tuple[float, ...]]:
    lowest, highest = bundle.schema.lowest, bundle.schema.highest
    return (
        tuple(-np.inf if value is None else value for value in lowest),
        tuple(np.inf if value is None else value for value in highest),
    )


def _scales(normaliser: str) -> dict[str, tuple[float, float]]:
    """Mean and deviation of each channel, on average over operating conditions; nothing of what cannot be read."""
    try:
        channels = ConditionNormaliser.model_validate_json(normaliser).channels
    except ValidationError:
        return {}
    scales: dict[str, tuple[float, float]] = {}
    for name, of in channels.items():
        means = [value for value in of.means if value is not None]
        deviations = [value for value in of.deviations if value is not None]
        if means and deviations:
            scales[name] = fmean(means), fmean(deviations)
    return scales
