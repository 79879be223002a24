"""Predictions of many rows as a frame, for notebooks and holdouts; a service has `predict_one` and `predict_many`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import numpy as np

from mlops_core.errors import FeatureMismatchError
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.estimates import estimate, modes, reasons_for, zones

if TYPE_CHECKING:
    import polars as pl

_KEYS: Final = frozenset({"machine_id", "window_end", "revision"})


def predict(bundle: ModelBundle, features: "pl.DataFrame", *, reasons: int = 0, strict: bool = False) -> "pl.DataFrame":
    """Return one prediction for each feature row, in its order.

    Args:
        bundle: the model.
        features: `machine_id`, `window_end` and every column of the model's schema, in any order.
        reasons: how many contributions at most for each row; they take nine tenths of the time, so none unless asked.
        strict: refuse columns that the model does not know; they are ignored otherwise.

    Returns:
        The fields of `Prediction` as columns; `reasons` is a list of structs. A row whose windows hold no reading has
        nulls, for nothing can be said of it; so has one of a machine unlike all that the model has learned from, whose
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
    import polars as pl

    from mlops_core.prognosis.raw_rows import refuse_raw_rows
    from mlops_core.prognosis.training_table import matrix_of

    schema = bundle.schema
    schema.check(bundle.version, [*features.columns], allowed=_KEYS if strict else None)
    if missing := [name for name in ("machine_id", "window_end") if name not in features.columns]:
        raise FeatureMismatchError(bundle.version, missing=missing)
    kinds = features.select(schema.names).schema.items()
    wrong = [name for name, kind in kinds if not (kind.is_numeric() or kind in (pl.Boolean(), pl.Null()))]
    if wrong:
        raise FeatureMismatchError(bundle.version, wrong_type=wrong)
    matrix = schema.given(matrix_of(features, schema.names))
    refuse_raw_rows(bundle, matrix)
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
            "reasons": pl.Series(found, dtype=pl.List(_reason_type())),
            "unusual_features": pl.Series(unusual, dtype=pl.List(pl.String)),
            "failure_mode": pl.Series(modes(bundle, matrix), dtype=pl.String),
        }
    )
    judged = [name for name in estimated.columns if name not in _KEYS]
    predicted = [name for name in judged if name not in ("evaluation_zone", "unusual_features")]
    return estimated.with_columns(pl.when(is_known).then(pl.col(name)) for name in judged).with_columns(
        *(pl.when(~is_foreign).then(pl.col(name)) for name in predicted), model_version=pl.lit(bundle.version)
    )


def _reason_type() -> "pl.Struct":
    import polars as pl

    return pl.Struct(
        {
            "feature": pl.String,
            "value": pl.Float64,
            "typical": pl.Float64,
            "odds_factor": pl.Float64,
            "text": pl.String,
        }
    )
