"""Predictions of many rows as a frame, for notebooks and holdouts; a service has `predict_one` and `predict_many`."""

from collections.abc import Iterator
from dataclasses import asdict
from statistics import fmean
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from mlops_core.errors import FeatureMismatchError
from mlops_core.features import ConditionNormaliser, parse_feature_name
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.estimates import estimate, modes, reasons_for, zones
from mlops_core.prognosis.training_table import matrix_of

_KEYS: Final = frozenset({"machine_id", "window_end", "revision"})
_REASON: Final = pl.Struct(
    {"feature": pl.String, "value": pl.Float64, "typical": pl.Float64, "odds_factor": pl.Float64, "text": pl.String}
)


def predict(bundle: ModelBundle, features: pl.DataFrame, *, reasons: int = 0, strict: bool = False) -> pl.DataFrame:
    """Return one prediction for each feature row, in its order.

    Args:
        bundle: the model.
        features: `machine_id`, `window_end` and every column of the model's schema, in any order.
        reasons: how many contributions at most for each row; they take nine tenths of the time, so none unless asked.
        strict: refuse columns that the model does not know; they are ignored otherwise.

    Returns:
        The fields of `Prediction` as columns; `reasons` is a list of structs. A row whose windows hold no reading has
        nulls, for nothing is known of it; so has one of a machine unlike all that the model has learned from, whose
        `unusual_features` name the columns in which it began elsewhere.

    Raises:
        FeatureMismatchError: columns missing, not numeric, or (strict) unexpected.

    Example:
        >>> predictions = mc.predict(model, features)
        >>> predictions.height == features.height
        True
        >>> predictions["failure_probability"].is_between(0, 1).all()
        True

    """
    schema = bundle.schema
    schema.check(bundle.version, [*features.columns], allowed=_KEYS if strict else None)
    if missing := [name for name in ("machine_id", "window_end") if name not in features.columns]:
        raise FeatureMismatchError(bundle.version, missing=missing)
    kinds = features.select(schema.names).schema.items()
    wrong = [name for name, kind in kinds if not (kind.is_numeric() or kind in (pl.Boolean(), pl.Null()))]
    if wrong:
        raise FeatureMismatchError(bundle.version, wrong_type=wrong)
    matrix = schema.given(matrix_of(features, schema.names))
    _refuse_raw_rows(bundle, matrix)
    is_known = pl.Series(values=np.count_nonzero(~np.isnan(matrix[:, schema.is_measured]), axis=1) > 0)
    foreign = schema.foreign(matrix)
    is_foreign = pl.Series(values=[bool(columns) for columns in foreign], dtype=pl.Boolean)
    unusual = [list(columns) or row for columns, row in zip(foreign, schema.unusual(matrix), strict=True)]
    estimates = estimate(bundle, matrix)
    found = [[asdict(reason) for reason in row] for row in reasons_for(bundle, matrix, most=reasons)]
    estimated = pl.DataFrame(
        {
            "machine_id": features["machine_id"],
            "window_end": features["window_end"],
            "failure_probability": estimates.failure_probability,
            "rul_hours_p10": estimates.rul_hours[:, 0],
            "rul_hours_p50": estimates.rul_hours[:, 1],
            "rul_hours_p90": estimates.rul_hours[:, 2],
            "rul_hours_mean": estimates.rul_hours_mean,
            "health_index": estimates.health_index,
            "evaluation_zone": pl.Series(zones(bundle, matrix), dtype=pl.String),
            "reasons": pl.Series(found, dtype=pl.List(_REASON)),
            "unusual_features": pl.Series(unusual, dtype=pl.List(pl.String)),
            "failure_mode": pl.Series(modes(bundle, matrix), dtype=pl.String),
        }
    )
    judged = [name for name in estimated.columns if name not in _KEYS]
    predicted = [name for name in judged if name not in ("evaluation_zone", "unusual_features")]
    return estimated.with_columns(pl.when(is_known).then(pl.col(name)) for name in judged).with_columns(
        *(pl.when(~is_foreign).then(pl.col(name)) for name in predicted), model_version=pl.lit(bundle.version)
    )


def _refuse_raw_rows(bundle: ModelBundle, matrix: NDArray[np.float32]) -> None:
    """Raise FeatureMismatchError where rows are of raw readings, and the model's were normalised outside of a recipe.

    The columns of both have the same names, so only the values distinguish them: most of those in informative columns
    are outside the range seen in training. A column is informative where its typical value, put back into the
    channel's unit, would be outside as well.
    """
    if bundle.normaliser is None:
        return
    columns = list(_telling_columns(bundle))
    values = matrix[:, columns]
    low, high = bundle.schema.bounds
    outside = int(((values < low[columns]) | (values > high[columns])).sum())
    if columns and outside > np.count_nonzero(~np.isnan(values)) / 2:
        raise FeatureMismatchError(bundle.version, differences=["the normalisation that its readings went through"])


def _telling_columns(bundle: ModelBundle) -> Iterator[int]:
    scales = _scales(bundle.normaliser or "")
    for column, (name, typical, lowest, highest) in enumerate(
        zip(bundle.schema.names, bundle.schema.typical, *bundle.schema.bounds, strict=True)
    ):
        parts = parse_feature_name(name)
        if parts is None or parts.is_drift or parts.channel not in scales or typical is None:
            continue
        mean, deviation = scales[parts.channel]
        raw = {"location": mean + typical * deviation, "scale": typical * deviation}.get(parts.row.scaling)
        if raw is not None and not lowest <= raw <= highest:
            yield column


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
